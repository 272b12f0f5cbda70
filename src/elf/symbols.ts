import { TAG, type DynamicTable } from "./dynamic.ts";
import type { Memory } from "./memory.ts";
import type { ElfSymbol } from "./model.ts";
import { SECTION, sectionBytes, type LinkedSection } from "./sections.ts";
import { Strings } from "./strings.ts";
import { CinchError } from "../base/index.ts";
import { parseVersions } from "./versions.ts";

const SYMBOL_SIZE = 24;

const KINDS: Record<number, ElfSymbol["kind"]> = {
  0: "none",
  1: "object",
  2: "function",
  3: "section",
  4: "file",
  5: "object",
  6: "tls",
  10: "ifunc",
};
// STB_GNU_UNIQUE (10) is a global one of which the whole process has one.
const BINDINGS: Record<number, ElfSymbol["binding"]> = { 0: "local", 1: "global", 2: "weak", 10: "global" };
const VISIBILITIES = ["default", "internal", "hidden", "protected"] as const;

/**
 * The dynamic symbols with their versions. How many there are stands nowhere: the hash tables tell it, but GNU's leaves
 * out what is only wanted where nothing is offered, so relocations (`named`: the highest index in them) and the section
 * table have a say.
 */
export function parseDynamicSymbols(
  memory: Memory,
  { tags, strings }: DynamicTable,
  sections: LinkedSection[],
  named: number,
): ElfSymbol[] {
  const address = tags.get(TAG.symbols);
  if (address === undefined) return [];
  const loaded = memory.rangeAt(address, "the dynamic symbol table");
  const fits = Math.floor(loaded.size / SYMBOL_SIZE);
  const section = sections.find(({ type, address: at }) => type === SECTION.dynsym && at === address);
  const inSection = Math.floor((section?.size ?? 0) / SYMBOL_SIZE);
  const count = Math.max(
    countByHash(memory, tags),
    named + 1,
    // The section table may lie.
    inSection <= fits ? inSection : 0,
  );
  if (count > fits)
    memory.malformed(`the dynamic symbol table should have ${count} entries, but only ${fits} are loaded`);
  const symbols = readSymbols(memory, loaded.offset, count, strings);
  const versions = parseVersions(memory, tags, strings);
  const versionAddress = tags.get(TAG.versionSymbols);
  if (versionAddress !== undefined && count > 0) {
    const at = memory.at(versionAddress, 2 * count, "the table of symbol versions");
    for (let i = 0; i < count; i += 1) {
      const index = memory.u16(at + 2 * i);
      // 0 is local, 1 is global without a version.
      if ((index & 0x7fff) < 2) continue;
      const symbol = symbols[i]!;
      symbol.version = versions.get(index & 0x7fff);
      symbol.hidden = (index & 0x8000) !== 0;
    }
  }
  return symbols;
}

function countByHash(memory: Memory, tags: Map<number, number>): number {
  const hash = tags.get(TAG.hash);
  if (hash !== undefined) return memory.u32(memory.at(hash, 8, "the hash table") + 4);
  const gnu = tags.get(TAG.gnuHash);
  return gnu === undefined ? 0 : countByGnuHash(memory, gnu);
}

/** The symbols stand in the order of their buckets; the last chain ends with an entry that has bit 0 set. */
function countByGnuHash(memory: Memory, address: number): number {
  const what = "the GNU hash table";
  const at = memory.at(address, 16, what);
  const [buckets, first, filterWords] = [memory.u32(at), memory.u32(at + 4), memory.u32(at + 8)];
  const bucketsAt = memory.at(address + 16 + 8 * filterWords, 4 * buckets, what);
  let last = 0;
  for (let i = 0; i < buckets; i += 1) last = Math.max(last, memory.u32(bucketsAt + 4 * i));
  if (last < first) return first;
  const chains = memory.rangeAt(address + 16 + 8 * filterWords + 4 * buckets, what);
  for (let i = last; ; i += 1) {
    const chain = 4 * (i - first);
    if (chain + 4 > chains.size) memory.malformed(`${what} has a chain without an end`);
    if ((memory.u32(chains.offset + chain) & 1) !== 0) return i + 1;
  }
}

/** .symtab, for what it is worth: where it is stripped or wrong there are no symbols. */
export function parseSymbolTable(memory: Memory, sections: LinkedSection[]): ElfSymbol[] {
  const table = sections.find(({ type }) => type === SECTION.symtab);
  const names = table === undefined ? undefined : sections[table.link];
  if (table === undefined || names === undefined || sectionBytes(memory, table) === undefined) return [];
  const nameBytes = sectionBytes(memory, names);
  if (nameBytes === undefined) return [];
  try {
    const strings = new Strings(nameBytes, `${memory.name}: symbol names`);
    return readSymbols(memory, table.offset, Math.floor(table.size / SYMBOL_SIZE), strings);
  } catch (error) {
    if (error instanceof CinchError) return [];
    throw error;
  }
}

function readSymbols(memory: Memory, offset: number, count: number, strings: Strings): ElfSymbol[] {
  const { view, bytes } = memory;
  const symbols: ElfSymbol[] = [];
  for (let i = 0, at = offset; i < count; i += 1, at += SYMBOL_SIZE) {
    const info = bytes[at + 4]!;
    symbols.push({
      name: strings.at(view.getUint32(at, true)),
      version: undefined,
      hidden: false,
      kind: KINDS[info & 15] ?? "other",
      binding: BINDINGS[info >> 4] ?? "other",
      visibility: VISIBILITIES[bytes[at + 5]! & 3]!,
      defined: view.getUint16(at + 6, true) !== 0,
      address: memory.u64(at + 8),
      size: memory.u64(at + 16),
    });
  }
  return symbols;
}
