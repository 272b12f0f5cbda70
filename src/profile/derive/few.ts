import { withoutCovered } from "../paths.ts";

/** Single files of one folder are listed up to here; more of them stand for the folder. */
const MAX_SIBLINGS = 3;
/** What may be listed of the folders below one; if it is more, the folder itself stands for it. */
const MAX_BELOW = 7;

/** Folders at the top that belong to many: much below them is no reason to take them as a whole. */
const SHARED = new Set([
  "/",
  "/etc/",
  "/home/",
  "/media/",
  "/mnt/",
  "/opt/",
  "/root/",
  "/run/",
  "/srv/",
  "/usr/",
  "/var/",
]);

interface Folder {
  files: string[];
  folders: Map<string, Folder>;
  /** All of it is meant. */
  isWhole: boolean;
}

const newFolder = (): Folder => ({ files: [], folders: new Map(), isWhole: false });

/**
 * Paths (a slash at the end: a folder as a whole) that stand for others: few enough to be read by people and to hold for
 * the next run, whose files have other names; and covering each that was given.
 */
export function fewPaths(paths: Iterable<string>): string[] {
  const root = newFolder();
  for (const path of paths) insert(root, path);
  return withoutCovered(collapse(root, "/"));
}

function insert(root: Folder, path: string): void {
  const parts = path.split("/").slice(1);
  const name = parts.pop()!;
  let at = root;
  for (const part of parts) {
    let next = at.folders.get(part);
    if (next === undefined) {
      next = newFolder();
      at.folders.set(part, next);
    }
    at = next;
  }
  if (name === "") at.isWhole = true;
  else at.files.push(name);
}

/** `path` ends in a slash. */
function collapse(folder: Folder, path: string): string[] {
  if (folder.isWhole || (folder.files.length > MAX_SIBLINGS && path !== "/")) return [path];
  const below = [...folder.folders].flatMap(([name, child]) => collapse(child, `${path}${name}/`));
  if (below.length > MAX_BELOW && !SHARED.has(path)) return [path];
  return [...folder.files.map((name) => path + name), ...below];
}
