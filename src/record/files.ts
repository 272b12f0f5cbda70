import { lstatSync, readlinkSync } from "node:fs";
import { join, posix } from "node:path";
import type { FileAccess, RecordedFile } from "../profile/index.ts";

/** Symbolic links followed in one path: the kernel's own limit (MAXSYMLINKS). */
const MAX_LINKS = 40;

/**
 * Gathers what was done to which path. Successes and failures of a path are two entries. Paths are resolved inside
 * the target's root (the folder that it sees as /), as far as they exist.
 */
export class FileSet {
  #entries = new Map<string, { file: RecordedFile; access: Set<FileAccess>; errnos: Set<string> }>();
  #folders = new Map<string, string>();
  #root: () => string | undefined;

  /** `root` gives the folder while it is there; without it, paths stay as they came. */
  constructor(root: () => string | undefined) {
    this.#root = root;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** A path known to be real, or to be resolved (`resolve`: its folder's links are followed). Gives the path it is kept under. */
  add(
    path: string,
    access: readonly FileAccess[],
    outcome: { errno?: string; type?: RecordedFile["type"]; resolve?: boolean },
  ): string {
    const normal = posix.normalize(path);
    const real = outcome.resolve === true ? this.#resolve(normal) : normal;
    const trimmed = real.length > 1 && real.endsWith("/") ? real.slice(0, -1) : real;
    const ok = outcome.errno === undefined;
    const key = `${ok ? "+" : "-"}${trimmed}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { file: { path: trimmed, access: [], ok }, access: new Set(), errnos: new Set() };
      this.#entries.set(key, entry);
    }
    for (const one of access) entry.access.add(one);
    if (outcome.errno !== undefined) entry.errnos.add(outcome.errno);
    if (outcome.type !== undefined) entry.file.type = outcome.type;
    return trimmed;
  }

  /** Paths of files that were read and end so. */
  readEndingIn(end: string): string[] {
    return [...this.#entries.values()]
      .filter(({ file, access }) => file.ok && access.has("read") && file.path.endsWith(end))
      .map(({ file }) => file.path);
  }

  /** Sorted by path; for one path the success first. */
  files(): RecordedFile[] {
    const files = [...this.#entries.values()].map(({ file, access, errnos }) => ({
      ...file,
      access: [...access].sort(),
      ...(errnos.size > 0 && { errnos: [...errnos].sort() }),
    }));
    return files.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : Number(b.ok) - Number(a.ok)));
  }

  /** The last name stays as it is: unlink, rename and lstat mean the link and not what it points to. */
  #resolve(path: string): string {
    const folder = posix.dirname(path);
    let real = this.#folders.get(folder);
    if (real === undefined) {
      const root = this.#root();
      if (root === undefined) return path;
      real = resolveInside(root, folder);
      this.#folders.set(folder, real);
    }
    return posix.join(real, posix.basename(path));
  }
}

/** A path with its links followed inside `root`, never outside it; what does not exist is taken as it stands. */
export function resolveInside(root: string, path: string): string {
  const rest = path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .reverse();
  const done: string[] = [];
  let links = 0;
  while (rest.length > 0) {
    const part = rest.pop()!;
    if (part === "..") {
      done.pop();
      continue;
    }
    const here = `/${[...done, part].join("/")}`;
    let target: string | undefined;
    try {
      // Magic links of /proc lead to what only the process sees.
      if (!here.startsWith("/proc/") && lstatSync(join(root, here)).isSymbolicLink()) {
        target = readlinkSync(join(root, here));
      }
    } catch {
      target = undefined;
    }
    if (target === undefined || (links += 1) > MAX_LINKS) {
      done.push(part);
      continue;
    }
    if (target.startsWith("/")) done.length = 0;
    rest.push(
      ...target
        .split("/")
        .filter((name) => name !== "" && name !== ".")
        .reverse(),
    );
  }
  return `/${done.join("/")}`;
}
