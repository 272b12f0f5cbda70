import { OWN, UNKNOWN } from "./values.ts";
import type { ShellCommand, ShellWord } from "./words.ts";

/** Where a word stands, for reasons. */
export interface Place {
  where: string;
  reason: readonly string[];
  depth: number;
  /** Folders that relative names may start from, besides the working folder. */
  from: readonly string[];
  /** A text that may be a message as well: that it cannot be read, or names what is unknown, says nothing. */
  isGuess: boolean;
}

/** Folders that relative names and names in PATH may come to start from: cd's arguments, and PATH's new values. */
export function foldersOf(commands: readonly ShellCommand[], words: readonly ShellWord[]): string[] {
  const moved = commands
    .filter(({ words: [name] }) => name !== undefined && /^(cd|pushd)$/.test(name.text))
    .flatMap(({ words: [, ...rest] }) => rest.flatMap(({ values }) => values));
  const searched = words.flatMap(({ text, values }) =>
    /\$\{?PATH\b/.test(text) ? values.flatMap((value) => value.split(":")) : [],
  );
  return [...new Set([...moved, ...searched])].filter(
    (folder) => folder.startsWith("/") && !folder.includes(UNKNOWN) && !folder.includes(OWN),
  );
}
