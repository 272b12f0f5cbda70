/** Links that are followed on the way to one file; the kernel's own limit (path_resolution(7)). */
export const MAX_LINKS = 40;
/** Content of one file that is read at most, where the caller does not say. */
export const MAX_FILE_BYTES = 1 << 30;

/** What stands at a path of a tree; links are not followed. */
export interface TreeEntry {
  /** Absolute, normalised, without a slash at the end: "/usr/bin/redis-server"; "/" for the root. */
  path: string;
  kind: "file" | "directory" | "symlink" | "device" | "fifo" | "socket";
  /** Permission bits with set-user-ID, set-group-ID and sticky: 0o4755. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of a file; 0 for others. */
  size: number;
  /** Of a symlink: as written. */
  target?: string;
}

/**
 * The files of a root file system, wherever they come from: a folder, or the layers of an image put on each other.
 * Links are followed inside the tree only: an absolute one starts at the tree's root, and `..` does not leave it.
 * Methods throw `CinchError`: `tree-loop` for links that lead in a circle, `too-large` for a file above the limit.
 */
export interface FileTree extends Disposable {
  /** For messages: "docker:nginx", "/srv/root". */
  readonly name: string;
  /** What is at the path itself; links in its folders are followed, a last link is not. Undefined: nothing. */
  lookup(path: string): TreeEntry | undefined;
  /** The same with a last link followed: the entry's `path` is then the real one. Undefined: nothing, or a dangling link. */
  resolve(path: string): TreeEntry | undefined;
  /** Names in a folder, sorted; empty where there is no folder. */
  list(path: string): string[];
  /** A file's content (links followed). Undefined where there is no file. */
  read(path: string, limit?: number): Uint8Array | undefined;
  /** All entries, sorted by path; folders before what is in them. */
  walk(): Iterable<TreeEntry>;
}
