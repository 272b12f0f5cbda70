import { type DynamicTable, parseDynamic } from "./dynamic.ts";
import { parseHeader, parseSegments } from "./header.ts";
import { Memory } from "./memory.ts";
import type { Elf, ElfSymbol, Relocation, Segment } from "./model.ts";
import { dynamicRelocations, staticRelocations } from "./relocations.ts";
import { parseSections, type LinkedSection } from "./sections.ts";
import { parseDynamicSymbols, parseSymbolTable } from "./symbols.ts";

/** The kernel refuses longer ones (PATH_MAX, load_elf_binary in fs/binfmt_elf.c). */
const MAX_INTERPRETER = 4096;

/**
 * An ELF file's bytes as values; `name` is for messages. What the loader goes by is read as the loader reads it: from
 * segments and the dynamic section. Section headers are an extra that may be missing or wrong. Of 32-bit files only the
 * header is read. The bytes must not change afterwards: `bytesAt` hands out views of them, and `symbols` is read when it
 * is first asked for.
 *
 * Throws `CinchError`: `not-elf`, `truncated` (the file ends before something its headers name), `elf-unsupported`
 * (big-endian), `elf-malformed`. Sources: System V gABI, LSB core (symbol versions), glibc elf/.
 */
export function parseElf(bytes: Uint8Array, name: string): Elf {
  const memory = new Memory(bytes, name);
  const header = parseHeader(memory);
  const segments = parseSegments(memory, header);
  memory.load(segments);
  const sections = parseSections(memory, header);
  const table = parseDynamic(memory, segments);
  const relocations =
    table === undefined
      ? staticRelocations(memory, header.machine, sections)
      : dynamicRelocations(memory, header.machine, table.tags);
  let symbols: ElfSymbol[] | undefined;
  return {
    machine: header.machine,
    machineNumber: header.machineNumber,
    bits: header.bits,
    type: header.type,
    entry: header.entry,
    segments,
    sections,
    interpreter: interpreterOf(memory, segments),
    buildId: buildIdOf(memory, segments),
    dynamic: table?.dynamic,
    dynamicSymbols: table === undefined ? [] : dynamicSymbolsOf(memory, table, sections, relocations),
    get symbols() {
      return (symbols ??= parseSymbolTable(memory, sections));
    },
    relocations,
    bytesAt: (address, size) => memory.bytesAt(address, size),
  };
}

function dynamicSymbolsOf(
  memory: Memory,
  table: DynamicTable,
  sections: LinkedSection[],
  relocations: Relocation[],
): ElfSymbol[] {
  let named = 0;
  for (const { symbol } of relocations) if (symbol > named) named = symbol;
  return parseDynamicSymbols(memory, table, sections, named);
}

function interpreterOf(memory: Memory, segments: Segment[]): string | undefined {
  const segment = segments.find(({ kind }) => kind === "interp");
  if (segment === undefined) return undefined;
  const { offset, fileSize } = segment;
  if (fileSize < 2 || fileSize > MAX_INTERPRETER)
    memory.malformed(`the interpreter's name has ${fileSize} bytes, expected 2 to ${MAX_INTERPRETER}`);
  memory.need(offset, fileSize, "the interpreter's name");
  const text = Buffer.from(memory.bytes.subarray(offset, offset + fileSize)).toString("utf8");
  const end = text.indexOf("\0");
  if (end === -1) memory.malformed("the interpreter's name has no end");
  return text.slice(0, end);
}

const NT_GNU_BUILD_ID = 3;

/** Notes tell people and tools something, the loader hardly anything: what is wrong in them is passed over. */
function buildIdOf(memory: Memory, segments: Segment[]): string | undefined {
  for (const { kind, offset, fileSize } of segments) {
    if (kind !== "note" || offset + fileSize > memory.bytes.length) continue;
    for (let at = offset; at + 12 <= offset + fileSize;) {
      const [nameSize, size, type] = [memory.u32(at), memory.u32(at + 4), memory.u32(at + 8)];
      const content = at + 12 + align4(nameSize);
      const end = content + align4(size);
      if (content + size > offset + fileSize) break;
      const isGnu = nameSize === 4 && memory.u32(at + 12) === 0x00554e47;
      if (isGnu && type === NT_GNU_BUILD_ID)
        return Buffer.from(memory.bytes.subarray(content, content + size)).toString("hex");
      at = end;
    }
  }
  return undefined;
}

/** Also in segments with an alignment of 8, GNU's notes before the properties are aligned to 4. */
function align4(size: number): number {
  return Math.ceil(size / 4) * 4;
}
