import { randomUUID } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { CinchError, messageOf } from "../base/index.ts";

/**
 * Writes files so that each is there whole or not at all: first all of them under temporary names in the folders
 * where they belong, then each is moved to its place by rename(2). An existing file keeps its mode and a symbolic
 * link stays one. Paths are absolute. Throws `unwritable`; then no file has changed, unless a rename itself failed.
 */
export function writeFiles(files: ReadonlyMap<string, string>): void {
  const waiting: { temporary: string; path: string }[] = [];
  try {
    for (const [path, text] of files) {
      try {
        const existing = statSync(path, { throwIfNoEntry: false });
        if (existing !== undefined && !existing.isFile()) {
          // /dev/null, a pipe: nothing to put in its place.
          writeFileSync(path, text);
          continue;
        }
        const place = existing === undefined ? path : realpathSync(path);
        const temporary = join(dirname(place), `.${basename(place)}.${randomUUID()}`);
        const fd = openSync(temporary, "wx", 0o666);
        waiting.push({ temporary, path: place });
        try {
          writeFileSync(fd, text);
          fsyncSync(fd);
        } finally {
          closeSync(fd);
        }
        if (existing !== undefined) chmodSync(temporary, existing.mode & 0o7777);
      } catch (error) {
        throw new CinchError("unwritable", `cannot write ${path}: ${messageOf(error)}`, { cause: error });
      }
    }
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      renameSync(next.temporary, next.path);
      waiting.shift();
    }
  } finally {
    for (const { temporary } of waiting) rmSync(temporary, { force: true });
  }
}
