import type { ExtraModule } from "../closure-model.ts";
import type { Libraries, LinkedFile } from "../load/libraries.ts";
import type { LoadedFile, Loader } from "../load/loader.ts";
import type { Module } from "../link/module.ts";
import { type Loaded, Reach } from "../link/reach.ts";
import { addExports, addLoaded, addLoaderNames, addStart } from "../link/roots.ts";
import { NameService } from "./name-service.ts";
import { CONVERTERS, FINDERS } from "./names.ts";
import { Resolver } from "../resolve/resolver.ts";
import { isLibc } from "../assumptions.ts";
import { isOpen, outsideCallers, reachedExports, textsOf } from "./callees.ts";
import { moduleNameAt, namesIn } from "./strings.ts";

/** What a target offers to be loaded by name. */
export interface Surroundings {
  libraries: Libraries;
  /** Modules of the name services (nsswitch.conf). */
  nss(): readonly ExtraModule[];
  /** Modules for converting character sets. */
  gconv(): readonly ExtraModule[];
  /** Files that a name of dlopen may stand for: a path, a library's name, a pattern with %s. */
  find(name: string, by: Module): readonly string[];
}

export interface ProgramOptions {
  mode: "strict" | "tight";
  /** What it loads by its configuration, and what the user names. */
  plugins: readonly ExtraModule[];
  /** Names looked up at run time that are no literals are none of the C library's. */
  literalLookups: boolean;
  isCut?: (module: Module, index: number, all: readonly Module[]) => boolean;
}

/** A program with everything that it may load, and what of it can be reached. */
export interface LinkedProgram {
  executable: Module;
  loader: Module | undefined;
  reach: Reach;
  isGo: boolean;
  /** Libraries that are wanted and not there. */
  missing: { name: string; neededBy: string }[];
  /** Modules that could not be read, each with the reason. */
  unread: { path: string; reason: string }[];
}

/**
 * Loads a program as the kernel and its loader would, follows its code from all roots, loads what that code loads by
 * name, and goes on until nothing new is found.
 */
export function linkProgram(
  loader: Loader,
  file: LoadedFile,
  surroundings: Surroundings,
  options: ProgramOptions,
): LinkedProgram {
  return new Linking(loader, surroundings, options).run(file);
}

class Linking {
  #loader: Loader;
  #surroundings: Surroundings;
  #reach: Reach;
  #literalLookups: boolean;
  #names: NameService;
  #plugins: readonly ExtraModule[];
  #byPath = new Map<string, Module>();
  #missing: { name: string; neededBy: string }[] = [];
  #unread: { path: string; reason: string }[] = [];
  #wanted = new Map<string, Module>();
  #asked = new Set<string>();
  #executable: LoadedFile | undefined;
  #exported = { count: 0, names: new Set<string>(), found: new Map<Module, string[]>() };

  constructor(loader: Loader, surroundings: Surroundings, options: ProgramOptions) {
    const { mode, isCut, plugins, literalLookups } = options;
    this.#literalLookups = literalLookups;
    this.#loader = loader;
    this.#surroundings = surroundings;
    this.#plugins = plugins;
    this.#reach = new Reach({
      mode,
      isCut: (module, index, all) =>
        this.#names.isIdle(module, index) || isCut?.(module, index, all) === true,
    });
    this.#names = new NameService(this.#reach);
    this.#reach.onData = (module, address) => {
      const name = moduleNameAt(module, address);
      if (name !== undefined && !this.#wanted.has(name)) this.#wanted.set(name, module);
    };
  }

  run(file: LoadedFile): LinkedProgram {
    this.#executable = file;
    const reach = this.#reach;
    const executable = this.#add(file, { via: "start", reason: "executable" });
    const { files, missing, interpreter } = this.#surroundings.libraries.of(file);
    this.#missing.push(...missing);
    for (const one of files) this.#addLinked(one, "start");
    const loader = interpreter && this.#add(interpreter, { via: "start", reason: "the loader" });
    addStart(reach, executable, loader);
    for (const module of [...reach.modules]) addLoaded(reach, module);
    const isGo = executable.goFunctions.length > 0;
    // Go's linker has left out what cannot be reached; methods are found by offsets in type data that hold no pointers.
    for (const start of executable.goFunctions) reach.addReached(executable, start);
    for (const plugin of this.#plugins) this.#addExtra(plugin);
    addLoaderNames(reach);
    do reach.run();
    while (this.#more());
    return { executable, loader, reach, isGo, missing: this.#missing, unread: this.#unread };
  }

  #add(file: LoadedFile, loaded: Loaded): Module {
    const known = this.#byPath.get(file.path);
    if (known !== undefined) return known;
    const module = this.#loader.module(file);
    this.#byPath.set(file.path, module);
    this.#reach.add(module, loaded);
    return module;
  }

  #addLinked({ file, neededBy }: LinkedFile, via: Loaded["via"]): Module | undefined {
    const isNew = !this.#byPath.has(file.path);
    const module = this.#add(file, { via, reason: `needed by ${neededBy}` });
    return isNew ? module : undefined;
  }

  /** A module that is loaded while the program runs, with the libraries it needs. */
  #addExtra({ path, via, reason }: ExtraModule): boolean {
    const file = this.#open(path);
    if (file === undefined || this.#byPath.has(file.path)) return false;
    if (file.elf.machine !== this.#executable!.elf.machine || file.elf.type !== "shared") return false;
    const module = this.#add(file, { via, reason });
    const { files, missing } = this.#surroundings.libraries.of(file, this.#executable);
    this.#missing.push(...missing);
    const needed = files.map((one) => this.#addLinked(one, via)).filter((one) => one !== undefined);
    for (const one of [module, ...needed]) addLoaded(this.#reach, one);
    addExports(this.#reach, module);
    return true;
  }

  /**
   * A module that converts between character sets. There are some 250, all alike: they compute, and call a few functions
   * of the C library. One without a system call of its own adds no more than those; others are loaded like any module.
   */
  #addConverter({ path }: ExtraModule): boolean {
    const file = this.#open(path);
    if (file === undefined) return true;
    const { elf } = file;
    const hasCall = elf.segments.some(({ kind, flags, address, fileSize }) => {
      const bytes = kind === "load" && flags.execute ? elf.bytesAt(address, fileSize) : undefined;
      return bytes !== undefined && SYSCALL_BYTES.some((call) => Buffer.from(bytes).includes(call));
    });
    if (hasCall) return false;
    for (const { defined, name } of elf.dynamicSymbols) {
      if (defined || name === "" || this.#asked.has(`converter:${name}`)) continue;
      this.#asked.add(`converter:${name}`);
      const found = this.#reach.scope.find(name);
      if (found !== undefined) this.#reach.addRootSymbol(found);
    }
    return true;
  }

  #open(path: string): LoadedFile | undefined {
    try {
      return this.#loader.file(path);
    } catch (error) {
      this.#unread.push({ path, reason: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  }

  /** Loads what the code reached so far loads by name; true if that was anything. */
  #more(): boolean {
    const extras: ExtraModule[] = [];
    for (const [name, by] of this.#wanted) {
      if (this.#asked.has(name)) continue;
      this.#asked.add(name);
      for (const path of this.#surroundings.find(name, by))
        extras.push({ path, via: "dlopen", reason: `${by.name} names ${name}` });
    }
    const isMoreAsked = this.#names.update();
    if (isMoreAsked) this.#reach.retry();
    if (!this.#asked.has("nss:") && this.#names.isUsed) {
      this.#asked.add("nss:");
      extras.push(...this.#surroundings.nss());
    }
    if (
      !this.#asked.has("gconv:") &&
      CONVERTERS.some((name) => reachedExports(this.#reach, name).length > 0)
    ) {
      this.#asked.add("gconv:");
      for (const one of this.#surroundings.gconv()) if (!this.#addConverter(one)) extras.push(one);
    }
    const isLoaded = extras.map((extra) => this.#addExtra(extra)).includes(true);
    return this.#addFound() || isLoaded || isMoreAsked;
  }

  /**
   * What modules that look symbols up may find: the names at the places that do, where all of these are known; else every
   * exported name that stands in the module's data.
   */
  #addFound(): boolean {
    let isNew = false;
    const resolver = new Resolver(this.#reach);
    const wanted = new Map<Module, { names: Set<string>; isOpen: boolean }>();
    for (const finder of FINDERS)
      for (const { module, address } of reachedExports(this.#reach, finder))
        for (const source of outsideCallers(resolver, module, address)) {
          const register = source.module.machine.functionArguments[NAME_ARGUMENT]!;
          const found = resolver.valuesAt(source.module, source.address, { register });
          const asked = wanted.get(source.module) ?? { names: new Set(), isOpen: false };
          for (const text of textsOf(found)) asked.names.add(text);
          asked.isOpen ||= isOpen(found);
          wanted.set(source.module, asked);
        }
    const find = (name: string, isNamed: boolean): void => {
      const key = `symbol:${name}`;
      const found = this.#asked.has(key) ? undefined : this.#reach.scope.find(name);
      if (found === undefined) return;
      if (!isNamed && this.#literalLookups && isLibc(found.module)) return;
      this.#asked.add(key);
      this.#reach.addRootSymbol(found);
      isNew = true;
    };
    for (const [module, asked] of wanted) {
      for (const name of asked.names) find(name, true);
      if (asked.isOpen) for (const name of this.#exportsIn(module)) find(name, false);
    }
    return isNew;
  }

  /** The exported names that stand in a module's data. */
  #exportsIn(module: Module): string[] {
    const { modules } = this.#reach;
    if (this.#exported.count !== modules.length) {
      this.#exported = {
        count: modules.length,
        names: new Set(modules.flatMap((one) => [...one.exportNames])),
        found: new Map(),
      };
    }
    let found = this.#exported.found.get(module);
    if (found === undefined)
      this.#exported.found.set(module, (found = namesIn(module, this.#exported.names)));
    return found;
  }
}

/** syscall on x86-64; svc #0 on aarch64. */
const SYSCALL_BYTES = [Buffer.from([0x0f, 0x05]), Buffer.from([0x01, 0x00, 0x00, 0xd4])];

/** dlsym(handle, name). */
const NAME_ARGUMENT = 1;
