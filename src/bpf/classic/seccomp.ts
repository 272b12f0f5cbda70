/**
 * What a seccomp filter sees and says (linux/seccomp.h, linux/audit.h).
 */

/** One system call as a filter sees it: `struct seccomp_data`, 64 bytes. */
export interface SeccompData {
  /** The number as the kernel has it: for x32 with bit 30, -1 for a call that a tracer cancelled. */
  nr: number;
  /** AUDIT_ARCH_…, see `AUDIT_ARCH`. x32 calls carry that of x86_64. */
  arch: number;
  instructionPointer: bigint;
  /** Up to six; those left out are 0. Only the low 64 bits count. */
  args: readonly bigint[];
}

/** `arch` of `struct seccomp_data`: the ELF machine, with flags for 64 bits and little-endian. */
export const AUDIT_ARCH = { x86_64: 0xc000_003e, i386: 0x4000_0003, aarch64: 0xc000_00b7 } as const;

/** sizeof(struct seccomp_data). */
export const SECCOMP_DATA_BYTES = 64;
const ARGS_AT = 16;

/** Where the parts of `struct seccomp_data` stand. */
export const SECCOMP_OFFSET = { nr: 0, arch: 4, instructionPointer: 8 } as const;

/** Where one half of an argument stands on a little-endian machine. */
export function argumentOffset(index: number, half: "low" | "high"): number {
  return ARGS_AT + index * 8 + (half === "high" ? 4 : 0);
}

/** What a filter's result asks the kernel to do; the low 16 bits carry a number along (the errno for `errno`). */
export const SECCOMP_RETURN = {
  killProcess: 0x8000_0000,
  killThread: 0x0000_0000,
  trap: 0x0003_0000,
  errno: 0x0005_0000,
  notify: 0x7fc0_0000,
  trace: 0x7ff0_0000,
  log: 0x7ffc_0000,
  allow: 0x7fff_0000,
} as const;

const ACTION_BITS = 0xffff_0000;
const DATA_BITS = 0xffff;
/** The kernel turns larger error numbers into this one (linux/err.h: MAX_ERRNO). */
const MAX_ERRNO = 4095;

export interface SeccompDecision {
  /** What happens to the call; `trap` sends SIGSYS, `kill` ends the process (or, rarely asked for, the thread). */
  action: "allow" | "errno" | "kill" | "log" | "notify" | "trace" | "trap";
  /** With `errno`: the number that the call fails with; 0 makes it succeed without being made. */
  errno?: number;
}

const ACTION_OF = new Map<number, SeccompDecision["action"]>([
  [SECCOMP_RETURN.killProcess, "kill"],
  [SECCOMP_RETURN.killThread, "kill"],
  [SECCOMP_RETURN.trap, "trap"],
  [SECCOMP_RETURN.errno, "errno"],
  [SECCOMP_RETURN.notify, "notify"],
  [SECCOMP_RETURN.trace, "trace"],
  [SECCOMP_RETURN.log, "log"],
  [SECCOMP_RETURN.allow, "allow"],
]);

/** The meaning of a filter's result, as kernel/seccomp.c's __seccomp_filter reads it: an unknown action kills. */
export function decisionOf(result: number): SeccompDecision {
  const action = ACTION_OF.get((result & ACTION_BITS) >>> 0) ?? "kill";
  return action === "errno" ? { action, errno: Math.min(result & DATA_BITS, MAX_ERRNO) } : { action };
}

/**
 * The result that counts where a process has several filters: the strictest action. The kernel compares the actions
 * as signed numbers, the most recently installed filter first, and the first of equals wins with its data
 * (seccomp_run_filters). `results` are in the order in which the filters were installed.
 */
export function combineResults(results: readonly number[]): number {
  let strictest: number = SECCOMP_RETURN.allow;
  for (const result of results.toReversed()) {
    if ((result & ACTION_BITS) < (strictest & ACTION_BITS)) strictest = result;
  }
  return strictest >>> 0;
}
