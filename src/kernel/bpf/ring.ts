import { CinchError, readBounded } from "../../base/index.ts";
import { libc } from "../libc.ts";
import { BpfMap } from "./map.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const BUSY = 0x8000_0000;
const DISCARD = 0x4000_0000;
const LENGTH = 0x3fff_ffff;

/**
 * The reader's side of a BPF ring buffer (kernel/bpf/ringbuf.c). Two mappings: the consumer position, which is ours to
 * write, and the producer position with the data, which the kernel maps twice in a row so that no record is split.
 *
 *     page 0: consumer_pos u64          | page 1: producer_pos u64 | data … | the same data again …
 *     record: u32 length | BUSY | DISCARD, u32 page offset, bytes, padding to 8
 */
export class RingBuffer implements Disposable {
  readonly map: BpfMap;
  #page: number;
  #consumerAt: bigint;
  #producerAt: bigint;
  #consumer: BigInt64Array;
  #producer: BigInt64Array;
  #words: Int32Array;
  #data: Buffer;
  #size: number;

  /** `size` in bytes: a power of two of at least a page. */
  constructor(name: string, size: number) {
    const c = libc();
    this.map = new BpfMap(name, { type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: size });
    this.#size = size;
    this.#page = pageSize();
    this.#consumerAt = c.mmap(this.#page, PROT_READ | PROT_WRITE, MAP_SHARED, this.map.fd, 0);
    this.#producerAt =
      this.#consumerAt === -1n
        ? -1n
        : c.mmap(this.#page + 2 * size, PROT_READ, MAP_SHARED, this.map.fd, this.#page);
    if (this.#producerAt === -1n) {
      const errno = c.errno();
      if (this.#consumerAt !== -1n) c.munmap(this.#consumerAt, this.#page);
      this.map[Symbol.dispose]();
      throw new CinchError("ring-buffer", `cannot map the ring buffer of ${size} bytes: errno ${errno}`, {
        exitCode: 3,
      });
    }
    this.#consumer = new BigInt64Array(c.view(this.#consumerAt, this.#page));
    const produced = c.view(this.#producerAt, this.#page + 2 * size);
    this.#producer = new BigInt64Array(produced, 0, 1);
    this.#words = new Int32Array(produced, this.#page, (2 * size) / 4);
    this.#data = Buffer.from(produced, this.#page, 2 * size);
  }

  /**
   * Hands each finished record to `take`, as a view that is only valid during the call, and returns how many there
   * were. Stops at a record that a program is still writing.
   */
  drain(take: (record: Buffer) => void): number {
    let position = Atomics.load(this.#consumer, 0);
    const end = Atomics.load(this.#producer, 0);
    let count = 0;
    while (position < end) {
      const at = Number(position & BigInt(this.#size - 1));
      const header = Atomics.load(this.#words, at / 4) >>> 0;
      if (header & BUSY) break;
      const length = header & LENGTH;
      if (!(header & DISCARD)) {
        take(this.#data.subarray(at + 8, at + 8 + length));
        count += 1;
      }
      position += BigInt((length + 8 + 7) & ~7);
      Atomics.store(this.#consumer, 0, position);
    }
    return count;
  }

  [Symbol.dispose](): void {
    const c = libc();
    if (this.#consumerAt !== -1n) {
      c.munmap(this.#consumerAt, this.#page);
      c.munmap(this.#producerAt, this.#page + 2 * this.#size);
    }
    this.#consumerAt = -1n;
    this.map[Symbol.dispose]();
  }
}

/** Bytes of a page: 4096 on x86-64, but also 16 or 64 KiB on arm64. */
function pageSize(): number {
  // AT_PAGESZ (6) of the auxiliary vector: pairs of 64-bit words.
  const auxv = readBounded("/proc/self/auxv", 4096);
  for (let at = 0; at + 16 <= auxv.length; at += 16) {
    if (auxv.readBigUInt64LE(at) === 6n) return Number(auxv.readBigUInt64LE(at + 8));
  }
  return 4096;
}
