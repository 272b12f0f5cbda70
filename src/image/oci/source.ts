import type { ByteFile } from "../blob/byte-file.ts";

/** Some bytes of an image: a manifest, a config, a layer. */
export interface Blob {
  /** For messages. */
  what: string;
  size?: number;
  /** Of the bytes as they are stored. */
  digest?: string;
  chunks(): AsyncIterable<Uint8Array>;
  /** Where they are, if they lie in a file: what is not compressed is then read there, and not copied. */
  place?: { file: ByteFile; offset: number };
}

/** An image, wherever it comes from, as its parts. */
export interface ImageParts {
  /** "registry:debian:12". */
  name: string;
  /** What names this image and no other: the digest of its manifest, or of its config. */
  digest: string;
  config: Uint8Array;
  /** The lowest first. */
  layers: Blob[];
}

/** Pieces in which a file is read. */
const PIECE = 1 << 20;

/** A part of a file as a blob; `expected`: what a descriptor says of it. */
export function partOf(
  file: ByteFile,
  { offset, size }: { offset: number; size: number },
  what: string,
  expected: { digest?: string; size?: number } = {},
): Blob {
  return {
    what,
    size: expected.size ?? size,
    ...(expected.digest === undefined ? {} : { digest: expected.digest }),
    async *chunks() {
      for (let at = 0; at < size; at += PIECE) yield file.read(offset + at, Math.min(PIECE, size - at));
    },
    place: { file, offset },
  };
}
