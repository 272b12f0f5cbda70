import type { Module } from "../link/module.ts";
import type { Insn } from "../machine/model.ts";
import { HAS } from "../module/code-map.ts";
import { switchTargets } from "./switch.ts";
import { type Value, valueOf } from "./values.ts";

/** Functions of a module whose instructions are kept: those that are asked about lie next to each other. */
const MAX_KEPT = 16;
const decoded = new WeakMap<Module, Map<number, readonly Insn[]>>();

/**
 * What a register holds at a place, if that is said by the instructions just before it, on a way that nothing else leads
 * into: a number or an address moved there. Most of what is asked for is of this kind, and the whole function need not
 * be gone through. Undefined: it takes a data flow to tell.
 */
export function straightValue(module: Module, address: number, register: number): Value | undefined {
  const index = module.functionAt(address);
  if (index < 0) return undefined;
  // Where a jump table leads is an entry too; one that is not understood may lead anywhere.
  const isSwitched = (module.code.flags[index]! & HAS.indirectJump) !== 0;
  const switched = isSwitched ? switchTargets(module, index) : [];
  if (isSwitched && switched.length === 0) return undefined;
  const insns = insnsOf(module, index);
  let at = indexAt(insns, address);
  if (at < 0) return undefined;
  const { clobbered, clobberedBySyscall, result } = module.machine;
  let wanted = register;
  for (at -= 1; at >= 0; at -= 1) {
    const { flow, effects } = insns[at]!;
    if (flow === "call" && clobbered.includes(wanted)) return undefined;
    if (flow === "syscall" && (wanted === result || clobberedBySyscall.includes(wanted))) return undefined;
    if (flow !== "next" && flow !== "call" && flow !== "syscall" && flow !== "branch") return undefined;
    const written = effects.filter(
      ({ to }) => typeof to === "object" && "register" in to && to.register === wanted,
    );
    if (written.length === 0) continue;
    // What is after this instruction must be reached through it.
    const after = insns[at]!.address + insns[at]!.size;
    if (module.isEnteredWithin(after, address + 1)) return undefined;
    if (switched.some((target) => target >= after && target <= address)) return undefined;
    const { value } = written.at(-1)!;
    const inner = value.kind === "low" && value.bits === 32 ? value.a : value;
    if (inner.kind === "const")
      return valueOf({
        kind: "const",
        value: value === inner || value.kind !== "low" || value.signed ? inner.value : inner.value >>> 0,
      });
    if (inner.kind === "address") return valueOf({ kind: "address", value: inner.value });
    if (inner.kind !== "register") return undefined;
    wanted = inner.register;
  }
  return undefined;
}

function insnsOf(module: Module, index: number): readonly Insn[] {
  let kept = decoded.get(module);
  if (kept === undefined) decoded.set(module, (kept = new Map<number, readonly Insn[]>()));
  let insns = kept.get(index);
  if (insns === undefined) {
    const start = module.code.starts[index]!;
    const code = module.elf.bytesAt(start, module.code.ends[index]! - start);
    insns = code === undefined ? [] : module.machine.lower(code, start);
    if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value!);
    kept.set(index, insns);
  }
  return insns;
}

function indexAt(insns: readonly Insn[], address: number): number {
  let low = 0;
  let high = insns.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (insns[middle]!.address < address) low = middle + 1;
    else high = middle;
  }
  return insns[low]?.address === address ? low : -1;
}
