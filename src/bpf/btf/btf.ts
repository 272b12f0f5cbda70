import { CinchError, Cursor } from "../../base/index.ts";

/**
 * The kernel's description of its own types (Documentation/bpf/btf.rst). The reader keeps one offset a type and looks
 * the rest up in the bytes: 130,000 types are indexed in a few milliseconds, and no string is made for types that
 * nobody asks for.
 */
export const KIND = {
  int: 1,
  pointer: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  forward: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  function: 12,
  functionPrototype: 13,
  variable: 14,
  dataSection: 15,
  float: 16,
  declTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;

/** Bytes after the 12-byte header of a type: fixed, or so many for each of its `vlen` entries. */
const TRAILING: Record<number, { fixed?: number; each?: number }> = {
  [KIND.int]: { fixed: 4 },
  [KIND.pointer]: {},
  [KIND.array]: { fixed: 12 },
  [KIND.struct]: { each: 12 },
  [KIND.union]: { each: 12 },
  [KIND.enum]: { each: 8 },
  [KIND.forward]: {},
  [KIND.typedef]: {},
  [KIND.volatile]: {},
  [KIND.const]: {},
  [KIND.restrict]: {},
  [KIND.function]: {},
  [KIND.functionPrototype]: { each: 8 },
  [KIND.variable]: { fixed: 4 },
  [KIND.dataSection]: { each: 12 },
  [KIND.float]: {},
  [KIND.declTag]: { fixed: 4 },
  [KIND.typeTag]: {},
  [KIND.enum64]: { each: 12 },
};

const MAGIC = 0xeb9f;
/** The largest kernel BTF seen has 5.5 MB; the kernel itself refuses more than 16 MiB of strings (BTF_MAX_NAME_OFFSET). */
const MAX_BYTES = 64 * 1024 * 1024;
/** How deep modifiers and anonymous members are followed: the kernel's own limit for resolving types is 32. */
const MAX_DEPTH = 32;
/** Member names are C identifiers. */
const MAX_NAME = 512;

/** Where a member lies within its structure. */
export interface Member {
  /** Bytes from the start of the outermost structure. */
  offset: number;
  /** For bit fields: bits from `offset`; else 0. */
  bit: number;
  /** Width of a bit field; 0 for others. */
  bits: number;
  /** Type id, modifiers and typedefs included. */
  type: number;
}

export class Btf {
  readonly #bytes: Buffer;
  readonly #strings: Buffer;
  /** Type id → offset of its header; id 0 is void. */
  readonly #at: Uint32Array;

  /** Parses raw BTF (/sys/kernel/btf/vmlinux). Throws CinchError `bad-btf` or `truncated`. */
  constructor(raw: Uint8Array) {
    if (raw.length > MAX_BYTES) throw bad(`${raw.length} bytes, more than ${MAX_BYTES}`);
    const header = new Cursor(raw, "BTF");
    const magic = header.u16();
    if (magic !== MAGIC) throw bad(`starts with 0x${magic.toString(16)}, expected 0x${MAGIC.toString(16)}`);
    const version = header.u8();
    if (version !== 1) throw bad(`version ${version}, expected 1`);
    header.skip(1);
    const headerLength = header.u32();
    const [typeOffset, typeLength, stringOffset, stringLength] = [
      header.u32(),
      header.u32(),
      header.u32(),
      header.u32(),
    ];
    header.offset = headerLength + typeOffset;
    this.#bytes = header.take(typeLength);
    header.offset = headerLength + stringOffset;
    this.#strings = header.take(stringLength);
    this.#at = index(this.#bytes);
  }

  /** Types there are, `void` (id 0) not counted. */
  get count(): number {
    return this.#at.length - 1;
  }

  kind(id: number): number {
    return (this.#u32(this.#offset(id) + 4) >>> 24) & 31;
  }

  name(id: number): string {
    return this.#string(this.#u32(this.#offset(id)));
  }

  /** Size in bytes of a struct, union, int, enum or float. */
  size(id: number): number {
    return this.#u32(this.#offset(this.resolve(id)) + 8);
  }

  /** The id of a type by kind and name, or undefined. Kernel BTF holds each name once, so strings compare by place. */
  find(kind: number, name: string): number | undefined {
    const place = this.#placeOf(name);
    if (place === undefined) return undefined;
    for (let id = 1; id < this.#at.length; id += 1) {
      const at = this.#at[id]!;
      if (this.#bytes.readUInt32LE(at) === place && ((this.#bytes.readUInt32LE(at + 4) >>> 24) & 31) === kind)
        return id;
    }
    return undefined;
  }

  /** The type behind typedefs, qualifiers and tags. */
  resolve(id: number): number {
    let type = id;
    for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
      if (type === 0) return 0;
      const kind = this.kind(type);
      const isModifier = (kind >= KIND.typedef && kind <= KIND.restrict) || kind === KIND.typeTag;
      if (!isModifier) return type;
      type = this.#u32(this.#offset(type) + 8);
    }
    throw bad(`type ${id} goes through more than ${MAX_DEPTH} modifiers`);
  }

  /** What a pointer points to (resolved), or undefined if the type is not a pointer. */
  pointee(id: number): number | undefined {
    const type = this.resolve(id);
    return type !== 0 && this.kind(type) === KIND.pointer
      ? this.resolve(this.#u32(this.#offset(type) + 8))
      : undefined;
  }

  /** The element type and length of an array, or undefined. */
  array(id: number): { element: number; length: number } | undefined {
    const type = this.resolve(id);
    if (type === 0 || this.kind(type) !== KIND.array) return undefined;
    const at = this.#offset(type);
    return { element: this.#u32(at + 12), length: this.#u32(at + 20) };
  }

  /**
   * Where `path` ("f_path.mnt") lies in a structure, given by name or id; anonymous members are looked into.
   * undefined if this kernel has no such structure or member.
   */
  member(structure: string | number, path: string): Member | undefined {
    let type = typeof structure === "number" ? structure : this.find(KIND.struct, structure);
    if (type === undefined) return undefined;
    let found: Member | undefined;
    let offset = 0;
    for (const name of path.split(".")) {
      found = this.#find(this.resolve(type), name, 0);
      if (found === undefined) return undefined;
      offset += found.offset;
      type = found.type;
    }
    return found === undefined ? undefined : { ...found, offset };
  }

  #find(structure: number, name: string, depth: number): Member | undefined {
    if (depth > MAX_DEPTH) throw bad(`type ${structure} nests more than ${MAX_DEPTH} deep`);
    if (structure === 0) return undefined;
    const at = this.#offset(structure);
    const info = this.#u32(at + 4);
    const kind = (info >>> 24) & 31;
    if (kind !== KIND.struct && kind !== KIND.union) return undefined;
    const hasBitFields = info >>> 31 === 1;
    const count = info & 0xffff;
    for (let i = 0; i < count; i += 1) {
      const member = at + 12 + i * 12;
      const memberName = this.#string(this.#u32(member));
      const type = this.#u32(member + 4);
      const place = this.#u32(member + 8);
      const bitOffset = hasBitFields ? place & 0xff_ffff : place;
      const bits = hasBitFields ? place >>> 24 : 0;
      const here = { offset: bitOffset >>> 3, bit: bitOffset & 7, bits, type };
      if (memberName === name) return here;
      if (memberName !== "") continue;
      const inner = this.#find(this.resolve(type), name, depth + 1);
      if (inner !== undefined) return { ...inner, offset: inner.offset + here.offset };
    }
    return undefined;
  }

  #placeOf(name: string): number | undefined {
    const at = this.#strings.indexOf(`\0${name}\0`);
    return at === -1 ? undefined : at + 1;
  }

  #string(place: number): string {
    return new Cursor(this.#strings, "BTF strings").stringAt(place, MAX_NAME);
  }

  #offset(id: number): number {
    const at = id === 0 ? undefined : this.#at[id];
    if (at === undefined) throw bad(`there is no type ${id}`);
    return at;
  }

  #u32(at: number): number {
    if (at < 0 || at + 4 > this.#bytes.length)
      throw bad(`a type ends after the types' ${this.#bytes.length} bytes`);
    return this.#bytes.readUInt32LE(at);
  }
}

/** One pass over the types: where each begins. */
function index(bytes: Buffer): Uint32Array {
  // A type takes at least 12 bytes.
  const at = new Uint32Array(Math.floor(bytes.length / 12) + 1);
  let count = 0;
  let offset = 0;
  while (offset < bytes.length) {
    if (offset + 12 > bytes.length) throw bad(`type ${count + 1} is cut off`);
    const info = bytes.readUInt32LE(offset + 4);
    const trailing = TRAILING[(info >>> 24) & 31];
    if (trailing === undefined) throw bad(`type ${count + 1} is of the unknown kind ${(info >>> 24) & 31}`);
    count += 1;
    at[count] = offset;
    offset += 12 + (trailing.fixed ?? 0) + (trailing.each ?? 0) * (info & 0xffff);
  }
  if (offset > bytes.length) throw bad(`type ${count} is cut off`);
  return at.subarray(0, count + 1);
}

function bad(found: string): CinchError {
  return new CinchError("bad-btf", `not the BTF of a kernel: ${found}`);
}
