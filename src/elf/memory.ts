import { CinchError } from "../base/index.ts";
import type { Segment } from "./model.ts";

/**
 * The bytes of a file, read at their place in the file or at the address they are loaded at. Bounds are checked once a
 * table (`at`, `rangeAt`); within a table the callers read with `view`.
 */
export class Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Of the file, for messages. */
  readonly name: string;
  #loads: Segment[] = [];
  /** Where the last address was found: tables are read from front to back. */
  #last: Segment | undefined;

  constructor(bytes: Uint8Array, name: string) {
    // Not as a Buffer: what is handed out are plain views.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.name = name;
  }

  /** From now on addresses are known. */
  load(segments: Segment[]): void {
    this.#loads = segments.filter(({ kind }) => kind === "load");
  }

  /** Where `size` bytes at `address` stand in the file; -1 unless all of them are in one segment's file part. */
  offsetOf(address: number, size: number): number {
    const segment = this.#find(address);
    if (segment === undefined || !(size >= 0) || size > segment.fileSize - (address - segment.address))
      return -1;
    return segment.offset + (address - segment.address);
  }

  /** The place in the file of `address`, and how many bytes are loaded from there on. */
  rangeAt(address: number, what: string): { offset: number; size: number } {
    const segment = this.#find(address);
    if (segment === undefined)
      this.malformed(`${what} is at ${hex(address)}, where nothing of the file is loaded`);
    const skip = address - segment.address;
    return { offset: segment.offset + skip, size: segment.fileSize - skip };
  }

  /** Like `offsetOf`, for tables that the file says it has. */
  at(address: number, size: number, what: string): number {
    const offset = this.offsetOf(address, size);
    if (offset === -1)
      this.malformed(`${what} is ${size} bytes at ${hex(address)}, which the file does not load`);
    return offset;
  }

  bytesAt(address: number, size: number): Uint8Array | undefined {
    const offset = this.offsetOf(address, size);
    return offset === -1 ? undefined : this.bytes.subarray(offset, offset + size);
  }

  /** Throws unless `size` bytes stand in the file at `offset`. */
  need(offset: number, size: number, what: string): void {
    if (offset + size > this.bytes.length || offset < 0 || size < 0)
      throw new CinchError(
        "truncated",
        `${this.name}: ${what} is ${size} bytes at offset ${offset}, but the file has ${this.bytes.length}`,
        { hint: "the file may have been cut off while it was copied" },
      );
  }

  u16(offset: number): number {
    return this.view.getUint16(offset, true);
  }

  u32(offset: number): number {
    return this.view.getUint32(offset, true);
  }

  /** Above 2^53 only nearly right; nothing can be loaded there (see `parseSegments`). */
  u64(offset: number): number {
    return this.view.getUint32(offset + 4, true) * 0x1_0000_0000 + this.view.getUint32(offset, true);
  }

  i64(offset: number): number {
    return this.view.getInt32(offset + 4, true) * 0x1_0000_0000 + this.view.getUint32(offset, true);
  }

  malformed(message: string): never {
    throw new CinchError("elf-malformed", `${this.name}: ${message}`);
  }

  #find(address: number): Segment | undefined {
    const last = this.#last;
    if (last !== undefined && address >= last.address && address - last.address < last.fileSize) return last;
    for (const segment of this.#loads) {
      if (address < segment.address || address - segment.address >= segment.fileSize) continue;
      this.#last = segment;
      return segment;
    }
    return undefined;
  }
}

export function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
