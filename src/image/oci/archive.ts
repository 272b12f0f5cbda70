import { posix } from "node:path";
import { CinchError } from "../../base/index.ts";
import { type ByteFile, ExistingFile, Spool } from "../blob/byte-file.ts";
import { decompress } from "../blob/decompress.ts";
import { BLOCK } from "../tar/header.ts";
import { type TarEntry, TarReader } from "../tar/reader.ts";
import { type Blob, partOf } from "./source.ts";

/** Members of an image's archive: a few for each layer. */
const MAX_MEMBERS = 10_000;
/** Older versions of docker save link to layers that several images have. */
const MAX_LINKS = 10;

/** An archive that holds images, as files by their names. */
export class ImageArchive {
  readonly name: string;
  #file: ByteFile;
  #members: ReadonlyMap<string, TarEntry>;

  private constructor(name: string, file: ByteFile, members: ReadonlyMap<string, TarEntry>) {
    this.name = name;
    this.#file = file;
    this.#members = members;
  }

  /** Of a file on disk. A compressed one is unpacked to a place of ours. */
  static async open(path: string, name: string, signal?: AbortSignal): Promise<ImageArchive> {
    const file = new ExistingFile(path);
    try {
      const whole = partOf(file, { offset: 0, size: file.size }, name);
      const { compression, chunks } = await decompress(whole.chunks(), name);
      if (compression === "none") return new ImageArchive(name, file, indexFile(file, name));
      const archive = await ImageArchive.receive(chunks, name, signal);
      file.close();
      return archive;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Of a stream, which is kept on disk. */
  static async receive(
    chunks: AsyncIterable<Uint8Array>,
    name: string,
    signal?: AbortSignal,
  ): Promise<ImageArchive> {
    const spool = new Spool(name);
    try {
      const kept = async function* (): AsyncGenerator<Uint8Array> {
        for await (const chunk of chunks) {
          spool.write(chunk);
          yield chunk;
        }
      };
      return new ImageArchive(name, spool, await index(kept(), name, signal));
    } catch (error) {
      spool.close();
      throw error;
    }
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  /** A small member whole. Throws `bad-image` where there is none, `too-large`. */
  read(name: string, limit: number): Uint8Array {
    const { size, offset } = this.#member(name);
    if (size > limit)
      throw new CinchError("too-large", `${this.name}: ${name} has ${size} bytes; at most ${limit} are read`);
    return this.#file.read(offset, size);
  }

  blob(name: string, what: string, expected?: { digest: string; size: number }): Blob {
    return partOf(this.#file, this.#member(name), what, expected);
  }

  close(): void {
    this.#file.close();
  }

  #member(name: string): TarEntry {
    let at = posix.normalize(name);
    for (let links = 0; links <= MAX_LINKS; links++) {
      const entry = this.#members.get(at);
      if (entry === undefined) break;
      if (entry.kind === "file") return entry;
      if (entry.kind === "symlink") at = posix.join(posix.dirname(at), entry.link);
      else if (entry.kind === "hardlink") at = posix.normalize(entry.link);
      else break;
    }
    throw new CinchError("bad-image", `${this.name} holds no file ${name}`, {
      hint: "was it copied whole? An OCI archive is oci-archive:FILE, one of docker save docker-archive:FILE",
    });
  }
}

async function index(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Map<string, TarEntry>> {
  const { members, reader } = memberReader(name);
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    reader.push(chunk);
  }
  reader.end();
  return members;
}

/** Bytes that are read to find the next header. */
const HEADERS = 4096;

/** Reads the headers alone: contents are checked when they are used. */
function indexFile(file: ExistingFile, name: string): Map<string, TarEntry> {
  const { members, reader } = memberReader(name);
  let at = 0;
  while (at < file.size) {
    const left = Math.min(reader.ignored, file.size - at);
    if (left > 0) {
      reader.leaveOut(left);
      at += left;
      continue;
    }
    // Up to the next content, which starts on a block of its own.
    const chunk = file.read(at, Math.min(HEADERS, file.size - at));
    let used = 0;
    while (used < chunk.length && reader.ignored === 0) {
      reader.push(chunk.subarray(used, used + BLOCK));
      used += Math.min(BLOCK, chunk.length - used);
    }
    at += used;
  }
  reader.end();
  return members;
}

function memberReader(name: string): { members: Map<string, TarEntry>; reader: TarReader } {
  const members = new Map<string, TarEntry>();
  const reader = new TarReader(name, (entry) => {
    const path = posix.normalize(entry.name).replace(/\/$/, "");
    if (entry.kind === "directory") return;
    if (members.has(path)) throw new CinchError("bad-image", `${name} has ${path} twice`);
    if (members.size >= MAX_MEMBERS)
      throw new CinchError("too-large", `${name} has more than ${MAX_MEMBERS} members: is it an image?`, {
        hint: "the archive of a root file system: unpack it, then rootfs:DIR",
      });
    members.set(path, entry);
  });
  return { members, reader };
}
