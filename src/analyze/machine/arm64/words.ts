/**
 * Fields of A64 instructions, each a word of 32 bits (Arm ARM, DDI 0487, C4 "A64 Instruction Set Encoding"). Words are
 * unsigned numbers.
 */

/** Bits `high` to `low` of a word. */
export function bits(word: number, high: number, low: number): number {
  return (word >>> low) & (2 ** (high - low + 1) - 1);
}

export function bit(word: number, at: number): boolean {
  return ((word >>> at) & 1) === 1;
}

/** The lower `width` bits as a signed number. */
export function signed(value: number, width: number): number {
  return (value << (32 - width)) >> (32 - width);
}

/** The destination, in nearly all forms. */
export const rd = (word: number): number => word & 31;
/** The first source, and the base of an address. */
export const rn = (word: number): number => (word >>> 5) & 31;
export const rm = (word: number): number => (word >>> 16) & 31;
/** The second register of a pair. */
export const rt2 = (word: number): number => (word >>> 10) & 31;

/** Number 31 is the stack pointer in some forms, and in the others a register that is always zero. */
export const THIRTY_ONE = 31;

/** The main groups (C4.1, op0 in bits 28 to 25). */
export type Group = "reserved" | "sve" | "immediate" | "branch" | "memory" | "register" | "vector";

const GROUPS: readonly Group[] = [
  "reserved",
  "reserved",
  "sve",
  "reserved",
  "memory",
  "register",
  "memory",
  "vector",
  "immediate",
  "immediate",
  "branch",
  "branch",
  "memory",
  "register",
  "memory",
  "vector",
];

export function groupOf(word: number): Group {
  return GROUPS[(word >>> 25) & 15]!;
}

/** Where ADR and ADRP point, seen from `at` (C6.2.13, C6.2.14). */
export function relativeAddress(word: number, at: number): number {
  const distance = signed((bits(word, 23, 5) << 2) | bits(word, 30, 29), 21);
  return bit(word, 31) ? Math.floor(at / PAGE) * PAGE + distance * PAGE : at + distance;
}

const PAGE = 4096;

/** ADR or ADRP. */
export function isRelative(word: number): boolean {
  return (word & 0x1f00_0000) >>> 0 === 0x1000_0000;
}

export function isAdrp(word: number): boolean {
  return (word & 0x9f00_0000) >>> 0 === 0x9000_0000;
}

/** ADD or SUB of an immediate: what is added. Undefined for other words (C6.2.5, C6.2.363). */
export function addedImmediate(word: number): number | undefined {
  if ((word & 0x1f80_0000) >>> 0 !== 0x1100_0000) return undefined;
  const value = bits(word, 21, 10) * (bit(word, 22) ? 4096 : 1);
  return bit(word, 30) ? -value : value;
}

/** ORR Xd, XZR, Xm without a shift, which is what MOV of registers is (C6.2.246). */
export function isMove(word: number): boolean {
  return (word & 0xffe0_ffe0) >>> 0 === 0xaa00_03e0;
}
