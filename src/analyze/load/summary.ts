import { crc32 } from "node:zlib";
import { type Atom, type Value, fromAtoms } from "../flow/values.ts";
import type { CodeMap } from "../module/code-map.ts";

/** What is kept of a module between runs: its code map, and the values that were asked for in it. */
export interface Summary {
  code: CodeMap;
  facts: Map<string, Value>;
}

/** Of the form of the file; what is in it is told apart by where it is kept. */
const SUMMARY_VERSION = 1;

const MAGIC = "cinchsum";
/** Magic, version, check sum, length of the JSON part. */
const HEADER_BYTES = 20;
const ALIGNMENT = 4;

type Counts = Record<"functions" | "refs" | "syscalls" | "foreign", number>;

/** One file's bytes. */
export function encodeSummary({ code, facts }: Summary): Uint8Array {
  const counts: Counts = {
    functions: code.starts.length,
    refs: code.refs.sites.length,
    syscalls: code.syscalls.length,
    foreign: code.foreign.length,
  };
  const json = Buffer.from(
    JSON.stringify({ counts, facts: [...facts].map(([key, value]) => [key, [...value.values()]]) }),
  );
  const arrays = arraysOf(code);
  const start = align(HEADER_BYTES + json.length);
  const bytes = Buffer.alloc(start + arrays.reduce((sum, array) => sum + align(array.byteLength), 0));
  bytes.write(MAGIC, 0, "latin1");
  bytes.writeUInt32LE(SUMMARY_VERSION, 8);
  bytes.writeUInt32LE(json.length, 16);
  json.copy(bytes, HEADER_BYTES);
  let at = start;
  for (const array of arrays) {
    Buffer.from(array.buffer, array.byteOffset, array.byteLength).copy(bytes, at);
    at += align(array.byteLength);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(16)), 12);
  return bytes;
}

/** What `encodeSummary` wrote; undefined for anything else: another version, a file cut short, other bytes. */
export function decodeSummary(bytes: Uint8Array): Summary | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < HEADER_BYTES || buffer.toString("latin1", 0, 8) !== MAGIC) return undefined;
  if (buffer.readUInt32LE(8) !== SUMMARY_VERSION) return undefined;
  if (buffer.readUInt32LE(12) !== crc32(buffer.subarray(16))) return undefined;
  const jsonLength = buffer.readUInt32LE(16);
  if (HEADER_BYTES + jsonLength > buffer.length) return undefined;
  const { counts, facts } = JSON.parse(buffer.toString("utf8", HEADER_BYTES, HEADER_BYTES + jsonLength)) as {
    counts: Counts;
    facts: [string, Atom[]][];
  };
  let at = align(HEADER_BYTES + jsonLength);
  const words = (length: number): Uint32Array => {
    const array = new Uint32Array(length);
    Buffer.from(array.buffer).set(buffer.subarray(at, at + length * 4));
    at += length * 4;
    return array;
  };
  const octets = (length: number): Uint8Array => {
    const array = Uint8Array.from(buffer.subarray(at, at + length));
    at += align(length);
    return array;
  };
  const { functions, refs } = counts;
  const needed =
    functions * 12 + align(functions) + refs * 8 + 2 * align(refs) + (counts.syscalls + counts.foreign) * 4;
  if (at + needed > buffer.length) return undefined;
  return {
    code: {
      starts: words(functions),
      ends: words(functions),
      firstInvalid: words(functions),
      flags: octets(functions),
      refs: { sites: words(refs), targets: words(refs), kinds: octets(refs), sizes: octets(refs) },
      syscalls: words(counts.syscalls),
      foreign: words(counts.foreign),
    },
    facts: new Map(facts.map(([key, atoms]) => [key, fromAtoms(atoms)])),
  };
}

/** In the order in which `decodeSummary` reads them. */
function arraysOf({
  starts,
  ends,
  firstInvalid,
  flags,
  refs,
  syscalls,
  foreign,
}: CodeMap): (Uint32Array | Uint8Array)[] {
  return [
    starts,
    ends,
    firstInvalid,
    flags,
    refs.sites,
    refs.targets,
    refs.kinds,
    refs.sizes,
    syscalls,
    foreign,
  ];
}

function align(size: number): number {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT;
}
