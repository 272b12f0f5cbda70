import type { Module } from "../link/module.ts";
import { REF, lowerBound } from "../module/refs.ts";

/**
 * Entries of one table at most. The largest switches of real programs have some thousand cases (an interpreter's loop,
 * a parser); a table without an end is data that is none.
 */
const MAX_ENTRIES = 16_384;

const known = new WeakMap<Module, Map<number, readonly number[]>>();

/**
 * Where the jump tables of a function lead: the addresses in every table that its code refers to, of the forms that
 * compilers emit (GCC, LLVM): 32-bit distances from the table's own address, in files that are not position-independent
 * 64-bit addresses, and on aarch64 distances in instructions, of one, two or four bytes, from a place in the function whose
 * address it makes. A table ends where something else is referred to, or at the first entry that cannot be one of this
 * function's.
 */
export function switchTargets(module: Module, index: number): readonly number[] {
  let byFunction = known.get(module);
  if (byFunction === undefined) known.set(module, (byFunction = new Map<number, readonly number[]>()));
  let targets = byFunction.get(index);
  if (targets === undefined) byFunction.set(index, (targets = findTargets(module, index)));
  return targets;
}

function findTargets(module: Module, index: number): readonly number[] {
  const { starts, ends, refs } = module.code;
  const found = new Set<number>();
  const from = lowerBound(refs.sites, starts[index]!);
  const to = lowerBound(refs.sites, ends[index]!);
  const places = module.machine.alignment === 4 ? ownPlaces(module, index, from, to) : [];
  for (let i = from; i < to; i += 1) {
    if (refs.kinds[i] !== REF.address) continue;
    const table = refs.targets[i]!;
    const section = module.sectionAt(table);
    if (section === undefined || !section.inFile) continue;
    const end = Math.min(section.end, module.nextReferenced(table), table + MAX_ENTRIES * 8);
    const bytes = module.elf.bytesAt(table, end - table);
    if (bytes === undefined) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    collect(module, index, found, (entry) =>
      (entry + 1) * 4 <= view.byteLength ? table + view.getInt32(entry * 4, true) : undefined,
    );
    for (const place of places)
      for (const read of DISTANCES)
        collect(module, index, found, (entry) => {
          const distance = read(view, entry);
          return distance === undefined ? undefined : place + distance * 4;
        });
    if (module.elf.type === "executable")
      collect(module, index, found, (entry) =>
        (entry + 1) * 8 <= view.byteLength && view.getUint32(entry * 8 + 4, true) === 0
          ? view.getUint32(entry * 8, true)
          : undefined,
      );
  }
  return [...found];
}

/** The places in a function whose addresses it makes itself (ADR). */
function ownPlaces(module: Module, index: number, from: number, to: number): number[] {
  const { starts, ends, refs } = module.code;
  const places = new Set<number>();
  for (let i = from; i < to; i += 1) {
    const target = refs.targets[i]!;
    if (refs.kinds[i] === REF.address && target > starts[index]! && target < ends[index]!) places.add(target);
  }
  return [...places];
}

/** The entries of tables of distances, by their width and sign; undefined behind the end. */
const DISTANCES: readonly ((view: DataView, entry: number) => number | undefined)[] = [
  (view, entry) => (entry < view.byteLength ? view.getInt8(entry) : undefined),
  (view, entry) => (entry < view.byteLength ? view.getUint8(entry) : undefined),
  (view, entry) => ((entry + 1) * 2 <= view.byteLength ? view.getInt16(entry * 2, true) : undefined),
  (view, entry) => ((entry + 1) * 2 <= view.byteLength ? view.getUint16(entry * 2, true) : undefined),
  (view, entry) => ((entry + 1) * 4 <= view.byteLength ? view.getInt32(entry * 4, true) : undefined),
];

function collect(
  module: Module,
  index: number,
  found: Set<number>,
  entryAt: (entry: number) => number | undefined,
): void {
  for (let entry = 0; entry < MAX_ENTRIES; entry += 1) {
    const target = entryAt(entry);
    if (target === undefined || !isOwn(module, index, target)) return;
    found.add(target);
  }
}

/**
 * Whether a jump of the function may lead there: into itself; into a part that was split off (".cold"), which jumps
 * back or is jumped to, or which nothing calls, so that it is not a function of its own.
 */
function isOwn(module: Module, index: number, target: number): boolean {
  if (!module.isCode(target)) return false;
  const other = module.functionAt(target);
  if (other < 0) return false;
  if (other === index) return true;
  return leadsInto(module, other, index) || leadsInto(module, index, other) || !isCalled(module, other);
}

function leadsInto(module: Module, from: number, into: number): boolean {
  const { starts, ends, refs } = module.code;
  const low = starts[into]!;
  const high = ends[into]!;
  const to = lowerBound(refs.sites, ends[from]!);
  for (let i = lowerBound(refs.sites, starts[from]!); i < to; i += 1) {
    const kind = refs.kinds[i];
    if (kind !== REF.jump && kind !== REF.branch) continue;
    if (refs.targets[i]! >= low && refs.targets[i]! < high) return true;
  }
  return false;
}

function isCalled(module: Module, index: number): boolean {
  const start = module.code.starts[index]!;
  for (const ref of module.incoming(start)) if (module.code.refs.kinds[ref] === REF.call) return true;
  return module.pointsTo(start);
}
