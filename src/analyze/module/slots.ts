import type { Elf } from "../../elf/index.ts";
import { loadedRange } from "./survey.ts";

/** What the loader puts at a place in data. */
export const SLOT = {
  /** The address in `values`. */
  relative: 0,
  /** What the resolver at the address in `values` returns. */
  irelative: 1,
  /** The address of the dynamic symbol whose index is in `values`, plus the addend. */
  symbol: 2,
  /** The symbol's content, copied here. */
  copy: 3,
} as const;

/** The pointers that a module's data holds once it is loaded, sorted by place. */
export interface Slots {
  offsets: Uint32Array;
  kinds: Uint8Array;
  values: Uint32Array;
  addends: Float64Array;
}

/** The sections of data that may hold pointers without a relocation where a file is loaded at a fixed address. */
const WORD = 8;

/**
 * All pointers in a module's data: its relocations, and for a file that is not position-independent every aligned word
 * whose value lies in the loaded file (there the linker wrote the addresses and left no relocation).
 */
export function pointerSlots(elf: Elf): Slots {
  const found: { offset: number; kind: number; value: number; addend: number }[] = [];
  for (const { offset, kind, symbol, addend } of elf.relocations) {
    if (offset > 0xffff_ffff) continue;
    if (kind === "relative" || kind === "irelative") {
      if (addend < 0 || addend > 0xffff_ffff) continue;
      found.push({
        offset,
        kind: kind === "relative" ? SLOT.relative : SLOT.irelative,
        value: addend,
        addend: 0,
      });
    } else if (kind === "symbol" || kind === "jump")
      found.push({ offset, kind: SLOT.symbol, value: symbol, addend });
    else if (kind === "copy") found.push({ offset, kind: SLOT.copy, value: symbol, addend: 0 });
  }
  if (elf.type === "executable") addWords(elf, found);
  found.sort((a, b) => a.offset - b.offset);
  return {
    offsets: Uint32Array.from(found, ({ offset }) => offset),
    kinds: Uint8Array.from(found, ({ kind }) => kind),
    values: Uint32Array.from(found, ({ value }) => value),
    addends: Float64Array.from(found, ({ addend }) => addend),
  };
}

function addWords(elf: Elf, found: { offset: number; kind: number; value: number; addend: number }[]): void {
  const loaded = loadedRange(elf);
  if (loaded === undefined) return;
  const taken = new Set(found.map(({ offset }) => offset));
  for (const { start, end } of dataRanges(elf)) {
    const first = Math.ceil(start / WORD) * WORD;
    const bytes = elf.bytesAt(first, Math.floor((end - first) / WORD) * WORD);
    if (bytes === undefined) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + WORD <= bytes.length; at += WORD) {
      if (view.getUint32(at + 4, true) !== 0) continue;
      const value = view.getUint32(at, true);
      if (value < loaded.from || value >= loaded.to || taken.has(first + at)) continue;
      found.push({ offset: first + at, kind: SLOT.relative, value, addend: 0 });
    }
  }
}

export interface DataRange {
  start: number;
  end: number;
  writable: boolean;
  /** false: zeros that are not in the file. */
  inFile: boolean;
}

const SHT_NOBITS = 8;

/** The parts of a module that hold data, by section; without a section table by segment. Sorted. */
export function dataRanges(elf: Elf): DataRange[] {
  const sections = elf.sections.filter(
    ({ flags, size, name, type }) =>
      flags.allocated && !flags.execute && size > 0 && !(type === SHT_NOBITS && name === ".tbss"),
  );
  const ranges =
    sections.length > 0
      ? sections.map(({ address, size, flags, type }) => ({
          start: address,
          end: address + size,
          writable: flags.write,
          inFile: type !== SHT_NOBITS,
        }))
      : elf.segments
          .filter(({ kind, flags }) => kind === "load" && !flags.execute)
          .flatMap(({ address, fileSize, memorySize, flags }) => [
            { start: address, end: address + fileSize, writable: flags.write, inFile: true },
            { start: address + fileSize, end: address + memorySize, writable: flags.write, inFile: false },
          ]);
  return ranges.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start);
}
