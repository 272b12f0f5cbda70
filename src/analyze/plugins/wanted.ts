import { basename, posix } from "node:path";
import { CinchError } from "../../base/index.ts";
import { isElf, parseElf } from "../../elf/index.ts";
import type { FileTree } from "../../image/index.ts";
import { libraryFolders } from "./name-service.ts";

/** Libraries of libraries that are looked at in all. */
const MAX_LIBRARIES = 2000;
/** A module that is larger is looked at without its libraries. */
const MAX_BYTES = 1 << 28;

/**
 * The names of the libraries that files are loaded with, and of those the files' own: all that DT_NEEDED names, looked
 * up in the usual folders. A file that cannot be read wants nothing; whoever loads it says so.
 */
export function wantedLibraries(tree: FileTree, paths: readonly string[]): Set<string> {
  const names = new Set<string>(paths.map((path) => basename(path)));
  const queue = [...paths];
  for (let at = 0; at < queue.length && at < MAX_LIBRARIES + paths.length; at += 1)
    for (const name of neededBy(tree, queue[at]!)) {
      if (names.has(name)) continue;
      names.add(name);
      const folder = [posix.dirname(queue[at]!), ...libraryFolders].find(
        (one) => tree.lookup(posix.join(one, name)) !== undefined,
      );
      if (folder !== undefined) queue.push(posix.join(folder, name));
    }
  return names;
}

function neededBy(tree: FileTree, path: string): readonly string[] {
  try {
    if ((tree.resolve(path)?.size ?? 0) > MAX_BYTES) return [];
    const bytes = tree.read(path, MAX_BYTES);
    return bytes !== undefined && isElf(bytes) ? (parseElf(bytes, path).dynamic?.needed ?? []) : [];
  } catch (error) {
    if (error instanceof CinchError) return [];
    throw error;
  }
}
