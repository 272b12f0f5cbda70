import { isAscii } from "node:buffer";
import { CinchError } from "../base/index.ts";

/**
 * Linkers let names share their ends, so the names of a table may have more characters than the table. Files in which
 * they have this many times more are made to keep readers busy.
 */
const MAX_SHARING = 64;

/** A string table: names that end with a NUL, found by where they begin. */
export class Strings {
  readonly #bytes: Buffer;
  /** All of it as one string where it is ASCII: names are then slices of it, without a copy. */
  readonly #text: string | undefined;
  readonly #what: string;
  #budget: number;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#text = isAscii(this.#bytes) ? this.#bytes.toString("latin1") : undefined;
    this.#what = what;
    this.#budget = MAX_SHARING * bytes.length + 0x10_0000;
  }

  /** The name that begins at `offset`. Throws `elf-malformed` where the table has none. */
  at(offset: number): string {
    if (offset === 0) return "";
    const end = this.#text === undefined ? this.#bytes.indexOf(0, offset) : this.#text.indexOf("\0", offset);
    if (offset >= this.#bytes.length || end === -1)
      throw new CinchError(
        "elf-malformed",
        `${this.#what}: no name ends after offset ${offset} of the string table, which has ${this.#bytes.length} bytes`,
      );
    this.#budget -= end - offset;
    if (this.#budget < 0)
      throw new CinchError(
        "elf-malformed",
        `${this.#what}: its names are ${MAX_SHARING} times longer than the string table`,
      );
    return this.#text?.slice(offset, end) ?? this.#bytes.toString("utf8", offset, end);
  }
}
