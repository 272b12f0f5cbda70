import { createHash } from "node:crypto";
import { CinchError } from "../../base/index.ts";

const HEX_LENGTHS: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 };

/**
 * A digest as descriptors carry it: "sha256:" and 64 hexadecimal digits, or sha512 with 128 (OCI image-spec,
 * descriptor.md, "Digests"). Throws `bad-digest`: what cannot be checked is not used.
 */
export function checkedDigest(text: string, what: string): string {
  const [, algorithm, hex] = /^([a-z0-9]+):([0-9a-f]+)$/.exec(text) ?? [];
  if (algorithm !== undefined && HEX_LENGTHS[algorithm] === hex!.length) return text;
  throw new CinchError("bad-digest", `${what}: '${text.slice(0, 150)}' is not a sha256 or sha512 digest`);
}

/** The digest of bytes, by the algorithm of `like` (sha256 without). */
export function digestOf(bytes: Uint8Array, like = "sha256:"): string {
  const algorithm = like.slice(0, like.indexOf(":"));
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

/** What a stream must turn out to be. */
export interface Expected {
  /** For messages. */
  what: string;
  digest?: string;
  size?: number;
}

/**
 * The same chunks, checked on the way: more bytes than announced fail at once, a wrong digest or fewer bytes at the end.
 * Throws `wrong-digest`, `wrong-size`.
 */
export async function* verified(
  chunks: AsyncIterable<Uint8Array>,
  { what, digest, size }: Expected,
): AsyncGenerator<Uint8Array> {
  const algorithm = digest?.slice(0, digest.indexOf(":"));
  const hash = algorithm === undefined ? undefined : createHash(algorithm);
  let seen = 0;
  for await (const chunk of chunks) {
    seen += chunk.length;
    if (size !== undefined && seen > size) throw wrongSize(what, size, `more than that`);
    hash?.update(chunk);
    yield chunk;
  }
  if (size !== undefined && seen !== size) throw wrongSize(what, size, `${seen}`);
  if (hash === undefined) return;
  const found = `${algorithm}:${hash.digest("hex")}`;
  if (found !== digest) throw wrongDigest(what, digest!, found);
}

export function wrongDigest(what: string, expected: string, found: string): CinchError {
  return new CinchError("wrong-digest", `${what}: its digest should be ${expected}, but is ${found}`, {
    hint: "it was damaged or changed on the way: get it again, from another place",
  });
}

function wrongSize(what: string, expected: number, found: string): CinchError {
  return new CinchError("wrong-size", `${what}: ${expected} bytes were announced, ${found} came`, {
    hint: "it was damaged or changed on the way: get it again",
  });
}
