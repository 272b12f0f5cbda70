import { posix } from "node:path";
import type { FileTree, TreeEntry } from "../../src/image/index.ts";

/** A file's content; with `mode`, or as a link. */
export type MemoryFile =
  | string
  | Uint8Array
  | { content: string | Uint8Array; mode: number }
  | { link: string };

/** A tree made of a few files, for tests: executable where the path's folder is a bin, or the mode says so. */
export function memoryTree(files: Readonly<Record<string, MemoryFile>>): FileTree {
  const entries = new Map<string, TreeEntry & { bytes?: Uint8Array }>();
  const folder = (path: string): void => {
    if (entries.has(path)) return;
    entries.set(path, { path, kind: "directory", mode: 0o755, uid: 0, gid: 0, size: 0 });
    if (path !== "/") folder(posix.dirname(path));
  };
  folder("/");
  for (const [path, file] of Object.entries(files)) {
    folder(posix.dirname(path));
    if (typeof file === "object" && "link" in file) {
      entries.set(path, { path, kind: "symlink", mode: 0o777, uid: 0, gid: 0, size: 0, target: file.link });
      continue;
    }
    const isPlain = typeof file === "string" || file instanceof Uint8Array;
    const content = isPlain ? file : file.content;
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    const mode = isPlain ? (/\/s?bin\//.test(path) ? 0o755 : 0o644) : file.mode;
    entries.set(path, { path, kind: "file", mode, uid: 0, gid: 0, size: bytes.length, bytes });
  }
  const real = (path: string, last: boolean, links = 0): string | undefined => {
    if (links > 40) return undefined;
    let at = "";
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    for (const [i, part] of parts.entries()) {
      if (part === "..") {
        at = posix.dirname(at === "" ? "/" : at).replace(/^\/$/, "");
        continue;
      }
      const next = `${at}/${part}`;
      const entry = entries.get(next);
      if (entry === undefined) return undefined;
      if (entry.kind === "symlink" && (last || i < parts.length - 1))
        return real(
          posix.join(posix.resolve(at === "" ? "/" : at, entry.target!), ...parts.slice(i + 1)),
          last,
          links + 1,
        );
      at = next;
    }
    return at === "" ? "/" : at;
  };
  const find = (path: string, last: boolean) => {
    const found = real(path, last);
    return found === undefined ? undefined : entries.get(found);
  };
  return {
    name: "a tree in memory",
    lookup: (path) => find(path, false),
    resolve: (path) => find(path, true),
    list: (path) => {
      const found = real(path, true);
      return [...entries.keys()]
        .filter((one) => one !== "/" && posix.dirname(one) === found)
        .map((one) => posix.basename(one))
        .sort();
    },
    read: (path) => find(path, true)?.bytes,
    walk: () => [...entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
    [Symbol.dispose]() {},
  };
}
