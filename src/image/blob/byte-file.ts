import {
  closeSync,
  fstatSync,
  openSync,
  readSync,
  rmSync,
  statfsSync,
  writeSync,
  mkdtempSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CinchError } from "../../base/index.ts";

/** Bytes on disk that are read piece by piece. */
export interface ByteFile {
  /** `size` bytes from `offset`. Throws `truncated` where the file has fewer. */
  read(offset: number, size: number): Uint8Array;
  close(): void;
}

/** A file that is there already, opened for reading. Throws `unreadable`. */
export class ExistingFile implements ByteFile {
  readonly path: string;
  readonly size: number;
  #fd: number;

  constructor(path: string) {
    this.path = path;
    try {
      this.#fd = openSync(path, "r");
    } catch (error) {
      throw new CinchError("unreadable", `${path} cannot be read: ${(error as Error).message}`, {
        cause: error,
      });
    }
    const stats = fstatSync(this.#fd);
    if (!stats.isFile()) {
      this.close();
      throw new CinchError("bad-target", `${path} is not a file`);
    }
    this.size = stats.size;
  }

  read(offset: number, size: number): Uint8Array {
    return readAt(this.#fd, offset, size, this.path);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The largest image known to be run as a service is far below; a compressed layer can claim anything. */
const MAX_SPOOL_BYTES = 64 * 1024 ** 3;
/** Of the space that is free: the machine needs the rest. */
const USABLE = 0.75;

/**
 * Bytes that are kept on disk while they are needed. The file has no name from the start, so that nothing is left behind
 * however cinch ends. Throws `too-large` where three quarters of the free space are not enough.
 */
export class Spool implements ByteFile {
  readonly what: string;
  size = 0;
  #fd: number;
  #limit: number;

  /** `limit`: bytes that it takes at most; without, what there is room for. */
  constructor(what: string, { folder = spoolFolder(), limit }: { folder?: string; limit?: number } = {}) {
    this.what = what;
    const own = mkdtempSync(join(folder, "cinch-spool-"));
    try {
      this.#fd = openSync(join(own, "bytes"), "wx+", 0o600);
    } finally {
      rmSync(own, { recursive: true });
    }
    const { bavail, bsize } = statfsSync(folder);
    this.#limit = limit ?? Math.min(MAX_SPOOL_BYTES, bavail * bsize * USABLE);
  }

  write(chunk: Uint8Array): void {
    if (this.size + chunk.length > this.#limit)
      throw new CinchError(
        "too-large",
        `${this.what} has more than ${Math.floor(this.#limit / 1024 ** 2)} MiB when unpacked`,
        { hint: "make room, or name a folder with more of it: TMPDIR=/path" },
      );
    let done = 0;
    while (done < chunk.length)
      done += writeSync(this.#fd, chunk, done, chunk.length - done, this.size + done);
    this.size += chunk.length;
  }

  read(offset: number, size: number): Uint8Array {
    return readAt(this.#fd, offset, size, this.what);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Where large files may lie for a while: /tmp is often memory (file-hierarchy(7)). */
function spoolFolder(): string {
  if (process.env["TMPDIR"]) return tmpdir();
  try {
    statfsSync("/var/tmp");
    return "/var/tmp";
  } catch {
    return tmpdir();
  }
}

function readAt(fd: number, offset: number, size: number, what: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(size);
  let done = 0;
  while (done < size) {
    const count = readSync(fd, bytes, done, size - done, offset + done);
    if (count === 0)
      throw new CinchError(
        "truncated",
        `${what} ends at byte ${offset + done}; ${size - done} more were expected`,
      );
    done += count;
  }
  return bytes;
}
