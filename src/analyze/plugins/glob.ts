import { posix } from "node:path";
import type { FileTree } from "../../image/index.ts";

/** Folders that a pattern with ** goes down. */
const MAX_DEPTH = 12;

/** The files that a pattern stands for; * is any part of one name, ** all folders below. */
export function filesBelow(tree: FileTree, pattern: string): string[] {
  const parts = pattern.split("/").filter((part) => part !== "");
  let folders = ["/"];
  for (const [i, part] of parts.entries()) {
    if (part === "**") {
      if (i === parts.length - 1) return folders.flatMap((folder) => walk(tree, folder, MAX_DEPTH));
      folders = folders.flatMap((folder) => foldersBelow(tree, folder, MAX_DEPTH));
    } else if (part.includes("*")) {
      const matches = new RegExp(
        `^${part.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`).replaceAll("*", ".*")}$`,
      );
      folders = folders.flatMap((folder) =>
        tree
          .list(folder)
          .filter((name) => matches.test(name))
          .map((name) => posix.join(folder, name)),
      );
    } else folders = folders.map((folder) => posix.join(folder, part));
    folders = folders.filter((folder) => tree.resolve(folder)?.kind === "directory");
    if (folders.length === 0) return [];
  }
  return folders.flatMap((folder) => tree.list(folder).map((name) => posix.join(folder, name)));
}

function walk(tree: FileTree, folder: string, depth: number): string[] {
  return foldersBelow(tree, folder, depth).flatMap((one) =>
    tree.list(one).map((name) => posix.join(one, name)),
  );
}

/** The folder and those below it; links are not followed. */
function foldersBelow(tree: FileTree, folder: string, depth: number): string[] {
  const found = [folder];
  if (depth > 0)
    for (const name of tree.list(folder)) {
      const path = posix.join(folder, name);
      if (tree.lookup(path)?.kind === "directory") found.push(...foldersBelow(tree, path, depth - 1));
    }
  return found;
}
