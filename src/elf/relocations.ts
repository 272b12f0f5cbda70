import { TAG } from "./dynamic.ts";
import { hex, type Memory } from "./memory.ts";
import type { Elf, Relocation } from "./model.ts";
import { SECTION, type LinkedSection } from "./sections.ts";

const RELA_SIZE = 24;
const REL_SIZE = 16;

type Kind = Relocation["kind"];

/** System V psABI for x86-64, table "Relocation Types". */
const X86_64: Record<number, Kind> = {
  1: "symbol",
  5: "copy",
  6: "symbol",
  7: "jump",
  8: "relative",
  16: "tls",
  17: "tls",
  18: "tls",
  36: "tls",
  37: "irelative",
  38: "relative",
};
/** ELF for the Arm 64-bit Architecture, "Dynamic relocations", and ABS64. */
const AARCH64: Record<number, Kind> = {
  257: "symbol",
  1024: "copy",
  1025: "symbol",
  1026: "jump",
  1027: "relative",
  1028: "tls",
  1029: "tls",
  1030: "tls",
  1031: "tls",
  1032: "irelative",
};
const KINDS: Record<Elf["machine"], Record<number, Kind>> = {
  x86_64: X86_64,
  aarch64: AARCH64,
  i386: {},
  other: {},
};
const RELATIVE: Record<Elf["machine"], number> = { x86_64: 8, aarch64: 1027, i386: 0, other: 0 };

/** The relocations of a file with a dynamic section, sorted by offset. */
export function dynamicRelocations(
  memory: Memory,
  machine: Elf["machine"],
  tags: Map<number, number>,
): Relocation[] {
  const out: Relocation[] = [];
  const kinds = KINDS[machine];
  const table = (tag: number, sizeTag: number): [address: number, size: number] => [
    tags.get(tag) ?? 0,
    tags.get(sizeTag) ?? 0,
  ];
  const [rela, relaSize] = table(TAG.rela, TAG.relaSize);
  if (relaSize > 0) readRela(memory, memory.at(rela, relaSize, "DT_RELA"), relaSize, kinds, out);
  const [rel, relSize] = table(TAG.rel, TAG.relSize);
  if (relSize > 0) readRel(memory, memory.at(rel, relSize, "DT_REL"), relSize, kinds, out);
  const [plt, pltSize] = table(TAG.jmpRel, TAG.pltRelSize);
  const isRel = tags.get(TAG.pltRel) === TAG.rel;
  // Some linkers let DT_RELA end with the PLT's.
  const counted = isRel
    ? plt >= rel && plt + pltSize <= rel + relSize
    : plt >= rela && plt + pltSize <= rela + relaSize;
  if (pltSize > 0 && !counted)
    (isRel ? readRel : readRela)(memory, memory.at(plt, pltSize, "DT_JMPREL"), pltSize, kinds, out);
  const [relr, relrSize] = table(TAG.relr, TAG.relrSize);
  if (relrSize > 0) readRelr(memory, memory.at(relr, relrSize, "DT_RELR"), relrSize, RELATIVE[machine], out);
  return sorted(out);
}

/** Those of a static file: what its start-up code applies itself (IRELATIVE), found by the loaded sections that hold it. */
export function staticRelocations(
  memory: Memory,
  machine: Elf["machine"],
  sections: LinkedSection[],
): Relocation[] {
  const out: Relocation[] = [];
  for (const { type, flags, address, size } of sections) {
    if (type !== SECTION.rela || !flags.allocated) continue;
    const at = memory.offsetOf(address, size);
    if (at !== -1) readRela(memory, at, size, KINDS[machine], out);
  }
  return sorted(out);
}

function readRela(
  memory: Memory,
  offset: number,
  size: number,
  kinds: Record<number, Kind>,
  out: Relocation[],
): void {
  const { view } = memory;
  for (let at = offset; at + RELA_SIZE <= offset + size; at += RELA_SIZE) {
    const type = view.getUint32(at + 8, true);
    out.push({
      offset: memory.u64(at),
      kind: kinds[type] ?? "other",
      type,
      symbol: view.getUint32(at + 12, true),
      addend: memory.i64(at + 16),
    });
  }
}

/** Without addends in the table: they stand where the relocation is applied. */
function readRel(
  memory: Memory,
  offset: number,
  size: number,
  kinds: Record<number, Kind>,
  out: Relocation[],
): void {
  for (let at = offset; at + REL_SIZE <= offset + size; at += REL_SIZE) {
    const [address, type] = [memory.u64(at), memory.u32(at + 8)];
    const slot = memory.offsetOf(address, 8);
    out.push({
      offset: address,
      kind: kinds[type] ?? "other",
      type,
      symbol: memory.u32(at + 12),
      addend: slot === -1 ? 0 : memory.i64(slot),
    });
  }
}

/**
 * DT_RELR: an even word is the address of one, an odd word is a bit map of which of the 63 words after the last address
 * are others (gABI, "Relative Relocation Table"). The addend is what stands in the word.
 */
function readRelr(memory: Memory, offset: number, size: number, type: number, out: Relocation[]): void {
  const { view } = memory;
  // One bit makes one relocation of many bytes: no more of them than the file has words.
  let left = memory.bytes.length / 8;
  const add = (address: number): void => {
    const slot = memory.at(address, 8, "the word of a DT_RELR relocation");
    if ((left -= 1) < 0) memory.malformed("DT_RELR has more relocations than the file has words");
    out.push({ offset: address, kind: "relative", type, symbol: 0, addend: memory.i64(slot) });
  };
  let next = -1;
  for (let at = offset; at + 8 <= offset + size; at += 8) {
    const [low, high] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    if ((low & 1) === 0) {
      const address = high * 0x1_0000_0000 + low;
      add(address);
      next = address + 8;
      continue;
    }
    if (next === -1) memory.malformed(`DT_RELR begins with a bit map (${hex(low)}), expected an address`);
    for (let bits = low >>> 1, i = 0; bits !== 0; bits >>>= 1, i += 1)
      if ((bits & 1) !== 0) add(next + 8 * i);
    for (let bits = high, i = 31; bits !== 0; bits >>>= 1, i += 1) if ((bits & 1) !== 0) add(next + 8 * i);
    next += 8 * 63;
  }
}

function sorted(relocations: Relocation[]): Relocation[] {
  for (let i = 1; i < relocations.length; i += 1)
    if (relocations[i]!.offset < relocations[i - 1]!.offset)
      return relocations.sort((a, b) => a.offset - b.offset);
  return relocations;
}
