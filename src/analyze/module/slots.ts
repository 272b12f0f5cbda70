import type { Elf } from "../../elf/index.ts";
import { loadedRange } from "./ranges.ts";

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
  const found = new SlotBuilder(elf.relocations.length);
  for (const { offset, kind, symbol, addend } of elf.relocations) {
    if (offset > MAX_ADDRESS) continue;
    if (kind === "relative" || kind === "irelative") {
      if (addend >= 0 && addend <= MAX_ADDRESS)
        found.add(offset, kind === "relative" ? SLOT.relative : SLOT.irelative, addend, 0);
    } else if (kind === "symbol" || kind === "jump") found.add(offset, SLOT.symbol, symbol, addend);
    else if (kind === "copy") found.add(offset, SLOT.copy, symbol, 0);
  }
  if (elf.type === "executable") addWords(elf, found);
  return found.finish();
}

/** No module reaches above 4 GiB: such numbers are data. */
const MAX_ADDRESS = 0xffff_ffff;

class SlotBuilder {
  #offsets: Uint32Array;
  #kinds: Uint8Array;
  #values: Uint32Array;
  #addends: Float64Array;
  #length = 0;
  #isSorted = true;

  constructor(expected: number) {
    this.#offsets = new Uint32Array(expected);
    this.#kinds = new Uint8Array(expected);
    this.#values = new Uint32Array(expected);
    this.#addends = new Float64Array(expected);
  }

  get offsets(): Uint32Array {
    return this.#offsets.subarray(0, this.#length);
  }

  add(offset: number, kind: number, value: number, addend: number): void {
    if (this.#length === this.#offsets.length) this.#grow();
    const at = this.#length;
    if (at > 0 && this.#offsets[at - 1]! > offset) this.#isSorted = false;
    this.#offsets[at] = offset;
    this.#kinds[at] = kind;
    this.#values[at] = value;
    this.#addends[at] = addend;
    this.#length = at + 1;
  }

  finish(): Slots {
    const order = Uint32Array.from({ length: this.#length }, (_, i) => i);
    if (!this.#isSorted) order.sort((a, b) => this.#offsets[a]! - this.#offsets[b]!);
    return {
      offsets: order.map((i) => this.#offsets[i]!),
      kinds: Uint8Array.from(order, (i) => this.#kinds[i]!),
      values: order.map((i) => this.#values[i]!),
      addends: Float64Array.from(order, (i) => this.#addends[i]!),
    };
  }

  #grow(): void {
    const size = Math.max(64, this.#offsets.length * 2);
    const [offsets, kinds, values, addends] = [this.#offsets, this.#kinds, this.#values, this.#addends];
    this.#offsets = new Uint32Array(size);
    this.#offsets.set(offsets);
    this.#kinds = new Uint8Array(size);
    this.#kinds.set(kinds);
    this.#values = new Uint32Array(size);
    this.#values.set(values);
    this.#addends = new Float64Array(size);
    this.#addends.set(addends);
  }
}

function addWords(elf: Elf, found: SlotBuilder): void {
  const loaded = loadedRange(elf);
  if (loaded === undefined) return;
  const taken = new Set(found.offsets);
  for (const { start, end } of dataRanges(elf)) {
    const first = Math.ceil(start / WORD) * WORD;
    const bytes = elf.bytesAt(first, Math.floor((end - first) / WORD) * WORD);
    if (bytes === undefined) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + WORD <= bytes.length; at += WORD) {
      if (view.getUint32(at + 4, true) !== 0) continue;
      const value = view.getUint32(at, true);
      if (value < loaded.from || value >= loaded.to || taken.has(first + at)) continue;
      found.add(first + at, SLOT.relative, value, 0);
    }
  }
}

export interface DataRange {
  start: number;
  end: number;
  writable: boolean;
  /** false: zeros that are not in the file. */
  inFile: boolean;
  /** The program's own, not the loader's tables (names of symbols, versions). */
  isOwn: boolean;
  /** The global offset table: slots that have nothing to do with each other. */
  isGot: boolean;
}

const SHT_PROGBITS = 1;
const SHT_NOBITS = 8;

/** The parts of a module that hold data, by section; without a section table by segment. Sorted. */
export function dataRanges(elf: Elf): DataRange[] {
  const sections = elf.sections.filter(
    ({ flags, size, name, type }) =>
      flags.allocated && !flags.execute && size > 0 && !(type === SHT_NOBITS && name === ".tbss"),
  );
  const ranges =
    sections.length > 0
      ? sections.map(({ name, address, size, flags, type }) => ({
          start: address,
          end: address + size,
          writable: flags.write,
          inFile: type !== SHT_NOBITS,
          isOwn: type === SHT_PROGBITS,
          isGot: name === ".got" || name === ".got.plt",
        }))
      : elf.segments
          .filter(({ kind, flags }) => kind === "load" && !flags.execute)
          .flatMap(({ address, fileSize, memorySize, flags }) => {
            const common = { writable: flags.write, isOwn: true, isGot: false };
            return [
              { ...common, start: address, end: address + fileSize, inFile: true },
              { ...common, start: address + fileSize, end: address + memorySize, inFile: false },
            ];
          });
  return ranges.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start);
}
