import { withoutCovered } from "../paths.ts";
import type { UsedFile } from "./files.ts";

/** Single files of one folder are listed up to here; more of them stand for the folder. */
const MAX_SIBLINGS = 3;
/** What may be listed of the folders below one; if it is more, the folder itself stands for it. */
const MAX_BELOW = 7;

/**
 * Folders of programs, libraries and the kernel's answers, read as a whole: which of their files a program reads changes
 * with each update, and holds no secret of this one application.
 */
const SYSTEM = /^\/(usr|lib|lib32|lib64|libx32|bin|sbin|proc|sys|dev)\//;

/** Folders at the top that belong to many: not read as a whole because much below them is. */
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
  "/var/",
]);

interface Folder {
  files: string[];
  folders: Map<string, Folder>;
  /** It was listed, so all of its names were read. */
  isListed: boolean;
}

const newFolder = (): Folder => ({ files: [], folders: new Map(), isListed: false });

/** The paths that stand for what was read: few enough to be read themselves, and covering each file. */
export function readPaths(files: readonly UsedFile[]): string[] {
  const system = new Set<string>();
  const root = newFolder();
  for (const { path, type } of files) {
    const found = SYSTEM.exec(type === "directory" ? `${path}/` : path);
    if (found !== null) system.add(found[0]);
    else insert(root, path, type === "directory");
  }
  return withoutCovered([...system, ...collapse(root, "/")]);
}

function insert(root: Folder, path: string, isFolder: boolean): void {
  const parts = path.split("/").slice(1);
  const name = isFolder ? undefined : parts.pop();
  let at = root;
  for (const part of parts) {
    let next = at.folders.get(part);
    if (next === undefined) {
      next = newFolder();
      at.folders.set(part, next);
    }
    at = next;
  }
  if (name === undefined) at.isListed = true;
  else at.files.push(name);
}

/** `path` ends in a slash. */
function collapse(folder: Folder, path: string): string[] {
  if (folder.isListed || (folder.files.length > MAX_SIBLINGS && path !== "/")) return [path];
  const below = [...folder.folders].flatMap(([name, child]) => collapse(child, `${path}${name}/`));
  if (below.length > MAX_BELOW && !SHARED.has(path)) return [path];
  return [...folder.files.map((name) => path + name), ...below];
}
