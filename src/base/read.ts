import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { CinchError, messageOf } from "./error.ts";

/**
 * Documents are read whole, so their size is bounded: 64 MiB is some hundred times the largest recording seen
 * (20,000 files), and small enough that a wrong or hostile file cannot take the machine's memory.
 */
export const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

/** A file's bytes, at most `limit`. Throws `too-large`, or `unreadable` with the system's reason. */
export function readBounded(path: string, limit = MAX_DOCUMENT_BYTES): Buffer {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    throw new CinchError("unreadable", `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  try {
    // The size a file states is only a hint (it is 0 in /proc): what counts is what reading brings.
    const chunks: Buffer[] = [];
    let total = 0;
    const hint = Math.min(fstatSync(fd).size, limit);
    for (;;) {
      const chunk = Buffer.allocUnsafe(Math.max(64 * 1024, total === 0 ? hint + 1 : 0));
      const length = readSync(fd, chunk, 0, chunk.length, null);
      if (length === 0) return Buffer.concat(chunks, total);
      total += length;
      if (total > limit) {
        throw new CinchError(
          "too-large",
          `${path} is larger than ${limit} bytes, the limit for what is read whole`,
        );
      }
      chunks.push(chunk.subarray(0, length));
    }
  } catch (error) {
    if (error instanceof CinchError) throw error;
    throw new CinchError("unreadable", `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  } finally {
    closeSync(fd);
  }
}
