/**
 * Paths as profiles have them: absolute and normal; one that ends in a slash stands for the folder and everything below.
 */

/** Whether a text is an absolute path in normal form: no empty part, no "." or "..", no slash at the end but in "/". */
export function isNormal(path: string): boolean {
  return path === "/" || /^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/.test(path);
}

export function withSlash(path: string): string {
  return path.endsWith("/") ? path : `${path}/`;
}

/** The folders above a path, nearest first, each with its slash: "/a/b" → "/a/", "/". */
export function* foldersAbove(path: string): Generator<string> {
  for (let end = path.length - 1; end > 0;) {
    end = path.lastIndexOf("/", end - 1);
    yield path.slice(0, end + 1);
  }
}

/** A look-up: the entry that covers a path (itself, or a folder above it), or undefined. Takes time by the path's depth. */
export function covering(paths: Iterable<string>): (path: string) => string | undefined {
  const known = new Set(paths);
  return (path) => {
    if (known.has(path)) return path;
    if (!path.endsWith("/") && known.has(`${path}/`)) return `${path}/`;
    for (const folder of foldersAbove(path)) if (known.has(folder)) return folder;
    return undefined;
  };
}

/** Whether one of the paths covers a path. */
export function covers(paths: Iterable<string>, path: string): boolean {
  return covering(paths)(path) !== undefined;
}

/** Whether a path lies below a folder (which ends in a slash), and is not the folder itself. */
export function isBelow(folder: string, path: string): boolean {
  return path.length > folder.length && path.startsWith(folder);
}

/** The paths that no other of them covers, sorted. */
export function withoutCovered(paths: Iterable<string>): string[] {
  const known = new Set(paths);
  const isCovered = (path: string): boolean => {
    if (!path.endsWith("/") && known.has(`${path}/`)) return true;
    for (const folder of foldersAbove(path)) if (known.has(folder)) return true;
    return false;
  };
  return [...known].filter((path) => !isCovered(path)).sort();
}
