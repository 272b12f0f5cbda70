import { gzipSync, zstdCompressSync } from "node:zlib";
import { fc, test as property } from "@fast-check/vitest";
import { expect, it } from "vitest";
import { CinchError } from "../../base/index.ts";
import { decompress } from "./decompress.ts";

const matching = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

async function* inPieces(bytes: Uint8Array, piece: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
}

async function unpacked(bytes: Uint8Array, piece: number): Promise<Buffer> {
  const { chunks } = await decompress(inPieces(bytes, piece), "the layer");
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

// Skippable frames: one that holds something, one that is empty.
const SKIPPED = [
  Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 0x28, 0xb5]),
  Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]),
];
const text = fc.array(fc.stringMatching(/^[ab]{0,400}$/), { minLength: 1, maxLength: 5 });
const piece = fc.integer({ min: 1, max: 3000 });

property.prop([text, piece, fc.boolean()])(
  "gzip: all members, however they arrive",
  async (parts, size, twice) => {
    const bytes = Buffer.concat(parts.map((part) => gzipSync(twice ? part + part : part)));
    expect((await unpacked(bytes, size)).toString()).toBe(
      parts.map((part) => (twice ? part + part : part)).join(""),
    );
  },
);

property.prop([text, piece, fc.nat(2), fc.boolean()])(
  "zstd: all frames, those to be skipped too, with and without checksums",
  async (parts, size, skip, checksum) => {
    // ZSTD_c_checksumFlag is 201.
    const frames = parts.map((part) => zstdCompressSync(part, { params: { 201: checksum ? 1 : 0 } }));
    const bytes = Buffer.concat(
      frames.flatMap((frame, i) => (i % 2 === skip ? [frame, ...SKIPPED] : [frame])),
    );
    expect((await unpacked(bytes, size)).toString()).toBe(parts.join(""));
  },
);

it("several blocks in a frame, repeated bytes, and bytes that cannot be compressed", async () => {
  const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 2654435761) >>> 13));
  const bytes = Buffer.concat([noise, Buffer.alloc(1 << 20), noise]);
  for (const size of [1000, 65_536, 1 << 22]) {
    expect((await unpacked(zstdCompressSync(bytes), size)).equals(bytes)).toBe(true);
    expect((await unpacked(gzipSync(bytes), size)).equals(bytes)).toBe(true);
  }
});

it("what is not compressed comes as it is, be it shorter than any magic", async () => {
  for (const bytes of ["", "a", "(", "plain text"])
    expect((await unpacked(Buffer.from(bytes), 1)).toString()).toBe(bytes);
});

it("a stream that ends early, goes on with something else, or is compressed otherwise is refused", async () => {
  const refused = async (bytes: Buffer, message: RegExp): Promise<void> => {
    for (const size of [7, 10_000])
      await expect(unpacked(bytes, size)).rejects.toMatchObject({
        code: "bad-compression",
        message: matching(message),
      });
  };
  await refused(gzipSync("content").subarray(0, 20), /not gzip to its end/);
  await refused(zstdCompressSync("content").subarray(0, 12), /ends inside a zstd frame/);
  await refused(Buffer.concat([zstdCompressSync("content"), Buffer.from("rubbish")]), /no frame/);
  await refused(Buffer.from("BZh91AY&SY"), /bzip2/);
  await refused(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), /xz/);
});

it("an error of the source is told as what it is", async () => {
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield gzipSync("content").subarray(0, 15);
    throw new CinchError("registry-error", "the connection broke");
  };
  const { chunks } = await decompress(broken(), "the layer");
  await expect(chunks[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "registry-error" });
});

property.prop([
  fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { minLength: 1, maxLength: 4 }),
  piece,
  fc.boolean(),
])("damaged streams end, with bytes or with an error of ours", async (changes, size, gzip) => {
  const bytes = gzip ? gzipSync("content ".repeat(99)) : zstdCompressSync("content ".repeat(99));
  for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
  try {
    await unpacked(bytes, size);
  } catch (error) {
    expect(error).toBeInstanceOf(CinchError);
  }
});
