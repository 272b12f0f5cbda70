import { foldersAbove, isBelow } from "../paths.ts";
import { type UsedFile, isWritten } from "./files.ts";

/**
 * Folders that a system may empty at any start (file-hierarchy(7)): what is written there can be a tmpfs. /dev/shm is
 * not among them, because engines mount it by themselves.
 */
const VOLATILE = ["/tmp/", "/var/tmp/", "/run/", "/var/run/", "/var/lock/"];

/** Each is a mount: a program that finds more folders in /tmp than this was not started from its image. */
const MAX_FOLDERS = 8;

/**
 * The folders that may be empty at each start: where runs wrote, and of which they needed nothing that they had not made
 * themselves. A folder in it that was there before is one by itself, so that it is there again (/run/postgresql/). In
 * doubt a folder is not among them: as a volume it keeps what the image has.
 */
export function tmpfsFolders(files: readonly UsedFile[]): string[] {
  return VOLATILE.flatMap((folder) => {
    const inside = files.filter(({ path }) => isBelow(folder, path));
    const before = foldersBefore(folder, inside);
    return before.size > MAX_FOLDERS ? [] : emptyAtStart(folder, inside, before);
  });
}

/** `before`: the folders below it that were there when the runs began. */
function emptyAtStart(folder: string, inside: readonly UsedFile[], before: ReadonlySet<string>): string[] {
  const nearest = (path: string): string =>
    foldersAbove(path).find((above) => above === folder || before.has(above))!;
  /** Of the folders that were there, those in which something was written, not counting what is deeper. */
  const written = new Set(inside.filter(isWritten).map(({ path }) => nearest(path)));
  if (!inside.some(isNeeded)) {
    // Where nothing is written at the top, it can stay what it is, with all that lies there.
    if (written.has(folder)) return [folder, ...[...before].sort()];
    return [...before].filter((one) => written.has(one)).sort();
  }
  // Something in it has to be there, so it stays; of the folders in it, those that nothing is needed of.
  if (written.has(folder)) return [];
  const children = [...before].filter((one) => !one.slice(folder.length, -1).includes("/"));
  return children.sort().flatMap((child) =>
    emptyAtStart(
      child,
      inside.filter(({ path }) => isBelow(child, path)),
      new Set([...before].filter((one) => isBelow(child, one))),
    ),
  );
}

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
export function isNeeded({ access, type, isFresh }: UsedFile): boolean {
  if (isFresh || type === "directory" || type === "socket" || type === "fifo") return false;
  const isCleared = access.has("delete") && !access.has("read") && !access.has("write");
  return !isCleared || access.has("execute");
}
