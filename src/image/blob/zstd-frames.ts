import { CinchError } from "../../base/index.ts";

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;

/** What comes next in a frame (RFC 8878, 3.1), with the bytes that are needed to know it. */
type Expecting = "magic" | "skippable-size" | "descriptor" | "block" | "checksum";

const NEEDS: Readonly<Record<Expecting, number>> = {
  magic: 4,
  "skippable-size": 4,
  descriptor: 1,
  block: 3,
  checksum: 4,
};

/**
 * The same bytes, cut where zstd frames end: Node's decompressor drops what stands behind the end of a frame in the same
 * chunk, and zstd:chunked layers have many frames. Throws `bad-compression` for what is no frame, and for an end inside.
 */
export async function* cutAtFrames(
  chunks: AsyncIterable<Uint8Array>,
  what: string,
): AsyncGenerator<Uint8Array> {
  const frames = new Frames(what);
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = 0; at < chunk.length;) {
      at += frames.take(chunk, at);
      if (frames.atEnd) {
        yield chunk.subarray(from, at);
        from = at;
      }
    }
    if (from < chunk.length) yield chunk.subarray(from);
  }
  if (!frames.atEnd)
    throw new CinchError("bad-compression", `${what} ends inside a zstd frame`, {
      hint: "was it copied or downloaded whole?",
    });
}

class Frames {
  #what: string;
  #expecting: Expecting = "magic";
  #field: number[] = [];
  #skip = 0;
  #hasChecksum = false;

  constructor(what: string) {
    this.#what = what;
  }

  /** Between two frames. */
  get atEnd(): boolean {
    return this.#expecting === "magic" && this.#field.length === 0 && this.#skip === 0;
  }

  /** Goes on from `chunk[at]`, at most to the next end of a frame; how many bytes that took. */
  take(chunk: Uint8Array, at: number): number {
    if (this.#skip > 0) {
      const count = Math.min(this.#skip, chunk.length - at);
      this.#skip -= count;
      return count;
    }
    this.#field.push(chunk[at]!);
    if (this.#field.length === NEEDS[this.#expecting]) {
      const value = this.#field.reduceRight((sum, byte) => sum * 256 + byte, 0);
      this.#field = [];
      this.#next(value);
    }
    return 1;
  }

  #next(value: number): void {
    switch (this.#expecting) {
      case "magic":
        if (value === MAGIC) this.#expecting = "descriptor";
        else if ((value & 0xfffffff0) >>> 0 === SKIPPABLE) this.#expecting = "skippable-size";
        else
          throw new CinchError("bad-compression", `${this.#what}: what follows a zstd frame is no frame`, {
            hint: "was it copied or downloaded whole?",
          });
        return;
      case "skippable-size":
        this.#skip = value;
        this.#expecting = "magic";
        return;
      case "descriptor": {
        const single = (value & 0x20) !== 0;
        const contentSize = [single ? 1 : 0, 2, 4, 8][value >> 6]!;
        this.#hasChecksum = (value & 4) !== 0;
        this.#skip = (single ? 0 : 1) + [0, 1, 2, 4][value & 3]! + contentSize;
        this.#expecting = "block";
        return;
      }
      case "block": {
        const isLast = (value & 1) === 1;
        const isRepeated = ((value >> 1) & 3) === 1;
        this.#skip = isRepeated ? 1 : value >> 3;
        if (isLast) this.#expecting = this.#hasChecksum ? "checksum" : "magic";
        return;
      }
      case "checksum":
        this.#expecting = "magic";
    }
  }
}
