import { groupOf, rd, rm, rn } from "./words.ts";

/** The general registers that an instruction outside loads, stores and branches reads. */
export function sources(word: number): number[] {
  switch (groupOf(word)) {
    case "immediate":
      // MOVZ and its kin have none.
      return (word & 0x1f80_0000) >>> 0 === 0x1280_0000 ? [] : [rn(word)];
    case "register":
      // With three sources: MADD and its kin.
      return (word & 0x1f00_0000) >>> 0 === 0x1b00_0000
        ? [rn(word), rm(word), (word >>> 10) & 31]
        : [rn(word), rm(word)];
    case "sve":
      return [rn(word), rm(word)];
    default:
      return [];
  }
}

/** Whether an instruction may read or write a register: its number stands in a field for one. */
export function mentions(word: number, register: number): boolean {
  if (rd(word) === register || rn(word) === register) return true;
  if (groupOf(word) === "immediate") return false;
  // A load or store at an immediate offset has no more registers.
  if ((word & 0x3b00_0000) >>> 0 === 0x3900_0000) return false;
  return rm(word) === register || ((word >>> 10) & 31) === register;
}
