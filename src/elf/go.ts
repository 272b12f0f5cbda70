import type { Elf, GoFunction } from "./model.ts";

/** The first bytes of Go's function table, by the release that brought the form (Go, src/internal/abi/symtab.go, debug/gosym). */
const MAGIC = { "1.20": 0xffff_fff1, "1.18": 0xffff_fff0, "1.16": 0xffff_fffa, "1.2": 0xffff_fffb } as const;
type Form = keyof typeof MAGIC;

/** A program with more functions has no table that Go wrote: the largest known have some 300,000. */
const MAX_FUNCTIONS = 4_000_000;
/** Names are kept this long at most; generic instances have the longest. */
const MAX_NAME = 4096;

/**
 * The functions of a Go program, from the table its runtime needs, which stays when a file is stripped: in the section
 * .gopclntab, or found by its first bytes in data. Undefined for a program without. What does not fit (offsets outside
 * the table, functions that do not ascend) is no such table.
 */
export function parseGoFunctions(elf: Elf): GoFunction[] | undefined {
  for (const { bytes, start } of candidates(elf)) {
    const found = parseTable(elf, bytes, start);
    if (found !== undefined) return found;
  }
  return undefined;
}

function* candidates(elf: Elf): Generator<{ bytes: Uint8Array; start: number }> {
  const named = elf.sections.find(({ name }) => name === ".gopclntab" || name === ".data.rel.ro.gopclntab");
  if (named !== undefined) {
    const bytes = elf.bytesAt(named.address, named.size);
    if (bytes !== undefined) yield { bytes, start: 0 };
    return;
  }
  // Only what has Go's build information may hide a table; a look through every library's data would be dear.
  if (!elf.sections.some(({ name }) => name === ".go.buildinfo") && elf.sections.length > 0) return;
  for (const { kind, address, fileSize, flags } of elf.segments) {
    if (kind !== "load" || flags.execute) continue;
    const bytes = elf.bytesAt(address, fileSize);
    if (bytes === undefined) continue;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const magic of Object.values(MAGIC)) {
      const wanted = Buffer.alloc(6);
      wanted.writeUInt32LE(magic);
      for (let at = buffer.indexOf(wanted); at >= 0; at = buffer.indexOf(wanted, at + 1))
        if (at % 8 === 0) yield { bytes, start: at };
    }
  }
}

function parseTable(elf: Elf, all: Uint8Array, start: number): GoFunction[] | undefined {
  const bytes = all.subarray(start);
  if (bytes.length < 72) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0, true);
  const form = (Object.keys(MAGIC) as Form[]).find((one) => MAGIC[one] === magic);
  const pointer = bytes[7];
  if (form === undefined || bytes[4] !== 0 || bytes[5] !== 0 || pointer !== 8) return undefined;
  const word = (index: number): number => Number(view.getBigUint64(8 + index * 8, true));
  const count = word(0);
  if (count === 0 || count > MAX_FUNCTIONS) return undefined;
  const table = layoutOf(form, word, textStart(elf));
  const step = table.entry * 2;
  if (table.functions + count * step + table.entry > bytes.length) return undefined;
  const read = (at: number): number =>
    table.entry === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
  const functions: GoFunction[] = [];
  for (let i = 0; i < count; i += 1) {
    const at = table.functions + i * step;
    const from = table.text + read(at);
    const to = table.text + read(at + step);
    const info = table.functionData + read(at + table.entry);
    if (to < from || info + table.entry + 4 > bytes.length) return undefined;
    const nameAt = table.names + view.getInt32(info + table.entry, true);
    functions.push({ name: nameIn(bytes, nameAt), start: from, end: to });
  }
  return functions;
}

interface Layout {
  /** Bytes of an entry of the function table: an address, or an offset from the text. */
  entry: 4 | 8;
  /** Offsets in the table. */
  functions: number;
  functionData: number;
  names: number;
  /** What entries are relative to. */
  text: number;
}

function layoutOf(form: Form, word: (index: number) => number, text: number): Layout {
  switch (form) {
    case "1.20":
    case "1.18": {
      // nfunc, nfiles, textStart, funcname, cu, file, pc, funcs. Newer linkers leave textStart to the loader.
      const functions = word(7);
      return { entry: 4, functions, functionData: functions, names: word(3), text: word(2) || text };
    }
    case "1.16": {
      const functions = word(6);
      return { entry: 8, functions, functionData: functions, names: word(2), text: 0 };
    }
    case "1.2":
      return { entry: 8, functions: 16, functionData: 0, names: 0, text: 0 };
  }
}

function textStart(elf: Elf): number {
  const symbol = elf.symbols.find(({ name }) => name === "runtime.text");
  return symbol?.address ?? elf.sections.find(({ name }) => name === ".text")?.address ?? 0;
}

function nameIn(bytes: Uint8Array, at: number): string {
  if (at < 0 || at >= bytes.length) return "";
  const end = bytes.subarray(at, at + MAX_NAME).indexOf(0);
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, end < 0 ? 0 : end).toString("utf8");
}
