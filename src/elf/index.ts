/** ELF files as values: what is loaded, linked and unwound, and in which libraries. @module */
export { isElf } from "./header.ts";
export { parseGoFunctions } from "./go.ts";
export { parseElf } from "./parse.ts";
export { parseUnwind } from "./unwind.ts";
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
