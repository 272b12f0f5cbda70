/** Which of the process's streams a piece of output came from. `error`: the engine's own words (moby's systemerr). */
export type StreamName = "stdin" | "stdout" | "stderr" | "error";

const STREAMS: readonly StreamName[] = ["stdin", "stdout", "stderr", "error"];
const HEADER = 8;

/**
 * Takes a multiplexed stream apart, as attach, logs and exec give it for containers without a terminal (Engine API,
 * "Stream format"): frames of
 *
 *     [stream: u8] [0] [0] [0] [length: u32, big endian] [length bytes]
 *
 * Pieces go out as they come in, so a frame that claims 4 GiB costs no memory. What does not look like a frame ends
 * the reading: `problem` says what, and later bytes are dropped.
 */
export class StreamDemuxer {
  #emit: (stream: StreamName, bytes: Buffer) => void;
  #header = Buffer.alloc(HEADER);
  #have = 0;
  #left = 0;
  #stream: StreamName = "stdout";
  #problem: string | undefined;

  constructor(emit: (stream: StreamName, bytes: Buffer) => void) {
    this.#emit = emit;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    while (at < bytes.length && this.#problem === undefined) {
      if (this.#left > 0) {
        const piece = bytes.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        this.#emit(this.#stream, piece);
        continue;
      }
      const copied = bytes.copy(this.#header, this.#have, at, at + HEADER - this.#have);
      at += copied;
      this.#have += copied;
      if (this.#have === HEADER) this.#readHeader();
    }
  }

  /** The stream is over. In the middle of a frame, that is a problem. */
  end(): void {
    if (this.#have > 0 || this.#left > 0) this.#problem ??= "the stream ended in the middle of a frame";
  }

  #readHeader(): void {
    const stream = STREAMS[this.#header[0]!];
    if (stream === undefined || this.#header.readUIntBE(1, 3) !== 0) {
      this.#problem = `not a frame header: ${this.#header.toString("hex")}`;
      return;
    }
    this.#stream = stream;
    this.#left = this.#header.readUInt32BE(4);
    this.#have = 0;
  }
}
