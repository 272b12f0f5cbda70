import type { FileTree, ImageConfig } from "../../image/index.ts";
import type { ExecClosure } from "../closure-model.ts";
import { Closure } from "./closure.ts";

export interface StartQuery {
  config: ImageConfig;
  /** Instead of the image's command. */
  command?: readonly string[];
}

/**
 * The programs that can come to run from an image's entrypoint, command and health check, without running anything:
 * through PATH, links and #! lines, and through every word of the shell scripts on the way that names an executable
 * file, with the values that variables can have. That takes more than will run, on purpose: a word may come to be run
 * by whatever reads it. Programs that are named at run time alone are listed as unresolved.
 */
export function findPrograms(tree: FileTree, { config, command }: StartQuery): ExecClosure {
  const closure = new Closure(tree, config);
  const words = [...config.entrypoint, ...(command ?? config.command)];
  closure.start(words, config.entrypoint.length > 0 ? "ENTRYPOINT" : "CMD");
  const [kind, ...check] = config.healthcheck ?? [];
  if (kind === "CMD") closure.start(check, "HEALTHCHECK");
  else if (kind === "CMD-SHELL") closure.start(["/bin/sh", "-c", check.join(" ")], "HEALTHCHECK");
  return closure.result();
}

/** The programs that a text for the shell starts, of which `where` tells the place. */
export function commandPrograms(
  tree: FileTree,
  text: string,
  { config, where }: { config: ImageConfig; where: string },
): ExecClosure {
  const closure = new Closure(tree, config);
  closure.script(text, where, [where], 0);
  return closure.result();
}

/** A program by its path, or by its name looked up in PATH, with what it leads to. No programs: there is none. */
export function startedBy(
  tree: FileTree,
  name: string,
  { config, reason }: { config: ImageConfig; reason: readonly string[] },
): ExecClosure {
  const closure = new Closure(tree, config);
  const found = closure.finder.find(name);
  if (found !== undefined) closure.add(found, reason, name);
  return closure.result();
}

/** The real paths of all executable files in the folders of PATH, sorted. */
export function executablesOf(tree: FileTree, config: ImageConfig): string[] {
  const { finder } = new Closure(tree, config);
  const found = new Set<string>();
  for (const folder of finder.folders)
    for (const name of tree.list(folder)) {
      const path = finder.find(`${folder}/${name}`);
      if (path !== undefined) found.add(path);
    }
  return [...found].sort();
}
