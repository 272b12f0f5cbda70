import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { CinchError, messageOf } from "../../base/index.ts";
import { cutAtFrames } from "./zstd-frames.ts";

/** How bytes begin (RFC 1952; RFC 8878 with its skippable frames; others that layers do not have). */
const MAGIC: readonly { name: string; bytes: readonly number[]; mask?: readonly number[] }[] = [
  { name: "gzip", bytes: [0x1f, 0x8b] },
  { name: "zstd", bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: "zstd", bytes: [0x50, 0x2a, 0x4d, 0x18], mask: [0xf0, 0xff, 0xff, 0xff] },
  { name: "bzip2", bytes: [0x42, 0x5a, 0x68] },
  { name: "xz", bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a] },
];
const LONGEST = 5;
/** Bytes that come at once: fewer turns of the event loop than with the 16 KiB that zlib gives. */
const CHUNK = 256 * 1024;

export interface Unpacked {
  compression: "none" | "gzip" | "zstd";
  chunks: AsyncIterable<Uint8Array>;
}

/**
 * The bytes behind gzip or zstd, recognised by how they begin: names and media types lie. What is not compressed comes as
 * it is. Throws `bad-compression`, at once or while the chunks are read.
 */
export async function decompress(chunks: AsyncIterable<Uint8Array>, what: string): Promise<Unpacked> {
  const { first, rest } = await beginning(chunks);
  const name = MAGIC.find(({ bytes, mask }) =>
    bytes.every((byte, i) => ((first[i] ?? -1) & (mask?.[i] ?? 0xff)) === byte),
  )?.name;
  if (name === undefined) return { compression: "none", chunks: rest };
  if (name === "gzip" || name === "zstd") return { compression: name, chunks: unpack(rest, name, what) };
  throw new CinchError("bad-compression", `${what} is compressed with ${name}`, {
    hint: "layers are compressed with gzip or zstd, or not at all (OCI image-spec, layer.md)",
  });
}

async function* unpack(
  chunks: AsyncIterable<Uint8Array>,
  name: "gzip" | "zstd",
  what: string,
): AsyncGenerator<Uint8Array> {
  const unpacker =
    name === "gzip" ? createGunzip({ chunkSize: CHUNK }) : createZstdDecompress({ chunkSize: CHUNK });
  const source = Readable.from(name === "gzip" ? chunks : cutAtFrames(chunks, what));
  let failure: { error: unknown } | undefined;
  source.once("error", (error) => (failure = { error }));
  const done = pipeline(source, unpacker).catch(() => {
    // Told by the iteration below.
  });
  try {
    yield* unpacker as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (failure !== undefined) throw failure.error;
    throw new CinchError("bad-compression", `${what} is not ${name} to its end: ${messageOf(error)}`, {
      hint: "was it copied or downloaded whole?",
      cause: error,
    });
  } finally {
    source.destroy();
    await done;
  }
}

/** The first bytes, and everything from the beginning. */
async function beginning(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ first: Uint8Array; rest: AsyncGenerator<Uint8Array> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  const read: Uint8Array[] = [];
  let length = 0;
  while (length < LONGEST) {
    const next = await iterator.next();
    if (next.done === true) break;
    read.push(next.value);
    length += next.value.length;
  }
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* read;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
        yield next.value;
    } finally {
      await iterator.return?.();
    }
  };
  return { first: Buffer.concat(read), rest: rest() };
}
