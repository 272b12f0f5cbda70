import { createHash } from "node:crypto";
import { basename } from "node:path";
import { CinchError } from "../../base/index.ts";
import {
  type Elf,
  type GoFunction,
  isElf,
  parseElf,
  parseGoFunctions,
  parseUnwind,
} from "../../elf/index.ts";
import type { FileTree } from "../../image/index.ts";
import type { Value } from "../flow/values.ts";
import { Module } from "../link/module.ts";
import type { Machine } from "../machine/model.ts";
import { arm64 } from "../machine/arm64/arm64.ts";
import { x86 } from "../machine/x86/x86.ts";
import { SLOT, pointerSlots } from "../module/slots.ts";
import type { CodeMap } from "../module/code-map.ts";
import { surveyCode } from "../module/survey.ts";
import type { SummaryCache } from "./cache.ts";

/** Larger than any program or library that is known: a browser's has some 200 MB of them. */
const MAX_MODULE_BYTES = 1 << 30;

export interface LoadedFile {
  /** The real path in the tree. */
  path: string;
  bytes: Uint8Array;
  elf: Elf;
}

/** Opens the modules of a tree, each once, with what was kept of them from earlier runs. */
export class Loader {
  readonly tree: FileTree;
  #cache: SummaryCache | undefined;
  #files = new Map<string, LoadedFile | undefined>();
  #modules = new Map<string, Module>();
  #kept = new Map<Module, number>();

  constructor(tree: FileTree, cache: SummaryCache | undefined) {
    this.tree = tree;
    this.#cache = cache;
  }

  /** The ELF file at a path (links followed); undefined where there is none. Throws what `parseElf` throws. */
  file(path: string): LoadedFile | undefined {
    const real = this.tree.resolve(path);
    if (real === undefined || real.kind !== "file") return undefined;
    if (this.#files.has(real.path)) return this.#files.get(real.path);
    const bytes = this.tree.read(real.path, MAX_MODULE_BYTES);
    const file =
      bytes !== undefined && isElf(bytes)
        ? { path: real.path, bytes, elf: parseElf(bytes, real.path) }
        : undefined;
    this.#files.set(real.path, file);
    return file;
  }

  /** The module at a path. Throws `not-analyzed` for one of another architecture. */
  module(file: LoadedFile): Module {
    const known = this.#modules.get(file.path);
    if (known !== undefined) return known;
    const { elf, bytes, path } = file;
    const machine = machineOf(elf, path);
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    const kept = this.#cache?.read(digest);
    const go = parseGoFunctions(elf) ?? [];
    const code = kept?.code ?? survey(elf, machine, go);
    const facts = kept?.facts ?? new Map<string, Value>();
    const module = new Module({
      path,
      name: basename(path),
      digest,
      elf,
      machine,
      code,
      facts,
      goFunctions: go.map(({ start }) => start),
    });
    this.#modules.set(path, module);
    this.#kept.set(module, kept === undefined ? -1 : facts.size);
    return module;
  }

  /** Keeps what was found out for later runs. */
  save(): void {
    for (const [module, before] of this.#kept) {
      if (module.facts.size === before) continue;
      this.#cache?.write(module.digest, { code: module.code, facts: module.facts });
      this.#kept.set(module, module.facts.size);
    }
  }
}

const NAMES = {
  x86_64: "x86_64",
  aarch64: "aarch64",
  i386: "32-bit x86",
  other: "another processor",
} as const;

function machineOf({ machine }: Elf, path: string): Machine {
  if (machine === "x86_64") return x86;
  if (machine === "aarch64") return arm64;
  throw new CinchError(
    "not-analyzed",
    `${path} is a program for ${NAMES[machine]}; those for x86_64 and aarch64 can be analyzed`,
    { hint: "record it instead: cinch record" },
  );
}

function survey(elf: Elf, machine: Machine, go: readonly GoFunction[]): CodeMap {
  const { kinds, values } = pointerSlots(elf);
  const pointers: number[] = [];
  for (const [i, kind] of kinds.entries())
    if (kind === SLOT.relative || kind === SLOT.irelative) pointers.push(values[i]!);
  return surveyCode(elf, machine, parseUnwind(elf), go, pointers);
}
