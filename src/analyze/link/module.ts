import type { Elf, ElfSymbol } from "../../elf/index.ts";
import type { Value } from "../flow/values.ts";
import type { Machine } from "../machine/model.ts";
import { REF, type Refs, lowerBound } from "../module/refs.ts";
import { type DataRange, SLOT, type Slots, dataRanges, pointerSlots } from "../module/slots.ts";
import type { CodeMap } from "../module/code-map.ts";

export interface ModuleSource {
  /** The real path in the target. */
  path: string;
  /** As paths of functions name it: "libc.so.6", "nginx". */
  name: string;
  digest: string;
  elf: Elf;
  machine: Machine;
  code: CodeMap;
  facts: Map<string, Value>;
  /** Starts of the functions that Go's tables name; empty for other programs. */
  goFunctions: readonly number[];
}

/** A module with what looking things up in it needs. Shared by all programs that load it, one after the other. */
export class Module {
  readonly path: string;
  readonly name: string;
  readonly digest: string;
  readonly elf: Elf;
  readonly machine: Machine;
  readonly code: CodeMap;
  readonly slots: Slots;
  readonly data: readonly DataRange[];
  /** Set by each program that loads it: its place in the order of loading, and the id of its first function. */
  index = 0;
  base = 0;
  /** What was asked of values in it, within one function each: depends on nothing but the module. */
  readonly facts: Map<string, Value>;
  readonly goFunctions: readonly number[];
  #names: Map<number, string> | undefined;
  #exports: Map<string, ElfSymbol[]> | undefined;
  #boundaries: Uint32Array | undefined;
  #objects: Uint32Array | undefined;
  #ordered: Uint32Array | undefined;
  #pointed: Set<number> | undefined;
  #chains: Chains | undefined;
  #exportedAt: Map<number, string[]> | undefined;

  constructor(source: ModuleSource) {
    this.path = source.path;
    this.name = source.name;
    this.digest = source.digest;
    this.elf = source.elf;
    this.machine = source.machine;
    this.code = source.code;
    this.facts = source.facts;
    this.goFunctions = source.goFunctions;
    this.slots = pointerSlots(source.elf);
    this.data = dataRanges(source.elf);
  }

  /** The function that an address lies in; in padding, the one that going on from there leads to. -1 for none. */
  functionAt(address: number): number {
    const { starts, ends } = this.code;
    const at = lowerBound(starts, address + 1) - 1;
    if (at >= 0 && address < ends[at]!) return at;
    if (!this.isCode(address)) return -1;
    return at + 1 < starts.length ? at + 1 : -1;
  }

  isCode(address: number): boolean {
    const { starts, ends } = this.code;
    if (starts.length === 0 || address < starts[0]! || address >= ends.at(-1)!) return false;
    return !this.data.some(({ start, end }) => address >= start && address < end);
  }

  /** A function's name, or its address in hexadecimal. */
  nameOf(index: number): string {
    const start = this.code.starts[index]!;
    this.#names ??= functionNames(this.elf);
    return this.#names.get(start) ?? `0x${start.toString(16)}`;
  }

  /** Of "the function at", for messages. */
  nameAt(address: number): string {
    const index = this.functionAt(address);
    return index < 0 ? `0x${address.toString(16)}` : this.nameOf(index);
  }

  /** What it offers under a name, versions apart. */
  exported(name: string): readonly ElfSymbol[] {
    if (this.#exports === undefined) {
      this.#exports = new Map();
      for (const symbol of this.elf.dynamicSymbols) {
        if (!symbol.defined || symbol.binding === "local" || symbol.name === "") continue;
        const known = this.#exports.get(symbol.name);
        if (known === undefined) this.#exports.set(symbol.name, [symbol]);
        else known.push(symbol);
      }
    }
    return this.#exports.get(name) ?? [];
  }

  /** The names it offers for what starts at an address. */
  exportedAt(address: number): readonly string[] {
    if (this.#exportedAt === undefined) {
      this.#exportedAt = new Map();
      for (const name of this.exportNames)
        for (const symbol of this.exported(name)) {
          const names = this.#exportedAt.get(symbol.address);
          if (names === undefined) this.#exportedAt.set(symbol.address, [name]);
          else names.push(name);
        }
    }
    return this.#exportedAt.get(address) ?? [];
  }

  get exportNames(): Iterable<string> {
    this.exported("");
    return this.#exports!.keys();
  }

  /** Indices into `slots` of the pointers in [start, end). */
  slotsIn(start: number, end: number): { from: number; to: number } {
    return { from: lowerBound(this.slots.offsets, start), to: lowerBound(this.slots.offsets, end) };
  }

  /** The section of data that holds an address. */
  sectionAt(address: number): DataRange | undefined {
    return this.data.find(({ start, end }) => address >= start && address < end);
  }

  /**
   * The object that holds an address: from the last address at or before it that something refers to, up to the next.
   * A symbol with a size keeps together what it names. Of a file that is not position-independent, where any number may
   * look like a reference and split what it must not, and of code with section anchors, the whole section.
   */
  objectAt(address: number): { start: number; end: number } | undefined {
    const section = this.sectionAt(address);
    if (section === undefined || this.elf.type === "executable" || this.machine.hasAnchors) return section;
    const boundaries = (this.#boundaries ??= this.#findBoundaries());
    const at = lowerBound(boundaries, address + 1) - 1;
    const start = Math.max(section.start, at >= 0 ? boundaries[at]! : 0);
    const end = Math.min(section.end, at + 1 < boundaries.length ? boundaries[at + 1]! : Infinity);
    return { start, end };
  }

  /** The next address of data that anything refers to, after the given one. */
  nextReferenced(address: number): number {
    const objects = (this.#objects ??= this.#referencedData());
    const at = lowerBound(objects, address + 1);
    return at < objects.length ? objects[at]! : Infinity;
  }

  /** Whether code or data of this module makes a value of the address, or offers it under a name. */
  pointsTo(address: number): boolean {
    if (this.#pointed === undefined) {
      const { targets, kinds } = this.code.refs;
      this.#pointed = new Set();
      for (let i = 0; i < kinds.length; i += 1) if (kinds[i] === REF.address) this.#pointed.add(targets[i]!);
      for (const [i, kind] of this.slots.kinds.entries())
        if (kind === SLOT.relative) this.#pointed.add(this.slots.values[i]!);
      for (const { defined, address: at } of this.elf.dynamicSymbols) if (defined) this.#pointed.add(at);
    }
    return this.#pointed.has(address);
  }

  /** Indices into `code.refs` of the calls, jumps and branches to an address. */
  *incoming(address: number): Generator<number> {
    const { targets } = this.code.refs;
    const { heads, next } = (this.#chains ??= chainsOf(this.code.refs));
    for (let i = heads[address & (heads.length - 1)]!; i >= 0; i = next[i]!)
      if (targets[i] === address) yield i;
  }

  /** Whether anything jumps or branches into [start, end), or an exception goes on there. */
  isEnteredWithin(start: number, end: number): boolean {
    const order = this.#byTarget();
    const at = this.#firstTo(start);
    return at < order.length && this.code.refs.targets[order[at]!]! < end;
  }

  /** Indices into `code.refs` of jumps and branches into (start, end) from elsewhere. */
  *jumpsInside(start: number, end: number): Generator<number> {
    const order = this.#byTarget();
    const { sites, targets, kinds } = this.code.refs;
    for (let i = this.#firstTo(start + 1); i < order.length && targets[order[i]!]! < end; i += 1) {
      const ref = order[i]!;
      if (isJump(kinds[ref]!) && (sites[ref]! < start || sites[ref]! >= end)) yield ref;
    }
  }

  /** Indices of direct references, by target and then by site. */
  #byTarget(): Uint32Array {
    if (this.#ordered === undefined) {
      const { targets, kinds } = this.code.refs;
      const direct = new Uint32Array(kinds.length);
      let count = 0;
      for (let i = 0; i < kinds.length; i += 1)
        if (kinds[i]! <= REF.branch || kinds[i] === REF.unwind) direct[count++] = i;
      this.#ordered = sortedBy(direct.subarray(0, count), targets);
    }
    return this.#ordered;
  }

  #firstTo(address: number): number {
    const order = this.#byTarget();
    const { targets } = this.code.refs;
    let low = 0;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (targets[order[middle]!]! < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Addresses of data that code makes values of, or that data points to. */
  #referencedData(): Uint32Array {
    const { targets, kinds } = this.code.refs;
    const found = new Uint32Array(kinds.length + this.slots.kinds.length + this.data.length);
    let count = 0;
    for (let i = 0; i < kinds.length; i += 1) if (kinds[i] === REF.address) found[count++] = targets[i]!;
    for (let i = 0; i < this.slots.kinds.length; i += 1)
      if (this.slots.kinds[i] === SLOT.relative) found[count++] = this.slots.values[i]!;
    for (const { start } of this.data) found[count++] = start;
    return distinct(found.subarray(0, count).sort());
  }

  #findBoundaries(): Uint32Array {
    const all = [...(this.#objects ??= this.#referencedData())];
    const sized = [...this.elf.symbols, ...this.elf.dynamicSymbols]
      .filter(({ kind, defined, size }) => defined && size > 0 && kind === "object")
      .map(({ address, size }) => ({ start: address, end: address + size }))
      .sort((a, b) => a.start - b.start || b.end - a.end);
    const outer: { start: number; end: number }[] = [];
    for (const range of sized) {
      const last = outer.at(-1);
      if (last === undefined || range.start >= last.end) outer.push({ ...range });
      else last.end = Math.max(last.end, range.end);
    }
    const starts = outer.map(({ start }) => start);
    const inside = (address: number): boolean => {
      const at = lowerBound(starts, address) - 1;
      return at >= 0 && address < outer[at]!.end;
    };
    const kept = all.filter((address) => !inside(address));
    for (const { start, end } of outer) kept.push(start, end);
    return Uint32Array.from(new Set(kept.filter((address) => address <= 0xffff_ffff))).sort();
  }
}

/** Direct references by target: a table of first ones by the target's low bits, and for each the next. */
interface Chains {
  heads: Int32Array;
  next: Int32Array;
}

function chainsOf({ targets, kinds }: Refs): Chains {
  const heads = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(16, kinds.length)))).fill(-1);
  const next = new Int32Array(kinds.length);
  // Backwards, so that a chain runs in the order of places.
  for (let i = kinds.length - 1; i >= 0; i -= 1) {
    if (kinds[i]! > REF.branch) continue;
    const slot = targets[i]! & (heads.length - 1);
    next[i] = heads[slot]!;
    heads[slot] = i;
  }
  return { heads, next };
}

/** Indices by target and then by place: sorted by the lower half of the target, then by the upper. */
function sortedBy(indices: Uint32Array, targets: Uint32Array): Uint32Array {
  let from = indices;
  for (const shift of [0, 16]) {
    const starts = new Uint32Array(65_537);
    for (let i = 0; i < from.length; i += 1) starts[((targets[from[i]!]! >>> shift) & 0xffff) + 1]! += 1;
    for (let i = 1; i < starts.length; i += 1) starts[i]! += starts[i - 1]!;
    const to = new Uint32Array(from.length);
    for (let i = 0; i < from.length; i += 1)
      to[starts[(targets[from[i]!]! >>> shift) & 0xffff]!++] = from[i]!;
    from = to;
  }
  return from;
}

/** Of sorted numbers, each once. */
function distinct(sorted: Uint32Array): Uint32Array {
  let count = 0;
  for (let i = 0; i < sorted.length; i += 1)
    if (count === 0 || sorted[i] !== sorted[count - 1]) sorted[count++] = sorted[i]!;
  return sorted.slice(0, count);
}

function isJump(kind: number): boolean {
  return kind === REF.jump || kind === REF.branch;
}

function functionNames(elf: Elf): Map<number, string> {
  const names = new Map<number, string>();
  // Exported names last, for they are the ones people know; of several at one address the shortest, then the first.
  for (const symbols of [elf.symbols, elf.dynamicSymbols]) {
    const own = new Map<number, string>();
    for (const { kind, defined, address, name } of symbols) {
      if (!defined || name === "" || (kind !== "function" && kind !== "ifunc" && kind !== "none")) continue;
      const known = own.get(address);
      if (known === undefined || better(name, known)) own.set(address, name);
    }
    for (const [address, name] of own) names.set(address, name);
  }
  return names;
}

/** Fewer underscores in front, then shorter, then first: "fork" before "__fork" and "__libc_fork". */
function better(a: string, b: string): boolean {
  const underscores = (name: string): number => /^_*/.exec(name)![0].length;
  return (underscores(a) - underscores(b) || a.length - b.length || (a < b ? -1 : 1)) < 0;
}
