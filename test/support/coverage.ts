import { realpathSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { SummaryCache } from "../../src/analyze/load/cache.ts";
import { TreeLibraries } from "../../src/analyze/load/libraries.ts";
import { Loader } from "../../src/analyze/load/loader.ts";
import { findModules, matchLibraryPattern, nssModules } from "../../src/analyze/plugins/index.ts";
import { findCalls } from "../../src/analyze/program/findings.ts";
import { type LinkedProgram, linkProgram } from "../../src/analyze/program/program.ts";
import { openFolder } from "../../src/image/index.ts";
import { type Linked, type RunOptions, executedCode } from "./qemu-coverage.ts";

/** What runs under emulation, held against what the analysis says of the same files. */
export class Coverage {
  #loader: Loader;
  #libraries: TreeLibraries;
  #root: string;
  #options: RunOptions;

  /** `root`: the folder with the files, "/" for this machine's; another one has its own qemu. */
  constructor(root: string, cache: string, options: RunOptions = {}) {
    this.#root = root;
    this.#options = root === "/" ? options : { ...options, root };
    this.#loader = new Loader(openFolder(root), new SummaryCache(cache));
    this.#libraries = new TreeLibraries(this.#loader);
  }

  /** Executed functions that the analysis does not reach, by name, and calls that are not among those it finds. */
  async outside(argv: string[], options: RunOptions = {}): Promise<string[]> {
    const real = realpathSync(join(this.#root, argv[0]!));
    const path = this.#root === "/" ? real : real.slice(this.#root.length);
    const { executed, calls } = await executedCode(argv, (one) => this.#linked(one), {
      ...this.#options,
      ...options,
    });
    expect(executed.get(path)?.size).toBeGreaterThan(50);
    const found = new Set<string>();
    // Tight is the smaller set: what it holds, strict holds too.
    const { reach } = this.#link(path, "tight");
    for (const [file, addresses] of executed) {
      const module = reach.modules.find((one) => one.path === file);
      if (module === undefined) {
        found.add(`${file} is not loaded`);
        continue;
      }
      for (const address of addresses) {
        const index = module.functionAt(address);
        if (index < 0 || !reach.isReached(module, index))
          found.add(`${module.name}:${index < 0 ? `0x${address.toString(16)}` : module.nameOf(index)}`);
      }
    }
    const { syscalls, unresolved } = findCalls(this.#link(path, "strict"));
    if (unresolved.length > 0) return [...found].sort();
    for (const call of calls) if (!syscalls.some(({ name }) => name === call)) found.add(`call ${call}`);
    return [...found].sort();
  }

  #link(path: string, mode: "strict" | "tight"): LinkedProgram {
    const { tree } = this.#loader;
    const file = this.#loader.file(path)!;
    const needed = this.#libraries.of(file).files.map((one) => one.file.elf.dynamic?.soname ?? "");
    return linkProgram(
      this.#loader,
      file,
      {
        libraries: this.#libraries,
        nss: () => nssModules(tree),
        gconv: () => [],
        find: (name, by) =>
          name.includes("%")
            ? matchLibraryPattern(tree, name, this.#libraries.folders)
            : this.#libraries.find(name, by.path),
      },
      {
        mode,
        plugins: findModules(tree, { path: file.path, needed }).modules,
        literalLookups: mode === "tight",
      },
    );
  }

  #linked(path: string): Linked | undefined {
    const file = this.#loader.file(path);
    if (file === undefined) return undefined;
    const loads = file.elf.segments.filter(({ kind }) => kind === "load");
    return {
      path: file.path,
      entry: file.elf.entry,
      low: Math.min(...loads.map(({ address }) => address)),
      high: Math.max(...loads.map(({ address, memorySize }) => address + memorySize)),
      isFixed: file.elf.type === "executable",
    };
  }
}

/** Waits until a server answers on a port of loopback, and does something more. */
export function ready(port: number, more?: () => Promise<unknown> | void): () => Promise<void> {
  return async () => {
    for (let i = 0; i < 400 && !(await answers(port)); i += 1) await sleep(100);
    expect(await answers(port)).toBe(true);
    await more?.();
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => (socket.destroy(), resolve(true))).once("error", () => resolve(false));
  });
}
