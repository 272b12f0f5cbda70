import {
  type Stats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  readdirSync,
  readlinkSync,
} from "node:fs";
import { posix } from "node:path";
import { CinchError } from "../base/index.ts";
import { type FileTree, MAX_FILE_BYTES, MAX_LINKS, type TreeEntry } from "./tree.ts";

/**
 * The files of a folder as the root of a system. Links are followed here, step by step inside the folder, never by the
 * host's kernel, for which an absolute one would lead to the host's files. Throws `tree-loop` and `too-large`.
 */
export function openFolder(folder: string, name = folder): FileTree {
  return new FolderTree(posix.resolve(folder), name);
}

class FolderTree implements FileTree {
  readonly name: string;
  #folder: string;

  constructor(folder: string, name: string) {
    this.#folder = folder === "/" ? "" : folder;
    this.name = name;
  }

  lookup(path: string): TreeEntry | undefined {
    const real = this.#real(path, false);
    return real === undefined ? undefined : this.#entry(real);
  }

  resolve(path: string): TreeEntry | undefined {
    const real = this.#real(path, true);
    return real === undefined ? undefined : this.#entry(real);
  }

  list(path: string): string[] {
    const real = this.#real(path, true);
    if (real === undefined) return [];
    try {
      return readdirSync(this.#host(real)).sort();
    } catch {
      return [];
    }
  }

  read(path: string, limit = MAX_FILE_BYTES): Uint8Array | undefined {
    const entry = this.resolve(path);
    if (entry?.kind !== "file") return undefined;
    let fd: number;
    try {
      // A link or a pipe that took the file's place since: not followed, not waited for.
      fd = openSync(this.#host(entry.path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new CinchError(
        "unreadable",
        `${this.name}: ${entry.path} cannot be read: ${(error as Error).message}`,
        {
          cause: error,
        },
      );
    }
    try {
      const stats = fstatSync(fd);
      if (!stats.isFile()) return undefined;
      if (stats.size > limit)
        throw new CinchError(
          "too-large",
          `${this.name}: ${entry.path} has ${stats.size} bytes; at most ${limit} are read`,
        );
      return readWhole(fd, stats.size);
    } finally {
      closeSync(fd);
    }
  }

  *walk(): Iterable<TreeEntry> {
    const folders = ["/"];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const inside: string[] = [];
      for (const name of this.list(folder)) {
        const entry = this.#entry(posix.join(folder, name));
        if (entry === undefined) continue;
        yield entry;
        if (entry.kind === "directory") inside.push(entry.path);
      }
      folders.push(...inside.reverse());
    }
  }

  [Symbol.dispose](): void {}

  #host(path: string): string {
    return `${this.#folder}${path}` || "/";
  }

  #stat(path: string): Stats | undefined {
    try {
      return lstatSync(this.#host(path), { throwIfNoEntry: false });
    } catch {
      return undefined;
    }
  }

  /** Where a link leads; undefined where that may not be known (those in /proc of other users' processes). */
  #link(path: string): string | undefined {
    try {
      return readlinkSync(this.#host(path));
    } catch {
      return undefined;
    }
  }

  /** The path without links in it; the last part's link is followed if `last` says so. Undefined: nothing is there. */
  #real(path: string, last: boolean): string | undefined {
    let parts = path.split("/").filter((part) => part !== "" && part !== ".");
    let real = "";
    let links = 0;
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      if (part === "..") {
        real = real.slice(0, Math.max(0, real.lastIndexOf("/")));
        continue;
      }
      const next = `${real}/${part}`;
      const stats = this.#stat(next);
      if (stats === undefined) return undefined;
      if (stats.isSymbolicLink() && (last || parts.length > 0)) {
        links += 1;
        if (links > MAX_LINKS)
          throw new CinchError(
            "tree-loop",
            `${this.name}: ${path} leads through more than ${MAX_LINKS} links`,
          );
        const target = this.#link(next);
        if (target === undefined) return undefined;
        if (target.startsWith("/")) real = "";
        parts = [...target.split("/").filter((one) => one !== "" && one !== "."), ...parts];
        continue;
      }
      if (parts.length > 0 && !stats.isDirectory()) return undefined;
      real = next;
    }
    return real === "" ? "/" : real;
  }

  #entry(path: string): TreeEntry | undefined {
    const stats = this.#stat(path);
    if (stats === undefined) return undefined;
    const kind = kindOf(stats);
    return {
      path,
      kind,
      mode: stats.mode & 0o7777,
      uid: stats.uid,
      gid: stats.gid,
      size: kind === "file" ? stats.size : 0,
      ...(kind === "symlink" && { target: this.#link(path) ?? "" }),
    };
  }
}

function kindOf(stats: Stats): TreeEntry["kind"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isFIFO()) return "fifo";
  return stats.isSocket() ? "socket" : "device";
}

function readWhole(fd: number, size: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  while (at < size) {
    const count = readSync(fd, bytes, at, size - at, at);
    if (count === 0) break;
    at += count;
  }
  return bytes.subarray(0, at);
}
