import type { Module } from "../link/module.ts";
import type { Insn } from "../machine/model.ts";
import { REF, lowerBound } from "../module/refs.ts";
import { HAS } from "../module/code-map.ts";
import { switchTargets } from "./switch.ts";

/** Parts of one function at most: a hot one, cold ones, what falls through. */
const MAX_PARTS = 32;

/** A function with all parts that it was split into, decoded. */
export interface Body {
  parts: readonly number[];
  /** It has more parts than are followed: nothing can be said of its values. */
  isCut: boolean;
  /** Sorted by address. */
  insns: readonly Insn[];
  indexOf: ReadonlyMap<number, number>;
  /** Where the code is entered from outside, as a function is. */
  entries: readonly number[];
  /** Where exceptions enter it. */
  pads: readonly number[];
  /** Where its jump tables lead. */
  switched: readonly number[];
}

/**
 * Collects what belongs to one function: parts that jump into each other's middle, and what is reached by going on past
 * the end of a part. Values flow through all of these as they do within one piece.
 */
export function bodyOf(module: Module, index: number): Body {
  const parts = partsOf(module, index);
  const insns = parts.flatMap((part) => {
    const start = module.code.starts[part]!;
    const code = module.elf.bytesAt(start, module.code.ends[part]! - start);
    return code === undefined ? [] : module.machine.lower(code, start);
  });
  const indexOf = new Map(insns.map((insn, i) => [insn.address, i]));
  const isInside = (address: number): boolean => {
    const at = module.functionAt(address);
    return at >= 0 && parts.includes(at);
  };
  const entries = parts
    .map((part) => module.code.starts[part]!)
    .filter((start) => isEntered(module, start, isInside));
  const { refs } = module.code;
  const pads = parts.flatMap((part) => {
    const found: number[] = [];
    const to = lowerBound(refs.sites, module.code.ends[part]!);
    for (let i = lowerBound(refs.sites, module.code.starts[part]!); i < to; i += 1)
      if (refs.kinds[i] === REF.unwind) found.push(refs.targets[i]!);
    return found;
  });
  return {
    parts,
    isCut: parts.length > MAX_PARTS,
    insns,
    indexOf,
    entries: entries.length > 0 ? entries : [module.code.starts[index]!],
    pads: pads.filter((pad) => indexOf.has(pad)),
    switched: parts
      .flatMap((part) => (module.code.flags[part]! & HAS.indirectJump ? switchTargets(module, part) : []))
      .filter((target) => indexOf.has(target)),
  };
}

/** Whether anything but the body itself leads to the address: a call, a pointer, a name; or nothing that is known. */
function isEntered(module: Module, start: number, isInside: (address: number) => boolean): boolean {
  const { refs } = module.code;
  let isLedTo = false;
  for (const ref of module.incoming(start)) {
    if (refs.kinds[ref] === REF.call || !isInside(refs.sites[ref]!)) return true;
    isLedTo = true;
  }
  if (module.pointsTo(start)) return true;
  if (isLedTo) return false;
  const before = module.functionAt(start) - 1;
  return before < 0 || !(module.code.flags[before]! & HAS.fallsThrough);
}

function partsOf(module: Module, index: number): number[] {
  const { starts, ends, flags, refs } = module.code;
  const parts = new Set([index]);
  for (const part of parts) {
    if (parts.size > MAX_PARTS) break;
    const start = starts[part]!;
    const end = ends[part]!;
    const to = lowerBound(refs.sites, end);
    for (let i = lowerBound(refs.sites, start); i < to; i += 1) {
      const kind = refs.kinds[i];
      if (kind !== REF.jump && kind !== REF.branch) continue;
      const target = refs.targets[i]!;
      if (target >= start && target < end) continue;
      const other = module.functionAt(target);
      if (other >= 0 && target !== starts[other]) parts.add(other);
    }
    for (const ref of module.jumpsInside(start, end)) {
      const other = module.functionAt(refs.sites[ref]!);
      if (other >= 0) parts.add(other);
    }
    if (flags[part]! & HAS.fallsThrough && part + 1 < starts.length) parts.add(part + 1);
    if (part > 0 && flags[part - 1]! & HAS.fallsThrough) parts.add(part - 1);
  }
  return [...parts].sort((a, b) => a - b);
}
