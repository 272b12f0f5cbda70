import { foldersAbove, isBelow } from "../paths.ts";
import { type UsedFile, isWritten } from "./files.ts";

/**
 * Folders that a system may empty at any start (file-hierarchy(7)): what is written there can be a tmpfs. /dev/shm is
 * not among them, because engines mount it by themselves.
 */
const VOLATILE = ["/tmp/", "/var/tmp/", "/run/", "/var/run/", "/var/lock/"];

/**
 * The folders that may be empty at each start: where runs wrote, and of which they needed nothing that they had not made
 * themselves. A folder in it that was there before is one by itself, so that it is there again (/run/postgresql/). In
 * doubt a folder is not among them: as a volume it keeps what the image has.
 */
export function tmpfsFolders(files: readonly UsedFile[]): string[] {
  return VOLATILE.flatMap((folder) =>
    emptyAtStart(
      folder,
      files.filter(({ path }) => isBelow(folder, path)),
    ),
  );
}

function emptyAtStart(folder: string, inside: readonly UsedFile[]): string[] {
  const written = inside.filter(isWritten);
  if (written.length === 0) return [];
  const before = foldersBefore(folder, inside);
  const nearest = (path: string): string =>
    foldersAbove(path).find((above) => above === folder || before.has(above))!;
  const direct = written.some(({ path }) => nearest(path) === folder);
  if (!inside.some(isNeeded)) {
    // Where nothing is written at the top, it can stay what it is, with all that lies there.
    const below = [...before].filter((one) => direct || written.some(({ path }) => nearest(path) === one));
    return [...(direct ? [folder] : []), ...below.sort()];
  }
  if (direct) return [];
  const children = [...before].filter((one) => !one.slice(folder.length, -1).includes("/"));
  return children.sort().flatMap((child) => {
    const below = inside.filter(({ path }) => isBelow(child, path));
    return emptyAtStart(child, below);
  });
}

/** Folders below one that were there when the runs began. */
function foldersBefore(folder: string, inside: readonly UsedFile[]): Set<string> {
  const fresh = new Set(inside.filter(({ isFresh }) => isFresh).map(({ path }) => `${path}/`));
  const before = new Set<string>();
  for (const { path, type } of inside) {
    for (const above of type === "directory" ? [`${path}/`, ...foldersAbove(path)] : foldersAbove(path)) {
      if (!isBelow(folder, above)) break;
      if (![above, ...foldersAbove(above)].some((one) => fresh.has(one))) before.add(above);
    }
  }
  return before;
}

/** Something that has to be there at the start: not folders (they are made again), nor what is only cleared away. */
function isNeeded({ access, type, isFresh }: UsedFile): boolean {
  if (isFresh || type === "directory" || type === "socket" || type === "fifo") return false;
  const isCleared = access.has("delete") && !access.has("read") && !access.has("write");
  return !isCleared || access.has("execute");
}
