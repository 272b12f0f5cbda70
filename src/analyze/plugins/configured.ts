import { posix } from "node:path";
import type { FileTree } from "../../image/index.ts";
import { filesBelow } from "./glob.ts";

/** How a program's configuration names the modules that it loads. */
export interface ModuleSettings {
  /** Where it is; patterns as of `Rule.folders`. */
  files: readonly string[];
  /** Its first group is the name of a module, or its path. */
  name: RegExp;
  /** Options of the command line that name the file of settings. */
  options?: readonly string[];
  /** Modules that are loaded without being named. */
  always?: readonly string[];
}

/** Larger settings were not written by people. */
const MAX_BYTES = 1 << 20;
/** Folders of settings that wait to be chosen (Debian's way): what counts are the links to them. */
const AVAILABLE = /\/(mods|modules|conf|sites)-available\//;

/**
 * File names of the modules that the settings name. Undefined where there are no settings to read, so that nothing is
 * known. Lines that are comments do not count.
 */
export function configuredModules(
  tree: FileTree,
  { files, name, options = [], always = [] }: ModuleSettings,
  argv: readonly string[] = [],
): Set<string> | undefined {
  const named = argv.filter((_, i) => options.includes(argv[i - 1] ?? ""));
  const paths = [...files.flatMap((pattern) => filesBelow(tree, pattern)), ...named];
  const found = new Set(always.map(fileName));
  let isRead = false;
  for (const path of new Set(paths)) {
    if (AVAILABLE.test(path)) continue;
    const entry = tree.resolve(path);
    if (entry?.kind !== "file" || entry.size > MAX_BYTES) continue;
    isRead = true;
    const text = Buffer.from(tree.read(entry.path, MAX_BYTES) ?? []).toString("utf8");
    for (const line of text.split("\n")) {
      if (/^\s*[#;]/.test(line)) continue;
      for (const [, module] of line.matchAll(name)) found.add(fileName(module!));
    }
  }
  return isRead ? found : undefined;
}

function fileName(module: string): string {
  const name = posix.basename(module);
  return name.includes(".so") ? name : `${name}.so`;
}
