import { basename, posix } from "node:path";
import { CinchError } from "../../base/index.ts";
import type { FileTree } from "../../image/index.ts";
import type { ExtraModule } from "../closure-model.ts";
import { configuredModules } from "./configured.ts";
import { filesBelow } from "./glob.ts";
import { RULES, type Rule } from "./rules.ts";
import { wantedLibraries } from "./wanted.ts";

export interface PluginQuery {
  /** The real path of the program. */
  path: string;
  /** Libraries that it is loaded with, by the names they are wanted by. */
  needed: readonly string[];
  /** The words it is started with, where they are known: a script's folder is one that modules are looked for in. */
  argv?: readonly string[];
  /** The working folder. */
  cwd?: string;
  /** "NAME=value". */
  env?: readonly string[];
}

/** Files that one rule finds at most: a farm of modules beyond that is named by --plugin. */
const MAX_FILES = 5000;
/** Modules whose libraries load modules themselves, and so on. */
const MAX_ROUNDS = 4;
/** Larger settings were not written by people. */
const MAX_SETTINGS_BYTES = 1 << 20;
/** Working folders that hold a whole system. */
const COMMON_FOLDERS = /^\/(|usr|bin|sbin|lib\w*|etc|var|tmp|root|home|opt|srv|usr\/(local|bin|lib|share))$/;

/**
 * The modules that a program loads by its configuration or by what scripts import, as far as its kind is known. All
 * that stand in the folders count, with those that the libraries of modules load in turn (Apache's PHP its extensions).
 */
export function findModules(
  tree: FileTree,
  query: PluginQuery,
): { modules: ExtraModule[]; unresolved: { where: string; reason: string }[] } {
  const name = basename(query.path);
  const modules = new Map<string, ExtraModule>();
  const unresolved: { where: string; reason: string }[] = [];
  const libraries = new Set(query.needed);
  const applied = new Set<Rule>();
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const fresh: string[] = [];
    for (const rule of RULES) {
      const byLibrary = rule.library && [...libraries].some((one) => rule.library!.test(one));
      if (applied.has(rule) || (rule.program?.test(name) !== true && byLibrary !== true)) continue;
      applied.add(rule);
      const found = filesOf(tree, rule, query);
      if (found.size > MAX_FILES)
        unresolved.push({
          where: query.path,
          reason: `${rule.what}: more than ${MAX_FILES} files; name those in use by --plugin`,
        });
      const named = rule.configured && configuredModules(tree, rule.configured, query.argv);
      for (const [file, names] of [...found].slice(0, MAX_FILES)) {
        if (modules.has(file)) continue;
        const isConfigured = named === undefined || names.some((one) => named.has(one));
        const reason = `${rule.what} of ${name}${named !== undefined && isConfigured ? ", named by its configuration" : ""}`;
        modules.set(file, { path: file, via: "dlopen", reason, isConfigured });
        fresh.push(file);
      }
    }
    if (fresh.length === 0) break;
    for (const library of wantedLibraries(tree, fresh)) libraries.add(library);
  }
  return { modules: [...modules.values()], unresolved };
}

/** The real paths of the modules that a rule stands for, with all names that they have there. */
function filesOf(tree: FileTree, rule: Rule, { path, argv, cwd, env }: PluginQuery): Map<string, string[]> {
  // A program in / or /bin stands above nothing of its own.
  const above = posix.dirname(posix.dirname(path)).replace(/^\/$/, "/usr");
  const named = Object.entries(rule.variables ?? {}).flatMap(([variable, below]) =>
    (env?.find((one) => one.startsWith(`${variable}=`))?.slice(variable.length + 1) ?? "")
      .split(":")
      .filter((folder) => folder.startsWith("/"))
      .map((folder) => `${folder.replaceAll("*", "")}${below}`),
  );
  const scripts = (argv ?? [])
    .slice(1)
    .filter((word) => word.includes("/"))
    .map((word) => posix.dirname(posix.resolve(cwd ?? "/", word)));
  const near = [...(cwd?.startsWith("/") ? [posix.normalize(cwd)] : []), ...scripts]
    .filter((folder) => !COMMON_FOLDERS.test(folder.replace(/\/$/, "") || "/") && !folder.includes("*"))
    .flatMap((folder) => (rule.near ?? []).map((below) => posix.join(folder, below)));
  const folders = [...rule.folders.map((folder) => folder.replace(/^@/, above)), ...named, ...near];
  const found = [...new Set(folders)]
    .flatMap((folder) => filesBelow(tree, folder))
    .filter((file) => rule.files.test(file));
  const real = new Map<string, string[]>();
  for (const file of [...found, ...namedIn(tree, rule)]) {
    const path = fileAt(tree, file);
    if (path !== undefined) real.set(path, [...(real.get(path) ?? [basename(path)]), basename(file)]);
  }
  return real;
}

function fileAt(tree: FileTree, path: string): string | undefined {
  try {
    const entry = tree.resolve(path);
    return entry?.kind === "file" ? entry.path : undefined;
  } catch (error) {
    // Links in a circle lead nowhere for the program either.
    if (error instanceof CinchError && error.code === "tree-loop") return undefined;
    throw error;
  }
}

/** Modules that settings name by their whole path. */
function namedIn(tree: FileTree, { configured, settings = configured?.files ?? [] }: Rule): string[] {
  return settings
    .flatMap((pattern) => (pattern.includes("*") ? filesBelow(tree, pattern) : [pattern]))
    .flatMap((file) => {
      const entry = fileAt(tree, file);
      if (entry === undefined || (tree.lookup(entry)?.size ?? 0) > MAX_SETTINGS_BYTES) return [];
      const text = Buffer.from(tree.read(entry, MAX_SETTINGS_BYTES) ?? []).toString("utf8");
      return [...text.matchAll(/(?<![^\s"'=])\/[^\s"';,=]{1,4000}\.so(?:\.\d+)*(?![^\s"';,])/g)].map(
        ([one]) => one,
      );
    });
}
