import { posix } from "node:path";
import { CinchError } from "../../base/index.ts";
import type { FileTree, TreeEntry } from "../../image/index.ts";
import { COMMON_FOLDERS } from "./commands.ts";
import { globPattern } from "./services.ts";
import { OWN, UNKNOWN } from "./values.ts";

/** A path in a kernel's sense (PATH_MAX). */
const MAX_PATH = 4096;
/** Files below which a program is looked for whose folder is not known. */
const MAX_INDEXED = 150_000;
/** Folders inside folders on the way. */
const MAX_DEPTH = 64;
/** They have no files of the target in them. */
const KERNEL_FILES = /^\/(proc|sys|dev)(\/|$)/;
/** Programs that one pattern may stand for. */
const MAX_MATCHES = 500;

/** Looks up executable files in a tree as execvp(3) does, and by patterns where a part of the name is not known. */
export class ProgramFinder {
  readonly tree: FileTree;
  readonly folders: readonly string[];
  #cwd: string;
  /** Not all programs were looked at that a pattern may stand for. */
  isCut = false;
  #resolved = new Map<string, TreeEntry | undefined>();

  /** `path`: PATH's value; `cwd`: where relative names start. */
  constructor(tree: FileTree, path: string, cwd: string) {
    this.tree = tree;
    this.folders = path.split(":").filter((folder) => folder.startsWith("/"));
    this.#cwd = cwd === "" ? "/" : cwd;
  }

  /** The real path of what a name stands for: a path (relative ones also from `from`), or a name in PATH. */
  find(name: string, from: readonly string[] = []): string | undefined {
    for (const place of this.#places(name, from, [...this.folders, ...from])) {
      const entry = this.resolve(place);
      if (entry?.kind === "file" && (entry.mode & 0o111) !== 0) return entry.path;
    }
    return undefined;
  }

  /** Any file, which need not be executable: a script that is given to a shell, or read by one. */
  file(name: string, from: readonly string[] = []): string | undefined {
    for (const place of this.#places(name, from, [this.#cwd, ...from, ...this.folders])) {
      const entry = this.resolve(place);
      if (entry?.kind === "file") return entry.path;
    }
    return undefined;
  }

  /**
   * The executable files that a value with unknown parts may stand for, by their last name or their folder. Undefined:
   * the value says too little, or stands for too many.
   */
  matching(value: string): string[] | undefined {
    const parts = value.replaceAll(OWN, UNKNOWN).split(UNKNOWN);
    const [first, last] = [parts[0]!, parts.at(-1)!];
    // What stands between two unknown parts is unknown too: one gap, so that matching stays cheap.
    const name = last.includes("/") ? posix.basename(last) : undefined;
    const before = name === undefined ? posix.basename(first) : "";
    // A folder alone, or a single letter, says too little.
    if (parts.length < 2 || (name ?? before + last).length < 2) return undefined;
    if (name === undefined && COMMON_FOLDERS.test(posix.dirname(`${first}x`))) return undefined;
    if (name === undefined && !first.startsWith("/")) return undefined;
    const candidates =
      name === undefined ? [...this.#byName().values()].flat() : (this.#byName().get(name) ?? []);
    const found = candidates.filter(
      (path) => path.length >= first.length + last.length && path.startsWith(first) && path.endsWith(last),
    );
    const real = found.slice(0, MAX_MATCHES + 1).flatMap((path) => this.find(path) ?? []);
    return found.length > MAX_MATCHES ? undefined : real;
  }

  /** Like the tree's own, but links in a circle lead nowhere: for a program they do not either. */
  resolve(path: string): TreeEntry | undefined {
    if (path.length > MAX_PATH || path.includes(UNKNOWN) || KERNEL_FILES.test(path)) return undefined;
    if (this.#resolved.has(path)) return this.#resolved.get(path);
    let entry: TreeEntry | undefined;
    try {
      entry = this.tree.resolve(path);
    } catch (error) {
      if (!(error instanceof CinchError && error.code === "tree-loop")) throw error;
    }
    this.#resolved.set(path, entry);
    return entry;
  }

  /** The files that a pattern of a folder and one name stands for. */
  inFolder(folder: string, pattern: string): TreeEntry[] {
    const matches = globPattern(pattern);
    return this.tree
      .list(folder)
      .filter((name) => matches.test(name))
      .map((name) => this.resolve(posix.join(folder, name)))
      .filter((entry): entry is TreeEntry => entry?.kind === "file");
  }

  *#places(name: string, from: readonly string[], folders: readonly string[]): Generator<string> {
    if (name === "" || name.length > MAX_PATH) return;
    if (name.startsWith("/")) yield posix.normalize(name);
    else if (name.includes("/"))
      for (const folder of [this.#cwd, ...from]) yield posix.resolve("/", folder, name);
    else for (const folder of folders) yield posix.join(folder, name);
  }

  #byName(): ReadonlyMap<string, readonly string[]> {
    let index = indexes.get(this.tree);
    if (index === undefined) indexes.set(this.tree, (index = indexOf(this.tree)));
    this.isCut ||= index.isCut;
    return index.programs;
  }
}

interface Index {
  /** Executable files, and links, by their last name. */
  programs: Map<string, string[]>;
  /** The tree has more files than were looked at. */
  isCut: boolean;
}

/** Made when first asked for, which few scripts do. */
const indexes = new WeakMap<FileTree, Index>();

function indexOf(tree: FileTree): Index {
  const programs = new Map<string, string[]>();
  // Folders near the root first: if there are too many files, those of deep ones are left out.
  const queue = [{ folder: "/", depth: 0 }];
  let files = 0;
  for (const { folder, depth } of queue)
    for (const name of tree.list(folder)) {
      files += 1;
      if (files > MAX_INDEXED) return { programs, isCut: true };
      const path = posix.join(folder, name);
      const entry = tree.lookup(path);
      if (entry?.kind === "directory" && !KERNEL_FILES.test(path) && depth < MAX_DEPTH)
        queue.push({ folder: path, depth: depth + 1 });
      const mayRun = entry?.kind === "symlink" || (entry?.kind === "file" && (entry.mode & 0o111) !== 0);
      if (!mayRun) continue;
      const same = programs.get(name);
      if (same === undefined) programs.set(name, [path]);
      else same.push(path);
    }
  return { programs, isCut: false };
}
