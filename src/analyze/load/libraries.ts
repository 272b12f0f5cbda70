import { basename, dirname } from "node:path";
import type { Module } from "../link/module.ts";
import type { LoadedFile, Loader } from "./loader.ts";

export interface LinkedFile {
  file: LoadedFile;
  neededBy: string;
}

/** What a file is loaded with. */
export interface Linkage {
  /** In the order of loading, without the file itself and its interpreter. */
  files: LinkedFile[];
  missing: { name: string; neededBy: string }[];
  interpreter?: LoadedFile;
}

export interface Libraries {
  /** `within`: the executable that loads the file. */
  of(file: LoadedFile, within?: LoadedFile): Linkage;
}

const DIRS = [
  "/lib/x86_64-linux-gnu",
  "/usr/lib/x86_64-linux-gnu",
  "/lib",
  "/usr/lib",
  "/lib64",
  "/usr/lib64",
  "/lib/aarch64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/local/lib",
];

export class TreeLibraries implements Libraries {
  #loader: Loader;
  constructor(loader: Loader) {
    this.#loader = loader;
  }
  of(file: LoadedFile, _within?: LoadedFile): Linkage {
    const files: LinkedFile[] = [];
    const missing: Linkage["missing"] = [];
    const seen = new Set([file.path]);
    const queue = [file];
    const interpreter = file.elf.interpreter ? this.#loader.file(file.elf.interpreter) : undefined;
    if (interpreter) seen.add(interpreter.path);
    for (const one of queue) {
      const dirs = [...(one.elf.dynamic?.runpath ?? []), ...(one.elf.dynamic?.rpath ?? []), ...DIRS].map(
        (d) => d.replace("$ORIGIN", dirname(one.path)),
      );
      for (const name of one.elf.dynamic?.needed ?? []) {
        let found: LoadedFile | undefined;
        for (const d of dirs) {
          const f = this.#loader.file(`${d}/${name}`);
          if (f && f.elf.machine === file.elf.machine) {
            found = f;
            break;
          }
        }
        if (!found) missing.push({ name, neededBy: basename(one.path) });
        else if (!seen.has(found.path)) {
          seen.add(found.path);
          files.push({ file: found, neededBy: basename(one.path) });
          queue.push(found);
        }
      }
    }
    return { files, missing, ...(interpreter && { interpreter }) };
  }
  find(name: string, _by: Module, _match: unknown): string[] {
    if (name.includes("%")) return [];
    if (name.startsWith("/")) return [name];
    for (const d of DIRS) if (this.#loader.tree.resolve(`${d}/${name}`)) return [`${d}/${name}`];
    return [];
  }
}
