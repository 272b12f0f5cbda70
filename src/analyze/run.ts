import { basename } from "node:path";
import { type Talk, silent } from "../base/index.ts";
import type { Analysis, Unresolved } from "../profile/index.ts";
import { activeAssumptions } from "./assumptions.ts";
import { AnalysisBuilder } from "./build.ts";
import type { ExtraModule, ReachedProgram } from "./closure-model.ts";
import { SummaryCache } from "./load/cache.ts";
import { TreeLibraries } from "./load/libraries.ts";
import { type LoadedFile, Loader } from "./load/loader.ts";
import { findModules, gconvModules, matchLibraryPattern, nssModules } from "./plugins/index.ts";
import { type ProgramResult, analyzeProgram } from "./program/analyze.ts";
import type { Surroundings } from "./program/program.ts";
import type { Started } from "./program/starts.ts";
import type { AnalyzeOptions, AnalyzeSource } from "./target.ts";
import { commandPrograms, executablesOf, findPrograms, startedBy } from "./programs/index.ts";

/** Programs for which it is found out what each assumption takes away; for more it would take too long. */
const MAX_COMPARED = 3;

const LOADER = /\/ld-(linux|musl)[^/]*$/;

/** One analysis: programs are followed until nothing new is started. */
export class TargetAnalysis {
  #source: AnalyzeSource;
  #options: AnalyzeOptions;
  #loader: Loader;
  #libraries: TreeLibraries;
  #assumed: ReadonlySet<string>;
  #talk: Talk;
  #queue: ReachedProgram[] = [];
  #seen = new Map<string, ReachedProgram>();
  #unresolved: Unresolved[] = [];
  #nss: readonly ExtraModule[] | undefined;
  #gconv: readonly ExtraModule[] | undefined;

  constructor(source: AnalyzeSource, options: AnalyzeOptions) {
    this.#source = source;
    this.#options = options;
    this.#talk = options.talk ?? silent;
    this.#assumed = activeAssumptions(options.mode, options.assume ?? [], options.noAssume ?? []);
    const cache = options.cacheFolder === undefined ? undefined : new SummaryCache(options.cacheFolder);
    this.#loader = new Loader(source.tree, cache);
    this.#libraries = new TreeLibraries(this.#loader);
  }

  async run(): Promise<Analysis> {
    this.#start();
    const builder = new AnalysisBuilder(this.#source.target, this.#options.mode, this.#assumed);
    for (let at = 0; at < this.#queue.length; at += 1) {
      this.#options.signal?.throwIfAborted();
      const program = this.#queue[at]!;
      const entry = this.#source.tree.resolve(program.path);
      const result = program.kind === "script" ? undefined : this.#analyze(program, builder);
      if (result === undefined) {
        const content = entry && this.#source.tree.read(entry.path);
        builder.addScript(program, content);
        continue;
      }
      builder.addProgram(program, result, result.arch);
      for (const started of result.findings.starts) this.#follow(started, program);
      // Long work lets signals in.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#loader.save();
    return builder.build(this.#unresolved);
  }

  #start(): void {
    const { tree, config, command, file } = this.#source;
    const { executables = [], all = false } = this.#options;
    const isAsked =
      file !== undefined || [...(command ?? []), ...config.entrypoint, ...config.command].length > 0;
    // Of a folder without a command everything may be asked for, and nothing else.
    if (isAsked || !all) this.#startAsked();
    const add = (path: string, reason: string): void => {
      // The loader is part of each program that it loads.
      if (LOADER.test(path) || tree.resolve(path)?.kind !== "file") return;
      this.#take(startedBy(tree, path, { config, reason: [reason] }));
    };
    for (const path of executables) add(path, "seen to run");
    if (all) for (const path of executablesOf(tree, config)) add(path, "on PATH");
  }

  #startAsked(): void {
    const { tree, config, command, file } = this.#source;
    if (file !== undefined) {
      this.#add({
        path: tree.resolve(file)?.path ?? file,
        kind: "elf",
        reason: [file],
        ...(command && { argv: [file, ...command] }),
      });
      return;
    }
    this.#take(findPrograms(tree, { config, ...(command && { command }) }));
  }

  #take({ programs, unresolved }: ReturnType<typeof findPrograms>, before: readonly string[] = []): void {
    for (const { where, reason } of unresolved)
      this.#unresolved.push({ module: where, function: "", address: "", reason });
    for (const program of programs) this.#add({ ...program, reason: [...before, ...program.reason] });
  }

  #add(program: ReachedProgram): void {
    if (this.#seen.has(program.path)) return;
    this.#seen.set(program.path, program);
    this.#queue.push(program);
  }

  #analyze(program: ReachedProgram, builder: AnalysisBuilder): ProgramResult | undefined {
    let file: LoadedFile | undefined;
    try {
      file = this.#loader.file(program.path);
      if (file === undefined) {
        this.#unresolved.push({
          module: program.path,
          function: "",
          address: "",
          reason: "it is no ELF file",
        });
        return undefined;
      }
      this.#talk.detail(`analyzing ${file.path}`);
      const { files } = this.#libraries.of(file);
      const found = findModules(this.#source.tree, {
        path: file.path,
        needed: files.map((one) => one.file.elf.dynamic?.soname ?? basename(one.file.path)),
        ...(program.argv && { argv: program.argv }),
        cwd: this.#source.config.workingDir,
        env: this.#source.config.env,
      });
      for (const { where, reason } of found.unresolved)
        this.#unresolved.push({ module: where, function: "", address: "", reason });
      const named = (this.#options.plugins ?? []).map((path): ExtraModule => ({
        path,
        via: "dlopen",
        reason: "named by --plugin",
      }));
      return analyzeProgram(this.#loader, file, this.#surroundings(), {
        mode: this.#options.mode,
        assumed: this.#assumed,
        compare: (this.#options.compare ?? this.#assumed.size > 0) && builder.programs < MAX_COMPARED,
        plugins: this.#options.alone === true ? named : [...named, ...found.modules],
      });
    } catch (error) {
      // Of many programs, one that cannot be read does not hide what the others do; alone it is what was asked for.
      if (file === undefined || this.#source.file !== undefined || this.#queue.length === 1) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      this.#unresolved.push({ module: program.path, function: "", address: "", reason });
      return undefined;
    }
  }

  #surroundings(): Surroundings {
    const { tree } = this.#source;
    return {
      libraries: this.#libraries,
      nss: () => (this.#options.alone === true ? [] : (this.#nss ??= nssModules(tree))),
      gconv: () => (this.#gconv ??= gconvModules(tree)),
      find: (name, by) =>
        name.includes("%")
          ? matchLibraryPattern(tree, name, this.#libraries.folders)
          : this.#libraries.find(name, by.path),
    };
  }

  /** A program that code names. */
  #follow({ is, text, where }: Started, by: ReachedProgram): void {
    const { tree, config, file } = this.#source;
    // One executable alone is asked for.
    if (file !== undefined) return;
    const reason = [...by.reason, where];
    if (is === "shell") {
      this.#take(commandPrograms(tree, text, { config, where }), by.reason);
      return;
    }
    this.#take(startedBy(tree, text, { config, reason: [...reason] }));
  }
}
