import { CinchError } from "../base/index.ts";
import type { Header } from "./header.ts";
import type { Memory } from "./memory.ts";
import type { Section } from "./model.ts";
import { Strings } from "./strings.ts";

const SECTION_SIZE = 64;
/** sh_type. */
export const SECTION = { symtab: 2, rela: 4, nobits: 8, dynsym: 11 } as const;

/** A section with what only this room needs of it. */
export interface LinkedSection extends Section {
  /** sh_link: of a symbol table, the section with its names. */
  link: number;
}

/**
 * The section headers. Nothing that runs reads them, so they may be stripped or wrong: what is wrong counts as
 * stripped, here and for all that is found by them.
 */
export function parseSections(memory: Memory, { sectionHeaders }: Header): LinkedSection[] {
  const { offset, entrySize } = sectionHeaders;
  const size = memory.bytes.length;
  if (offset === 0 || entrySize !== SECTION_SIZE || offset + SECTION_SIZE > size) return [];
  // What does not fit into 16 bits stands in section 0 (gABI, e_shnum and e_shstrndx).
  const count = sectionHeaders.count === 0 ? memory.u64(offset + 32) : sectionHeaders.count;
  const namesIndex = sectionHeaders.names === 0xffff ? memory.u32(offset + 40) : sectionHeaders.names;
  if (offset + count * SECTION_SIZE > size) return [];
  const namesAt = offset + namesIndex * SECTION_SIZE;
  const names = namesIndex > 0 && namesIndex < count ? inFile(memory, namesAt) : undefined;
  const strings = new Strings(names ?? new Uint8Array(1), `${memory.name}: section names`);
  return Array.from({ length: count }, (_, i) => {
    const at = offset + i * SECTION_SIZE;
    const flags = memory.u32(at + 8);
    return {
      name: nameOf(strings, memory.u32(at)),
      type: memory.u32(at + 4),
      flags: { write: (flags & 1) !== 0, allocated: (flags & 2) !== 0, execute: (flags & 4) !== 0 },
      address: memory.u64(at + 16),
      offset: memory.u64(at + 24),
      size: memory.u64(at + 32),
      link: memory.u32(at + 40),
      entrySize: memory.u64(at + 56),
    };
  });
}

/** The bytes of the section whose header is at `at`; undefined unless they are in the file. */
function inFile(memory: Memory, at: number): Uint8Array | undefined {
  return sectionBytes(memory, {
    type: memory.u32(at + 4),
    offset: memory.u64(at + 24),
    size: memory.u64(at + 32),
  });
}

/** A section's bytes; undefined unless they are in the file. */
export function sectionBytes(
  memory: Memory,
  { type, offset, size }: Pick<Section, "type" | "offset" | "size">,
): Uint8Array | undefined {
  if (type === SECTION.nobits || offset + size > memory.bytes.length) return undefined;
  return memory.bytes.subarray(offset, offset + size);
}

function nameOf(strings: Strings, offset: number): string {
  try {
    return strings.at(offset);
  } catch (error) {
    if (error instanceof CinchError) return "";
    throw error;
  }
}
