import type { Machine } from "../model.ts";
import { lower } from "./lower.ts";
import { scan } from "./scan.ts";

const registers = [
  "rax",
  "rcx",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
] as const;
const number = (name: (typeof registers)[number]): number => registers.indexOf(name);

/** x86-64 with the System V conventions (psABI, 3.2; the kernel's in appendix A.2). Decoded by iced-x86. */
export const x86: Machine = {
  name: "x86_64",
  registers,
  stackPointer: number("rsp"),
  callPushes: 8,
  callNumber: number("rax"),
  callArguments: (["rdi", "rsi", "rdx", "r10", "r8", "r9"] as const).map(number),
  functionArguments: (["rdi", "rsi", "rdx", "rcx", "r8", "r9"] as const).map(number),
  result: number("rax"),
  clobbered: (["rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11"] as const).map(number),
  clobberedBySyscall: (["rcx", "r11"] as const).map(number),
  hasAnchors: false,
  alignment: 1,
  scan,
  lower,
};
