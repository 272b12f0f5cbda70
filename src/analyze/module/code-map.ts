import type { Refs } from "./refs.ts";

/** What a function's code has, as bits. */
export const HAS = {
  return: 1,
  indirectCall: 2,
  indirectJump: 4,
  /** What follows it can be reached by going on. */
  fallsThrough: 8,
  /** Something in it is no code, or none of a user program. */
  invalid: 16,
  stub: 32,
  /** Its bounds are nobody's word: it lies between functions. */
  gap: 64,
} as const;

/** The functions of a module and what each refers to. A pure function of the module's bytes. */
export interface CodeMap {
  /** Sorted; function i is [starts[i], ends[i]). */
  starts: Uint32Array;
  ends: Uint32Array;
  /** Of `HAS`. */
  flags: Uint8Array;
  refs: Refs;
  /** Places of system calls, sorted: by the native convention, and by others. */
  syscalls: Uint32Array;
  foreign: Uint32Array;
  /** For gaps: the first place that is no code. 0 for none. */
  firstInvalid: Uint32Array;
}
