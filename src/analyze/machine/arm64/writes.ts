import { bit, bits, groupOf, rd } from "./words.ts";

/**
 * The general register that an instruction outside loads, stores and branches writes, or undefined for none; 31 for one
 * that is the stack pointer or thrown away. Where a form is not known, one that may write is said to.
 */
export function written(word: number): number | undefined {
  switch (groupOf(word)) {
    case "immediate":
      return rd(word);
    case "register":
      // CCMP and CCMN set flags alone.
      return bit(word, 28) && bits(word, 24, 21) === 0b0010 ? undefined : rd(word);
    case "branch":
      // MRS, SYSL: bit 21 says that a register is read from the system.
      return bits(word, 31, 22) === 0b11_0101_0100 && bit(word, 21) ? rd(word) : undefined;
    case "vector":
      return movesFromVector(word) ? rd(word) : undefined;
    case "sve":
      // Counts, lengths and last elements come to a general register: all of these are taken for such.
      return rd(word);
    default:
      return undefined;
  }
}

/** UMOV, SMOV, and conversions and moves of floating point to integers (C4.1.97). */
function movesFromVector(word: number): boolean {
  if ((word & 0xbfe0_8400) >>> 0 === 0x0e00_0400) {
    const kind = bits(word, 14, 11);
    return kind === 0b0101 || kind === 0b0111;
  }
  if ((word & 0x5f00_0000) >>> 0 !== 0x1e00_0000) return false;
  const opcode = bits(word, 18, 16);
  // Fixed point: FCVTZS, FCVTZU.
  if (!bit(word, 21)) return opcode < 2;
  if (bits(word, 15, 10) !== 0) return false;
  return opcode < 2 || opcode === 4 || opcode === 5 || opcode === 6;
}
