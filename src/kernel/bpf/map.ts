import { errnoName } from "../../linux/index.ts";
import { libc } from "../libc.ts";
import { BpfError, COMMAND, Descriptor, bpf, mustBpf } from "./syscall.ts";

/** Kinds of map (include/uapi/linux/bpf.h, `enum bpf_map_type`). */
const TYPE = { hash: 1, array: 2, percpuArray: 6, ringbuf: 27 } as const;

export interface MapSpec {
  type: keyof typeof TYPE;
  /** Bytes; 0 for a ring buffer. */
  keySize: number;
  valueSize: number;
  /** Elements; for a ring buffer its size in bytes (a power of two, and of pages). */
  maxEntries: number;
  /** Hash maps: take memory as elements come (BPF_F_NO_PREALLOC) instead of all at once. */
  lazy?: boolean;
  /** Arrays: the values can be read and written as memory (BPF_F_MMAPABLE, Linux 5.5), see `memory`. */
  mappable?: boolean;
}

const NO_PREALLOC = 1;
const MMAPABLE = 1 << 10;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const ENOENT = 2;

/** A map in the kernel, written and read element by element. Its memory goes when the last descriptor does. */
export class BpfMap extends Descriptor {
  readonly name: string;
  readonly spec: MapSpec;
  #mapped: { at: bigint; bytes: Buffer } | undefined;

  /** Throws BpfError. */
  constructor(name: string, spec: MapSpec) {
    const attributes = Buffer.alloc(72);
    attributes.writeUInt32LE(TYPE[spec.type], 0);
    attributes.writeUInt32LE(spec.keySize, 4);
    attributes.writeUInt32LE(spec.valueSize, 8);
    attributes.writeUInt32LE(spec.maxEntries, 12);
    attributes.writeUInt32LE(
      (spec.lazy === true ? NO_PREALLOC : 0) | (spec.mappable === true ? MMAPABLE : 0),
      16,
    );
    attributes.write(name.slice(0, 15), 28, "latin1");
    super(mustBpf(COMMAND.mapCreate, attributes, `create the map ${name}`));
    this.name = name;
    this.spec = spec;
  }

  /**
   * The values of a mappable array as memory that the kernel's programs write to as well. Not to be touched after
   * dispose.
   */
  memory(): Buffer {
    if (this.#mapped === undefined) {
      const length = Math.ceil(this.spec.valueSize / 8) * 8 * this.spec.maxEntries;
      const at = libc().mmap(length, PROT_READ_WRITE, MAP_SHARED, this.fd, 0);
      if (at === -1n) throw new BpfError(`map the memory of ${this.name}`, errnoName(libc().errno()));
      this.#mapped = { at, bytes: Buffer.from(libc().view(at, length)) };
    }
    return this.#mapped.bytes;
  }

  override [Symbol.dispose](): void {
    if (this.#mapped !== undefined) libc().munmap(this.#mapped.at, this.#mapped.bytes.length);
    this.#mapped = undefined;
    super[Symbol.dispose]();
  }

  set(key: Buffer, value: Buffer): void {
    mustBpf(COMMAND.mapUpdate, this.#element(key, value), `write to the map ${this.name}`);
  }

  delete(key: Buffer): void {
    const result = bpf(COMMAND.mapDelete, this.#element(key));
    if (result < 0 && result !== -ENOENT)
      throw new BpfError(`delete from the map ${this.name}`, errnoName(-result));
  }

  /** The value of a key, or undefined. */
  get(key: Buffer): Buffer | undefined {
    const value = Buffer.alloc(this.spec.valueSize);
    const result = bpf(COMMAND.mapLookup, this.#element(key, value));
    if (result === -ENOENT) return undefined;
    if (result < 0) throw new BpfError(`read the map ${this.name}`, errnoName(-result));
    return value;
  }

  /** All elements of a hash map. Those that programs add or delete meanwhile may or may not be among them. */
  *entries(): Generator<{ key: Buffer; value: Buffer }> {
    let key = Buffer.alloc(this.spec.keySize);
    const next = Buffer.alloc(this.spec.keySize);
    let first = true;
    // Each step asks for the key after the last; a table that is written to may make the walk start over, so its
    // length is bounded by twice what the map can hold.
    for (let steps = 0; steps < this.spec.maxEntries * 2; steps += 1) {
      const attributes = Buffer.alloc(32);
      attributes.writeUInt32LE(this.fd, 0);
      if (!first) attributes.writeBigUInt64LE(libc().address(key), 8);
      attributes.writeBigUInt64LE(libc().address(next), 16);
      const result = bpf(COMMAND.mapNextKey, attributes);
      if (result === -ENOENT) return;
      if (result < 0) throw new BpfError(`walk the map ${this.name}`, errnoName(-result));
      first = false;
      key = Buffer.from(next);
      const value = this.get(key);
      if (value !== undefined) yield { key, value };
    }
  }

  #element(key: Buffer, value?: Buffer): Buffer {
    if (key.length !== this.spec.keySize || (value !== undefined && value.length < this.spec.valueSize)) {
      throw new RangeError(`map ${this.name}: key or value of the wrong length`);
    }
    const attributes = Buffer.alloc(32);
    attributes.writeUInt32LE(this.fd, 0);
    attributes.writeBigUInt64LE(libc().address(key), 8);
    if (value !== undefined) attributes.writeBigUInt64LE(libc().address(value), 16);
    return attributes;
  }
}

/** A 4-byte key, as array maps have it. */
export function u32Key(value: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(value);
  return key;
}
