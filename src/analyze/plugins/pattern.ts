import { basename, dirname, posix } from "node:path";
import type { FileTree } from "../../image/index.ts";

/** Letters besides "lib" and ".so" that a pattern needs: one of nothing but %s would stand for every library there is. */
const MIN_LETTERS = 3;

/**
 * The files that a name made by printf may stand for: "libfoo_%s.so.2" in the given folders, "/usr/lib/x/%s.so" in its
 * own. None for a pattern that says next to nothing.
 */
export function matchLibraryPattern(tree: FileTree, pattern: string, folders: readonly string[]): string[] {
  const name = basename(pattern);
  const isPlaced = pattern.includes("/") && !dirname(pattern).includes("%");
  const letters = name.replaceAll(/%[-+ #0]*\d*[a-z]|^lib|\.so.*$/g, "");
  if (!isPlaced && letters.length < MIN_LETTERS) return [];
  const matches = new RegExp(
    `^${name
      .split(/%[-+ #0]*\d*[a-z]/)
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
      .join("[^/]*")}$`,
  );
  return (isPlaced ? [dirname(pattern)] : folders).flatMap((folder) =>
    tree
      .list(folder)
      .filter((file) => matches.test(file))
      .map((file) => posix.join(folder, file)),
  );
}
