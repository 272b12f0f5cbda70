import { CinchError, Cursor } from "../base/index.ts";
import type { Elf, UnwindEntry } from "./model.ts";

/** How a pointer in unwind tables is written (LSB Core, 10.5.1). */
const PE = {
  omit: 0xff,
  format: 0x0f,
  application: 0x70,
  indirect: 0x80,
  uleb: 0x01,
  udata2: 0x02,
  udata4: 0x03,
  udata8: 0x04,
  sleb: 0x09,
  sdata2: 0x0a,
  sdata4: 0x0b,
  sdata8: 0x0c,
  pcrel: 0x10,
  datarel: 0x30,
} as const;

/** What a common information entry says of the entries that refer to it. */
interface Common {
  pointers: number;
  lsda: number;
  isSignalFrame: boolean;
  hasAugmentation: boolean;
  personality?: { address: number; indirect: boolean };
}

/** An exception table's call sites: a function with more has none that a compiler made. */
const MAX_CALL_SITES = 65_536;

/**
 * The functions that unwind tables bound, sorted by start: .eh_frame (LSB Core 10.6; DWARF 5, 6.4), found by its section or
 * by the header that the PT_GNU_EH_FRAME segment holds, and their exception tables (.gcc_except_table, the Itanium C++
 * ABI's LSDA). Empty for a file without. Throws `bad-elf` where the tables contradict themselves.
 */
export function parseUnwind(elf: Elf): UnwindEntry[] {
  if (elf.bits !== 64) return [];
  const frame = frameOf(elf);
  if (frame === undefined) return [];
  const reader = new FrameReader(elf, frame.bytes, frame.address);
  return reader.entries().sort((a, b) => a.start - b.start || b.end - a.end);
}

function frameOf(elf: Elf): { bytes: Uint8Array; address: number } | undefined {
  const section = elf.sections.find(({ name, flags }) => name === ".eh_frame" && flags.allocated);
  if (section !== undefined) {
    const bytes = elf.bytesAt(section.address, section.size);
    return bytes && { bytes, address: section.address };
  }
  const header = elf.segments.find(({ kind }) => kind === "eh-frame");
  const start = header && elf.bytesAt(header.address, 12);
  if (header === undefined || start === undefined) return undefined;
  const cursor = new Cursor(start, ".eh_frame_hdr");
  cursor.skip(1);
  const encoding = cursor.u8();
  cursor.skip(2);
  // Compilers write it as a distance of four bytes; nothing else was ever seen.
  if (encoding !== (PE.pcrel | PE.sdata4)) return undefined;
  const address = header.address + 4 + cursor.i32();
  const segment = elf.segments.find(
    (one) => one.kind === "load" && address >= one.address && address < one.address + one.fileSize,
  );
  // Its end is not told; the terminator is.
  const bytes = segment && elf.bytesAt(address, segment.address + segment.fileSize - address);
  return bytes && { bytes, address };
}

class FrameReader {
  #elf: Elf;
  #bytes: Uint8Array;
  #view: DataView;
  #address: number;
  #commons = new Map<number, Common>();

  constructor(elf: Elf, bytes: Uint8Array, address: number) {
    this.#elf = elf;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#address = address;
  }

  entries(): UnwindEntry[] {
    const found: UnwindEntry[] = [];
    let at = 0;
    while (at + 4 <= this.#bytes.length) {
      const length = this.#view.getUint32(at, true);
      if (length === 0) {
        // A terminator; a linker may leave one in the middle, of a file that was linked in.
        at += 4;
        continue;
      }
      if (length === 0xffff_ffff) throw bad("an entry of more than 4 GiB", this.#address + at);
      const body = at + 4;
      const end = body + length;
      if (length < 4 || end > this.#bytes.length)
        throw bad("an entry that reaches past the end", this.#address + at);
      const id = this.#view.getUint32(body, true);
      if (id !== 0) {
        const entry = this.#entry(body, end, body - id);
        if (entry !== undefined) found.push(entry);
      }
      at = end;
    }
    return found;
  }

  #entry(body: number, end: number, commonAt: number): UnwindEntry | undefined {
    const common = this.#common(commonAt);
    const place = { at: body + 4 };
    const start = this.#pointer(place, common.pointers);
    // The length has the pointer's format, and is no address.
    const size = this.#pointer(place, common.pointers & PE.format);
    if (size <= 0 || start <= 0) return undefined;
    const entry: UnwindEntry = {
      start,
      end: start + size,
      landingPads: [],
      isSignalFrame: common.isSignalFrame,
    };
    if (common.hasAugmentation) {
      const length = this.#uleb(place);
      if (place.at + length > end) throw bad("augmentation data past the entry's end", this.#address + body);
      if (common.lsda !== PE.omit && length > 0) {
        const table = this.#pointer(place, common.lsda);
        if (table !== 0) {
          entry.landingPads = landingPads(this.#elf, table, start);
          if (common.personality) entry.personality = common.personality;
        }
      }
    }
    return entry;
  }

  #common(at: number): Common {
    const known = this.#commons.get(at);
    if (known !== undefined) return known;
    // `at` is where the length stands.
    if (at < 0 || at + 9 > this.#bytes.length || this.#view.getUint32(at + 4, true) !== 0)
      throw bad("an entry that refers to no common one", this.#address + at);
    const end = at + 4 + this.#view.getUint32(at, true);
    if (end > this.#bytes.length) throw bad("an entry that reaches past the end", this.#address + at);
    const place = { at: at + 9 };
    const augmentation = this.#text(place);
    const common: Common = { pointers: 0, lsda: PE.omit, isSignalFrame: false, hasAugmentation: false };
    this.#uleb(place);
    this.#sleb(place);
    if (this.#bytes[at + 8] === 1) place.at += 1;
    else this.#uleb(place);
    if (augmentation.startsWith("z")) {
      common.hasAugmentation = true;
      this.#uleb(place);
      for (const letter of augmentation.slice(1)) {
        if (letter === "R") common.pointers = this.#byte(place);
        else if (letter === "L") common.lsda = this.#byte(place);
        else if (letter === "S") common.isSignalFrame = true;
        else if (letter === "P") {
          const encoding = this.#byte(place);
          common.personality = {
            address: this.#pointer(place, encoding & ~PE.indirect),
            indirect: (encoding & PE.indirect) !== 0,
          };
        } else if (letter !== "B") break;
      }
    }
    this.#commons.set(at, common);
    return common;
  }

  #byte(place: { at: number }): number {
    const value = this.#bytes[place.at];
    if (value === undefined) throw bad("an entry that reaches past the end", this.#address + place.at);
    place.at += 1;
    return value;
  }

  #text(place: { at: number }): string {
    const end = this.#bytes.indexOf(0, place.at);
    if (end < 0 || end - place.at > 16) throw bad("an augmentation without an end", this.#address + place.at);
    const text = String.fromCharCode(...this.#bytes.subarray(place.at, end));
    place.at = end + 1;
    return text;
  }

  #uleb(place: { at: number }): number {
    return readUleb(() => this.#byte(place));
  }

  #sleb(place: { at: number }): number {
    return readSleb(() => this.#byte(place));
  }

  /** A pointer; 0 stays 0, whatever it is relative to. */
  #pointer(place: { at: number }, encoding: number): number {
    const here = this.#address + place.at;
    const value = readEncoded(this.#view, place, encoding & PE.format, () => this.#byte(place));
    if (value === 0) return 0;
    return (encoding & PE.application) === PE.pcrel ? here + value : value;
  }
}

/** The addresses in an exception table where exceptions go on. */
function landingPads(elf: Elf, table: number, functionStart: number): number[] {
  // How long it is stands inside; the header first.
  const segment = elf.segments.find(
    (one) => one.kind === "load" && table >= one.address && table < one.address + one.fileSize,
  );
  const bytes = segment && elf.bytesAt(table, segment.address + segment.fileSize - table);
  if (bytes === undefined) throw bad("an exception table outside the file", table);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const place = { at: 0 };
  const byte = (): number => {
    const value = bytes[place.at];
    if (value === undefined) throw bad("an exception table that reaches past the end", table);
    place.at += 1;
    return value;
  };
  const base = byte();
  let start = functionStart;
  if (base !== PE.omit) {
    const here = table + place.at;
    const value = readEncoded(view, place, base & PE.format, byte);
    start = (base & PE.application) === PE.pcrel ? here + value : value;
  }
  if (byte() !== PE.omit) readUleb(byte);
  const format = byte() & PE.format;
  const length = readUleb(byte);
  const end = place.at + length;
  if (end > bytes.length) throw bad("an exception table that reaches past the end", table);
  const pads = new Set<number>();
  for (let sites = 0; place.at < end; sites += 1) {
    if (sites > MAX_CALL_SITES) throw bad(`more than ${MAX_CALL_SITES} call sites`, table);
    readEncoded(view, place, format, byte);
    readEncoded(view, place, format, byte);
    const pad = readEncoded(view, place, format, byte);
    readUleb(byte);
    if (pad !== 0) pads.add(start + pad);
  }
  return [...pads].sort((a, b) => a - b);
}

function readEncoded(view: DataView, place: { at: number }, format: number, byte: () => number): number {
  const { at } = place;
  const take = (size: number): void => {
    if (at + size > view.byteLength) throw bad("a pointer past the end", at);
    place.at += size;
  };
  switch (format) {
    case PE.udata2:
      take(2);
      return view.getUint16(at, true);
    case PE.sdata2:
      take(2);
      return view.getInt16(at, true);
    case PE.udata4:
      take(4);
      return view.getUint32(at, true);
    case PE.sdata4:
      take(4);
      return view.getInt32(at, true);
    case 0:
    case PE.udata8:
      take(8);
      return Number(view.getBigUint64(at, true));
    case PE.sdata8:
      take(8);
      return Number(view.getBigInt64(at, true));
    case PE.uleb:
      return readUleb(byte);
    case PE.sleb:
      return readSleb(byte);
    default:
      throw bad(`a pointer of the unknown format 0x${format.toString(16)}`, at);
  }
}

/** Bytes of a number of variable length that is below 2^53. */
const MAX_LEB_BYTES = 10;

function readUleb(byte: () => number): number {
  let value = 0;
  for (let i = 0; i < MAX_LEB_BYTES; i += 1) {
    const part = byte();
    value += (part & 0x7f) * 2 ** (7 * i);
    if (part < 0x80) return value;
  }
  throw bad("a number without an end", 0);
}

function readSleb(byte: () => number): number {
  let value = 0;
  for (let i = 0; i < MAX_LEB_BYTES; i += 1) {
    const part = byte();
    value += (part & 0x7f) * 2 ** (7 * i);
    if (part < 0x80) return part & 0x40 ? value - 2 ** (7 * (i + 1)) : value;
  }
  throw bad("a number without an end", 0);
}

function bad(what: string, address: number): CinchError {
  return new CinchError("bad-elf", `unwind tables: ${what} at 0x${address.toString(16)}`);
}
