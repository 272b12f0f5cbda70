import { basename, dirname, posix } from "node:path";
import type { FileTree } from "../../image/index.ts";
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

/** Debian's and others' names of an architecture's own folders. */
const MULTIARCH: Readonly<Record<string, string>> = {
  x86_64: "x86_64-linux-gnu",
  aarch64: "aarch64-linux-gnu",
};

/** glibc's folders of libraries for newer processors (elf/dl-hwcaps_subdirs.c); which is taken depends on the machine that runs it. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  x86_64: ["glibc-hwcaps/x86-64-v2", "glibc-hwcaps/x86-64-v3", "glibc-hwcaps/x86-64-v4"],
  aarch64: [],
};

/** Included files of one configuration: a loop of includes ends here. */
const MAX_INCLUDES = 256;

/** Finds libraries in a tree as its own loader would: glibc's (ld.so(8)) or musl's (ldso/dynlink.c). */
export class TreeLibraries implements Libraries {
  #loader: Loader;
  #configured: readonly string[] | undefined;
  #linked = new Map<string, Linkage>();

  constructor(loader: Loader) {
    this.#loader = loader;
  }

  of(file: LoadedFile, within: LoadedFile = file): Linkage {
    const key = `${file.path}\n${within.path}`;
    let linkage = this.#linked.get(key);
    if (linkage === undefined) this.#linked.set(key, (linkage = this.#link(file, within)));
    return linkage;
  }

  #link(file: LoadedFile, within: LoadedFile): Linkage {
    const files: LinkedFile[] = [];
    const missing: Linkage["missing"] = [];
    const { interpreter: named } = within.elf;
    const interpreter = named === undefined ? undefined : this.#loader.file(named);
    if (named !== undefined && interpreter === undefined)
      missing.push({ name: named, neededBy: basename(within.path) });
    const seen = new Set([file.path, ...(interpreter ? [interpreter.path] : [])]);
    const queue = [{ file, rpath: file === within ? [] : this.#rpath(within) }];
    for (const { file: one, rpath } of queue) {
      const own = this.#rpath(one);
      const inherited = [...own, ...rpath];
      for (const name of one.elf.dynamic?.needed ?? []) {
        const found = this.#search(name, one, inherited, named);
        if (found.length === 0) missing.push({ name, neededBy: basename(one.path) });
        for (const library of found) {
          if (seen.has(library.path)) continue;
          seen.add(library.path);
          files.push({ file: library, neededBy: basename(one.path) });
          queue.push({ file: library, rpath: inherited });
        }
      }
    }
    return { files, missing, ...(interpreter && { interpreter }) };
  }

  /** The files that a name given to dlopen may stand for, seen from a module at `from`. */
  find(name: string, from: string): string[] {
    if (name.includes("/")) return this.#loader.tree.resolve(name) === undefined ? [] : [name];
    const file = this.#loader.file(from);
    if (file === undefined) return [];
    return this.#search(name, file, this.#rpath(file), file.elf.interpreter).map(({ path }) => path);
  }

  /** The folders that are looked through for any library. */
  get folders(): readonly string[] {
    return (this.#configured ??= configuredFolders(this.#loader.tree));
  }

  /** DT_RPATH, which also holds for what the file's libraries need; none where there is a DT_RUNPATH. */
  #rpath({ elf, path }: LoadedFile): string[] {
    const { rpath = [], runpath = [] } = elf.dynamic ?? {};
    return runpath.length > 0 ? [] : rpath.map((folder) => expand(folder, path, elf.machine));
  }

  /** The first folder's file, with its variants for newer processors: all of them may be the one. */
  #search(
    name: string,
    by: LoadedFile,
    rpath: readonly string[],
    interpreter: string | undefined,
  ): LoadedFile[] {
    const { machine, dynamic } = by.elf;
    if (name.includes("/")) return this.#open(expand(name, by.path, machine), machine);
    const runpath = (dynamic?.runpath ?? []).map((folder) => expand(folder, by.path, machine));
    const isMusl = interpreter !== undefined && basename(interpreter).startsWith("ld-musl-");
    // musl is loader and C library in one file, whatever name it is wanted by.
    if (
      isMusl &&
      /^(libc\.so|libc\.musl-[\w-]+\.so\.1|libpthread\.so|libm\.so|libdl\.so|librt\.so)$/.test(name)
    ) {
      const own = this.#open(interpreter, machine);
      if (own.length > 0) return own;
    }
    const common = isMusl
      ? muslFolders(this.#loader.tree, interpreter)
      : [...this.folders, ...defaultFolders(machine)];
    for (const folder of [...rpath, ...runpath, ...common]) {
      const found = this.#open(posix.join(folder, name), machine);
      if (found.length === 0) continue;
      const variants = isMusl ? [] : (VARIANTS[machine] ?? []);
      return [
        ...found,
        ...variants.flatMap((variant) => this.#open(posix.join(folder, variant, name), machine)),
      ];
    }
    return [];
  }

  #open(path: string, machine: string): LoadedFile[] {
    try {
      const file = this.#loader.file(path);
      return file !== undefined && file.elf.machine === machine ? [file] : [];
    } catch {
      // A file of that name that is no library: the loader goes on, or stops with it; nothing runs in it.
      return [];
    }
  }
}

function expand(folder: string, path: string, machine: string): string {
  const library = machine === "x86_64" || machine === "aarch64" ? "lib64" : "lib";
  return folder
    .replaceAll(/\$(ORIGIN\b|\{ORIGIN\})/g, dirname(path))
    .replaceAll(
      /\$(LIB\b|\{LIB\})/g,
      MULTIARCH[machine] === undefined ? library : `lib/${MULTIARCH[machine]}`,
    )
    .replaceAll(/\$(PLATFORM\b|\{PLATFORM\})/g, machine);
}

function defaultFolders(machine: string): string[] {
  const own = MULTIARCH[machine];
  return [
    ...(own === undefined ? [] : [`/lib/${own}`, `/usr/lib/${own}`]),
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
  ];
}

/** musl, ldso/dynlink.c: the folders in /etc/ld-musl-ARCH.path, or its own. */
function muslFolders(tree: FileTree, interpreter: string): string[] {
  const arch = /^ld-musl-(.+)\.so\.1$/.exec(basename(interpreter))?.[1];
  const bytes = arch === undefined ? undefined : tree.read(`/etc/ld-musl-${arch}.path`, MAX_CONFIG_BYTES);
  if (bytes === undefined) return ["/lib", "/usr/local/lib", "/usr/lib"];
  return Buffer.from(bytes)
    .toString("utf8")
    .split(/[:\n]/)
    .filter((folder) => folder.startsWith("/"));
}

const MAX_CONFIG_BYTES = 1 << 20;

/** The folders of /etc/ld.so.conf, which the loader's cache is made from. */
function configuredFolders(tree: FileTree): string[] {
  const folders: string[] = [];
  const files = ["/etc/ld.so.conf"];
  for (const file of files) {
    if (files.length > MAX_INCLUDES) break;
    const bytes = tree.read(file, MAX_CONFIG_BYTES);
    if (bytes === undefined) continue;
    for (const line of Buffer.from(bytes).toString("utf8").split("\n")) {
      const text = line.replace(/#.*/, "").trim();
      const include = /^include\s+(.+)$/.exec(text)?.[1];
      if (include !== undefined) files.push(...matching(tree, posix.resolve(dirname(file), include)));
      else if (text.startsWith("/")) folders.push(text);
    }
  }
  return folders;
}

/** Files that a path with * in its last part matches. */
function matching(tree: FileTree, pattern: string): string[] {
  const folder = dirname(pattern);
  const name = new RegExp(
    `^${basename(pattern)
      .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`,
  );
  return tree
    .list(folder)
    .filter((one) => name.test(one))
    .map((one) => posix.join(folder, one));
}
