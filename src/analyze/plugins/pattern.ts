import { basename, dirname, posix } from "node:path";
import type { FileTree } from "../../image/index.ts";

/** Letters besides "lib" and ".so" that a pattern needs: one of nothing but %s would stand for every library there is. */
const MIN_LETTERS = 3;

/** A conversion of printf(3): flags, width, precision, length, letter. */
const CONVERSION = /%(?:\d+\$)?[-+ #0']*(?:\*|\d+)?(?:\.(?:\*|\d+)?)?(?:hh|h|ll|l|j|z|t|L)?[a-zA-Z]/g;

/**
 * The files that a name made by printf may stand for: "libfoo_%s.so.2" in the given folders, "/usr/lib/x/%s.so" in its
 * own. None for a pattern that says next to nothing.
 */
export function matchLibraryPattern(tree: FileTree, pattern: string, folders: readonly string[]): string[] {
  const name = basename(pattern);
  const isPlaced = pattern.startsWith("/") && !dirname(pattern).includes("%");
  const letters = name.replaceAll(CONVERSION, "").replaceAll(/^lib|\.so.*$/g, "");
  if (!isPlaced && letters.length < MIN_LETTERS) return [];
  const pieces = name.split(CONVERSION).map((piece) => piece.replaceAll("%%", "%"));
  return (isPlaced ? [dirname(pattern)] : folders).flatMap((folder) =>
    tree
      .list(folder)
      .filter((file) => hasPieces(file, pieces))
      .map((file) => posix.join(folder, file)),
  );
}

/** Whether a name begins with the first piece, ends with the last, and has the others in their order between. */
function hasPieces(name: string, pieces: readonly string[]): boolean {
  const [first, last] = [pieces[0]!, pieces.at(-1)!];
  if (pieces.length === 1) return name === first;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length)
    return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = name.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= name.length - last.length;
}
