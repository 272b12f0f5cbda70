/** ELF files as values: what is loaded, linked and unwound, and in which libraries. @module */
export { isElf } from "./header.ts";
export { parseElf } from "./parse.ts";
export type {
  Dynamic,
  Elf,
  ElfSymbol,
  GoFunction,
  Range,
  Relocation,
  Section,
  Segment,
  UnwindEntry,
} from "./model.ts";
export { parseUnwind, parseGoFunctions } from "./scratch.ts";
