import { posix } from "node:path";
import { CinchError } from "../../base/index.ts";
import type { FileTree, ImageConfig } from "../../image/index.ts";
import type { ExecClosure, ReachedProgram } from "../closure-model.ts";
import { shellWords } from "./words.ts";

/** Where a shell looks without PATH (execvp(3)). */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Bytes of the first line that the kernel looks at (BINPRM_BUF_SIZE). */
const SHEBANG_BYTES = 256;
/** Longer ones are no scripts of an image's start. */
const MAX_SCRIPT_BYTES = 1 << 20;
/** Texts inside texts: sh -c '… eval "…" …'. */
const MAX_NESTING = 4;
/** Programs that one start can lead to, scripts included; an image's own tools are some hundreds. */
const MAX_PROGRAMS = 5000;

const SHELLS = /^(sh|bash|dash|ash|ksh\d*|mksh|zsh|busybox)$/;

/** What a shell does itself, of what has a program of the same name. */
const BUILTINS = new Set(
  "[ test echo printf kill pwd true false read cd exec eval set unset export local shift trap return exit source . : wait umask ulimit type command builtin alias times getopts hash let declare typeset readonly".split(
    " ",
  ),
);

/** Folders whose every file is not meant by naming the folder. */
const COMMON_FOLDERS =
  /^(\/|\/(usr|bin|sbin|lib\w*|etc|var|tmp|proc|sys|dev|run|home|root|opt|srv|mnt|usr\/(bin|sbin|lib\w*|share|local)|usr\/local\/(bin|sbin|lib|share)|var\/(lib|log|run|cache|www)|etc\/\w+))$/;

export interface StartQuery {
  config: ImageConfig;
  /** Instead of the image's command. */
  command?: readonly string[];
}

/**
 * The programs that can come to run from an image's entrypoint, command and health check, without running anything:
 * through PATH, links and #! lines, and through every word of the shell scripts on the way that names an executable
 * file. That takes more than will run, on purpose: a word may come to be run by whatever reads it.
 */
export function findPrograms(tree: FileTree, { config, command }: StartQuery): ExecClosure {
  const closure = new Closure(tree, pathOf(config), config.workingDir);
  const words = [...config.entrypoint, ...(command ?? config.command)];
  closure.start(words, config.entrypoint.length > 0 ? "ENTRYPOINT" : "CMD");
  const [kind, ...check] = config.healthcheck ?? [];
  if (kind === "CMD") closure.start(check, "HEALTHCHECK");
  else if (kind === "CMD-SHELL") {
    closure.start(["/bin/sh"], "HEALTHCHECK");
    closure.script(check.join(" "), "HEALTHCHECK", ["HEALTHCHECK"], 0);
  }
  return closure.result();
}

/** The programs that a text for the shell starts, of which `where` tells the place. */
export function commandPrograms(
  tree: FileTree,
  text: string,
  { config, where }: { config: ImageConfig; where: string },
): ExecClosure {
  const closure = new Closure(tree, pathOf(config), config.workingDir);
  closure.script(text, where, [where], 0);
  return closure.result();
}

/** A program by its path, or by its name looked up in PATH, with what it leads to. No programs: there is none. */
export function startedBy(
  tree: FileTree,
  name: string,
  { config, reason }: { config: ImageConfig; reason: readonly string[] },
): ExecClosure {
  const closure = new Closure(tree, pathOf(config), config.workingDir);
  const found = closure.find(name);
  if (found !== undefined) closure.add(found, reason);
  return closure.result();
}

function pathOf(config: ImageConfig): string {
  return config.env.find((one) => one.startsWith("PATH="))?.slice("PATH=".length) ?? DEFAULT_PATH;
}

class Closure {
  #tree: FileTree;
  #path: readonly string[];
  #cwd: string;
  #programs = new Map<string, ReachedProgram>();
  #unresolved: { where: string; reason: string }[] = [];

  constructor(tree: FileTree, path: string, cwd: string) {
    this.#tree = tree;
    this.#path = path.split(":").filter((folder) => folder.startsWith("/"));
    this.#cwd = cwd;
  }

  result(): ExecClosure {
    return { programs: [...this.#programs.values()], unresolved: this.#unresolved };
  }

  /** A command line: the first word is the program, the others may name more. */
  start(words: readonly string[], what: string): void {
    const [first, ...rest] = words;
    if (first === undefined) {
      this.#unresolved.push({ where: what, reason: "nothing says what is started" });
      return;
    }
    const found = this.find(first);
    if (found === undefined)
      this.#unresolved.push({
        where: what,
        reason: `${first} is not in the target (PATH ${this.#path.join(":")})`,
      });
    else this.add(found, [`${what} ${first}`], [...words]);
    for (const word of rest) this.#word(word, `${what} ${first}`, [`${what} ${first}`], 0);
  }

  /** The real path of what a name stands for: a path, or a name in PATH. */
  find(name: string): string | undefined {
    if (name === "" || name.length > 4096) return undefined;
    const places = name.includes("/")
      ? [posix.resolve(this.#cwd, name)]
      : this.#path.map((folder) => posix.join(folder, name));
    for (const place of places) {
      const entry = this.#resolve(place);
      if (entry?.kind === "file" && (entry.mode & 0o111) !== 0) return entry.path;
    }
    return undefined;
  }

  /** A file that runs, by its real path. */
  add(path: string, reason: readonly string[], argv?: string[]): void {
    if (this.#programs.has(path)) return;
    if (this.#programs.size >= MAX_PROGRAMS) {
      this.#unresolved.push({ where: path, reason: `more than ${MAX_PROGRAMS} programs` });
      return;
    }
    const text = this.#text(path);
    const line =
      text === undefined ? undefined : /^#![ \t]*(\S+)[ \t]*([^\n]*)/.exec(text.slice(0, SHEBANG_BYTES));
    const isElf = text?.startsWith("\u007fELF") === true;
    this.#programs.set(path, {
      path,
      kind: isElf ? "elf" : "script",
      reason: [...reason],
      ...(argv && { argv: [path, ...argv.slice(1)] }),
    });
    if (isElf || text === undefined) return;
    const inside = [...reason, path];
    const interpreter = this.#interpreter(line?.[1] ?? "/bin/sh", line?.[2]?.trim() ?? "", inside);
    if (interpreter !== undefined && SHELLS.test(interpreter))
      this.script(this.#whole(path), path, inside, 0);
    else
      this.#unresolved.push({
        where: path,
        reason: `what this script starts is not known: it is written for ${interpreter ?? line?.[1] ?? "another program"}`,
      });
  }

  /** The name of what reads a script; it runs too, and so does what env looks up. */
  #interpreter(path: string, rest: string, reason: readonly string[]): string | undefined {
    const found = this.find(path);
    if (found === undefined) {
      this.#unresolved.push({
        where: reason.at(-1)!,
        reason: `its interpreter ${path} is not in the target`,
      });
      return undefined;
    }
    this.add(found, reason);
    if (posix.basename(path) !== "env") return posix.basename(path);
    const name = rest
      .split(/\s+/)
      .find((word) => word !== "-S" && !word.includes("=") && !word.startsWith("-"));
    const second = name === undefined ? undefined : this.find(name);
    if (second !== undefined) this.add(second, reason);
    return name;
  }

  /** A text for the shell. */
  script(text: string, where: string, reason: readonly string[], depth: number): void {
    const { commands, words, open, errors } = shellWords(text);
    for (const error of errors)
      this.#unresolved.push({
        where: `${where} line ${error.line}`,
        reason: `it could not be read (${error.text}): its words were taken one by one`,
      });
    for (const { text: command, line } of open)
      this.#unresolved.push({ where: `${where} line ${line}`, reason: `${command} is made at run time` });
    for (const { text: command, line } of commands)
      if (!BUILTINS.has(command)) this.#word(command, `${where} line ${line}`, reason, depth);
    for (const { text: word, line } of words) this.#word(word, `${where} line ${line}`, reason, depth);
  }

  /** A word that may be run: a program, a text for a shell, a file to be read, a pattern of files. */
  #word(word: string, where: string, reason: readonly string[], depth: number): void {
    const found = this.find(word);
    if (found !== undefined) {
      this.add(found, [...reason.slice(0, -1), where]);
      return;
    }
    if (/[\s;|&]/.test(word)) {
      if (depth < MAX_NESTING && /[a-z]/.test(word)) this.script(word, where, reason, depth + 1);
      return;
    }
    if (!word.startsWith("/")) return;
    if (word.includes("*")) this.#files(posix.dirname(word), posix.basename(word), where, reason);
    else {
      const entry = this.#resolve(word);
      if (entry?.kind === "directory" && !COMMON_FOLDERS.test(word.replace(/\/+$/, "")))
        this.#files(entry.path, "*", where, reason);
      else if (entry?.kind === "file" && /\.(sh|bash|envsh)$/.test(word))
        this.#sourced(entry.path, where, reason);
    }
  }

  /** What stands in a folder that a script goes through. */
  #files(folder: string, pattern: string, where: string, reason: readonly string[]): void {
    if (folder.includes("*") || COMMON_FOLDERS.test(folder)) return;
    const matches = new RegExp(
      `^${pattern.replaceAll(/[.+^${}()|[\]\\?]/g, String.raw`\$&`).replaceAll("*", ".*")}$`,
    );
    for (const name of this.#tree.list(folder)) {
      if (!matches.test(name)) continue;
      const entry = this.#resolve(posix.join(folder, name));
      if (entry?.kind !== "file") continue;
      if ((entry.mode & 0o111) !== 0) this.add(entry.path, [...reason, where]);
      else if (/\.(sh|bash|envsh)$/.test(name)) this.#sourced(entry.path, where, reason);
    }
  }

  /** A script without its own right to run: it is read by another. */
  #sourced(path: string, where: string, reason: readonly string[]): void {
    if (this.#programs.has(path)) return;
    this.#programs.set(path, { path, kind: "script", reason: [...reason, where] });
    this.script(this.#whole(path), path, [...reason, path], 0);
  }

  #resolve(path: string) {
    try {
      return this.#tree.resolve(path);
    } catch (error) {
      // Links in a circle lead nowhere for a program either.
      if (error instanceof CinchError && error.code === "tree-loop") return undefined;
      throw error;
    }
  }

  #whole(path: string): string {
    const bytes =
      (this.#resolve(path)?.size ?? 0) > MAX_SCRIPT_BYTES
        ? undefined
        : this.#tree.read(path, MAX_SCRIPT_BYTES);
    return bytes === undefined ? "" : Buffer.from(bytes).toString("utf8");
  }

  /** The beginning of a file. */
  #text(path: string): string | undefined {
    const bytes = this.#tree.read(path);
    return bytes && Buffer.from(bytes.subarray(0, SHEBANG_BYTES)).toString("latin1");
  }
}
