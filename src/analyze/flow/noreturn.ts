import type { Module } from "../link/module.ts";
import { REF, lowerBound } from "../module/refs.ts";
import { SLOT } from "../module/slots.ts";
import { HAS } from "../module/code-map.ts";

/** Functions of other modules that do not come back (C11 _Noreturn, C++ ABI, glibc's own fatal ends). */
const NO_RETURN = new Set([
  "abort",
  "exit",
  "_exit",
  "_Exit",
  "quick_exit",
  "pthread_exit",
  "__stack_chk_fail",
  "__fortify_fail",
  "__chk_fail",
  "__assert_fail",
  "__assert",
  "__assert_perror_fail",
  "__libc_fatal",
  "__libc_start_main",
  "__longjmp_chk",
  "longjmp",
  "_longjmp",
  "siglongjmp",
  "__cxa_throw",
  "__cxa_rethrow",
  "__cxa_throw_bad_array_new_length",
  "__cxa_bad_cast",
  "__cxa_bad_typeid",
  "__cxa_pure_virtual",
  "__cxa_call_unexpected",
  "__cxa_call_terminate",
  "_ZSt9terminatev",
  "_Unwind_Resume",
  "err",
  "errx",
  "verr",
  "verrx",
]);

const known = new WeakMap<Module, Map<number, boolean>>();

/**
 * Whether the function surely does not come back: it has no return, and every way out of it leads to such a function.
 * Everything else counts as returning; code behind a call that in truth never returns is then analysed in vain.
 */
export function doesNotReturn(module: Module, index: number): boolean {
  let byFunction = known.get(module);
  if (byFunction === undefined) known.set(module, (byFunction = new Map<number, boolean>()));
  const told = byFunction.get(index);
  if (told !== undefined) return told;
  // In a circle of functions that only lead to each other none returns.
  byFunction.set(index, true);
  const answer = look(module, index);
  byFunction.set(index, answer);
  return answer;
}

function look(module: Module, index: number): boolean {
  const { starts, ends, flags, refs } = module.code;
  const flag = flags[index]!;
  if (flag & (HAS.return | HAS.indirectJump)) return false;
  const start = starts[index]!;
  const end = ends[index]!;
  const to = lowerBound(refs.sites, end);
  for (let i = lowerBound(refs.sites, start); i < to; i += 1) {
    const target = refs.targets[i]!;
    const kind = refs.kinds[i];
    if (kind === REF.jumpThrough && !slotDoesNotReturn(module, target)) return false;
    if ((kind !== REF.jump && kind !== REF.branch) || (target >= start && target < end)) continue;
    const other = module.functionAt(target);
    if (other < 0 || !doesNotReturn(module, other)) return false;
  }
  return !(flag & HAS.fallsThrough && index + 1 < starts.length) || doesNotReturn(module, index + 1);
}

/** Whether what a slot of the global offset table leads to is one of those that do not come back. */
export function slotDoesNotReturn(module: Module, address: number): boolean {
  const { from, to } = module.slotsIn(address, address + 8);
  if (to === from) return false;
  const { kinds, values } = module.slots;
  if (kinds[from] !== SLOT.symbol) return false;
  const symbol = module.elf.dynamicSymbols[values[from]!];
  return symbol !== undefined && NO_RETURN.has(symbol.name);
}
