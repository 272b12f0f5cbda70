import { bits } from "./words.ts";

/**
 * The mask that a logical instruction has as its immediate: a run of ones, rotated, repeated over the register (Arm ARM,
 * shared pseudocode, DecodeBitMasks). As a signed number of 64 bits, or undefined where a number cannot hold it exactly or
 * the encoding is reserved.
 */
export function maskOf(word: number): number | undefined {
  const isWide = word >>> 31 === 1;
  const combined = (bits(word, 22, 22) << 6) | (~bits(word, 15, 10) & 63);
  const length = 31 - Math.clz32(combined);
  if (length < 1 || (!isWide && length === 6)) return undefined;
  const size = 1 << length;
  const levels = size - 1;
  const ones = (bits(word, 15, 10) & levels) + 1;
  const rotation = bits(word, 21, 16) & levels;
  if (ones > levels) return undefined;
  const run = (1n << BigInt(ones)) - 1n;
  const element = BigInt.asUintN(size, (run >> BigInt(rotation)) | (run << BigInt(size - rotation)));
  let mask = 0n;
  for (let at = 0; at < 64; at += size) mask |= element << BigInt(at);
  const value = Number(isWide ? BigInt.asIntN(64, mask) : BigInt.asUintN(32, mask));
  return Number.isSafeInteger(value) ? value : undefined;
}

/** What MOVZ, MOVN set, or MOVK sets over what was there (C6.2.249 to C6.2.251); undefined beyond exact numbers. */
export function movedWide(word: number): { value: number } | { mask: number; insert: number } | undefined {
  const shift = BigInt(bits(word, 22, 21) * 16);
  const isWide = word >>> 31 === 1;
  const immediate = BigInt(bits(word, 20, 5)) << shift;
  const fit = (value: bigint): number =>
    Number(isWide ? BigInt.asIntN(64, value) : BigInt.asUintN(32, value));
  switch (bits(word, 30, 29)) {
    case 0b00: {
      const value = fit(~immediate);
      return Number.isSafeInteger(value) ? { value } : undefined;
    }
    case 0b10: {
      const value = fit(immediate);
      return Number.isSafeInteger(value) ? { value } : undefined;
    }
    case 0b11: {
      const mask = Number(BigInt.asIntN(64, ~(0xffffn << shift)));
      const insert = fit(immediate);
      return Number.isSafeInteger(mask) && Number.isSafeInteger(insert) ? { mask, insert } : undefined;
    }
    default:
      return undefined;
  }
}
