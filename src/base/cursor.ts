import { CinchError } from "./error.ts";

/**
 * A bounds-checked little-endian reader over bytes that somebody else wrote. Reading past the end throws a
 * `CinchError` with code `truncated` that names what was read and where; it never returns made-up bytes.
 */
export class Cursor {
  readonly bytes: Buffer;
  /** What is being read, for messages: "BTF", "ELF header". */
  readonly what: string;
  offset: number;

  constructor(bytes: Uint8Array, what: string, offset = 0) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.what = what;
    this.offset = offset;
  }

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  u8(): number {
    return this.bytes.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.bytes.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.#take(4));
  }

  i32(): number {
    return this.bytes.readInt32LE(this.#take(4));
  }

  u64(): bigint {
    return this.bytes.readBigUInt64LE(this.#take(8));
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** A view (no copy) of the next `length` bytes. */
  take(length: number): Buffer {
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** The NUL-terminated string at an absolute offset; at most `limit` bytes are searched. */
  stringAt(offset: number, limit = 4096): string {
    if (offset < 0 || offset > this.bytes.length) this.#fail(offset, 1);
    const end = this.bytes.indexOf(0, offset);
    if (end === -1 || end - offset > limit) {
      throw new CinchError(
        "truncated",
        `${this.what}: no end of string within ${limit} bytes at offset ${offset}`,
      );
    }
    return this.bytes.toString("utf8", offset, end);
  }

  #take(length: number): number {
    const at = this.offset;
    if (length < 0 || at < 0 || length > this.bytes.length - at) this.#fail(at, length);
    this.offset = at + length;
    return at;
  }

  #fail(at: number, length: number): never {
    throw new CinchError(
      "truncated",
      `${this.what}: wanted ${length} bytes at offset ${at}, but it has ${this.bytes.length}`,
    );
  }
}
