import { bit, bits, groupOf, signed } from "./words.ts";

/** How the program goes on after an instruction, for both ways of reading. */
export type Way =
  | "next"
  /** Padding between functions. */
  | "padding"
  | "call"
  | "jump"
  | "branch"
  | "call-register"
  | "jump-register"
  | "return"
  | "syscall"
  | "stop"
  | "invalid";

const NOP = 0xd503_201f;

/** What an instruction does to the way (Arm ARM, C4.1.94 "Branches, Exception Generating and System instructions"). */
export function wayOf(word: number): Way {
  const group = groupOf(word);
  if (group === "reserved") return reserved(word);
  if (group !== "branch") return isCompareBranch(word) ? "branch" : "next";
  if (word === NOP) return "padding";
  const top = word >>> 24;
  switch (top >>> 2) {
    case 0b000101:
      return "jump";
    case 0b100101:
      return "call";
    default:
  }
  // CBZ, CBNZ, TBZ, TBNZ, and the compare-and-branch of Armv9.6.
  if (((top >>> 1) & 0b011_1110) === 0b001_1010 || isCompareBranch(word)) return "branch";
  switch (top) {
    case 0x54:
      return "branch";
    case 0x55:
      return "return";
    case 0xd4:
      return exception(word);
    case 0xd6:
    case 0xd7:
      return register(word);
    default:
      return top === 0xd5 ? "next" : "invalid";
  }
}

/** CB<cc> (register and immediate): 0x74 and 0x75, with 64 bits 0xf4 and 0xf5. */
function isCompareBranch(word: number): boolean {
  return (word & 0x7e00_0000) >>> 0 === 0x7400_0000;
}

/** UDF, SME, and what no processor has. */
function reserved(word: number): Way {
  if (word === 0) return "padding";
  if (word >>> 16 === 0) return "stop";
  return bit(word, 31) && bits(word, 28, 25) === 0 ? "next" : "invalid";
}

/** SVC, HVC, SMC, BRK, HLT, DCPS (C4.1.94.4). */
function exception(word: number): Way {
  const kind = bits(word, 23, 21);
  const level = word & 3;
  if (kind === 0) return level === 1 ? "syscall" : "invalid";
  return kind === 1 || kind === 2 ? "stop" : "invalid";
}

/** BR, BLR, RET and those that check a pointer's signature (C4.1.94.19). ERET and DRPS are the kernel's. */
function register(word: number): Way {
  switch (bits(word, 24, 21)) {
    case 0b0000:
    case 0b1000:
      return "jump-register";
    case 0b0001:
    case 0b1001:
      return "call-register";
    case 0b0010:
      return "return";
    default:
      return "invalid";
  }
}

/** Where a direct branch at `at` leads. */
export function branchTarget(word: number, at: number): number {
  const top = word >>> 24;
  if ((top & 0x7c) === 0x14) return at + signed(bits(word, 25, 0), 26) * 4;
  if ((top & 0x7e) === 0x36) return at + signed(bits(word, 18, 5), 14) * 4;
  if ((top & 0x7e) === 0x74) return at + signed(bits(word, 13, 5), 9) * 4;
  return at + signed(bits(word, 23, 5), 19) * 4;
}
