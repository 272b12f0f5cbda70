import type { Machine } from "../model.ts";
import { lower } from "./lower.ts";
import { scan } from "./scan.ts";

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

/**
 * A64 with the conventions of the Procedure Call Standard (AAPCS64, 6.1.1) and of the kernel (syscall(2)): the number of
 * a system call in x8, arguments in x0 to x5, and nothing but x0 changed. The decoder is our own: words have one size.
 */
export const arm64: Machine = {
  name: "aarch64",
  registers: [...numbers(0, 30).map((number) => `x${number}`), "sp"],
  stackPointer: 31,
  callPushes: 0,
  callNumber: 8,
  callArguments: numbers(0, 5),
  functionArguments: numbers(0, 7),
  result: 0,
  clobbered: [...numbers(0, 18), 30],
  clobberedBySyscall: [],
  hasAnchors: true,
  alignment: 4,
  scan,
  lower,
};
