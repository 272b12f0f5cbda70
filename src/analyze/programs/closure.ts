import { posix } from "node:path";
import type { FileTree, ImageConfig } from "../../image/index.ts";
import type { ExecClosure, ReachedProgram } from "../closure-model.ts";
import { ProgramFinder } from "./finder.ts";
import { startedLiterals } from "./literals.ts";
import { expand, servicesOf } from "./services.ts";
import { BUILTINS, COMMON_FOLDERS, INTERPRETERS, SETTINGS, SHELLS, WRAPPERS } from "./commands.ts";
import { type Place, foldersOf } from "./place.ts";
import { OWN, UNKNOWN } from "./values.ts";
import { type ShellCommand, type ShellWord, readShell } from "./words.ts";

/** Where a shell looks without PATH (execvp(3)). */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Bytes of the first line that the kernel looks at (BINPRM_BUF_SIZE). */
const SHEBANG_BYTES = 256;
/** Longer ones are no scripts of an image's start. */
const MAX_SCRIPT_BYTES = 1 << 20;
/** A file is read whole to see its beginning. */
const MAX_PROGRAM_BYTES = 1 << 30;
/** Texts inside texts: sh -c '… eval "…" …'. */
const MAX_NESTING = 4;
/** Programs that one start can lead to, scripts included; an image's own tools are some hundreds. */
const MAX_PROGRAMS = 5000;
/** Texts for a shell that are read in all: scripts can be many, and full of texts themselves. */
const MAX_TEXTS = 20_000;

/** In a text: what a part of it is, is known at run time alone. */
const UNKNOWN_NAME = "$UNKNOWN";

/** Collects the programs that command lines, texts and files lead to. */
export class Closure {
  readonly finder: ProgramFinder;
  #environment: ReadonlyMap<string, string>;
  #programs = new Map<string, ReachedProgram>();
  #unresolved = new Map<string, { where: string; reason: string }>();
  #read = 0;

  constructor(tree: FileTree, { env, workingDir }: ImageConfig) {
    const pairs = env.map((one): [string, string] => {
      const at = one.indexOf("=");
      return at < 0 ? [one, ""] : [one.slice(0, at), one.slice(at + 1)];
    });
    this.#environment = new Map(pairs);
    this.finder = new ProgramFinder(tree, this.#environment.get("PATH") ?? DEFAULT_PATH, workingDir);
  }

  result(): ExecClosure {
    if (this.finder.isCut)
      this.#open(
        this.finder.tree.name,
        "it has so many files that programs of which a part of the path is known were not all looked up",
      );
    return { programs: [...this.#programs.values()], unresolved: [...this.#unresolved.values()] };
  }

  /** A command line of the image: the first word is the program, the others may name more. */
  start(words: readonly string[], what: string): void {
    const [first] = words;
    if (first === undefined) {
      this.#open(what, "nothing says what is started");
      return;
    }
    const found = this.finder.find(first);
    if (found === undefined)
      this.#open(what, `${first} is not in the target (PATH ${this.finder.folders.join(":")})`);
    else this.add(found, [`${what} ${first}`], first, [...words]);
    const valued = words.map((word): ShellWord => ({ text: word, values: [word], line: 1 }));
    const where = `${what} ${first}`;
    this.#command(
      { words: valued, input: [], line: 1 },
      { where, reason: [where], depth: 0, from: [], isGuess: false },
      true,
    );
  }

  /** A file that runs, by its real path; `name`: what it was called by. */
  add(path: string, reason: readonly string[], name: string, argv?: string[]): void {
    if (this.#programs.has(path)) return;
    if (this.#programs.size >= MAX_PROGRAMS) {
      this.#open(path, `more than ${MAX_PROGRAMS} programs`);
      return;
    }
    const head = this.#head(path);
    const isElf = head?.startsWith("\u007fELF") === true;
    this.#programs.set(path, {
      path,
      kind: isElf ? "elf" : "script",
      reason: [...reason],
      ...(argv && { argv: [path, ...argv.slice(1)] }),
    });
    this.#services(posix.basename(name), [...reason, path]);
    if (posix.basename(path) !== posix.basename(name))
      this.#services(posix.basename(path), [...reason, path]);
    if (head === undefined) this.#open(path, "it is too large to be read");
    if (isElf || head === undefined) return;
    const line = /^#![ \t]*(\S+)[ \t]*([^\n]*)/.exec(head);
    const inside = [...reason, path];
    // What has zero bytes and no #! is no text: the kernel refuses it, and so do shells.
    if (line === null && head.includes("\u0000")) {
      this.#open(path, "it is neither an ELF file nor a script");
      return;
    }
    const interpreter = this.#interpreter(line?.[1] ?? "/bin/sh", line?.[2]?.trim() ?? "", inside);
    this.#contents(path, interpreter, inside);
  }

  /** The name of what reads a script; it runs too, and so does what env looks up. */
  #interpreter(path: string, rest: string, reason: readonly string[]): string {
    const found = this.finder.find(path);
    if (found === undefined) {
      // What it starts is still worth knowing: a volume or a later layer may bring it.
      this.#open(reason.at(-1)!, `its interpreter ${path} is not in the target`);
    } else this.add(found, reason, path);
    const words = rest.split(/[\s"']+/).filter((word) => word !== "");
    // Interpreters that start others are env, and in the way of s6 execlineb and with-contenv.
    let name = posix.basename(path);
    for (const word of words) {
      if (word.startsWith("-") || word.includes("=")) continue;
      const next = this.finder.find(word);
      if (next === undefined) continue;
      this.add(next, reason, word);
      if (SHELLS.test(posix.basename(word)) || !SHELLS.test(name)) name = posix.basename(word);
    }
    return name;
  }

  /** What a script starts, by the language it is in. */
  #contents(path: string, interpreter: string, reason: readonly string[]): void {
    const text = this.#whole(path);
    if (text === undefined) {
      this.#open(path, `what this script starts is not known: it is longer than ${MAX_SCRIPT_BYTES} bytes`);
      return;
    }
    if (SHELLS.test(interpreter) || interpreter === "with-contenv") {
      this.script(text, path, reason, 0, { self: path });
      return;
    }
    this.#open(path, `what this script starts is not known: it is written for ${interpreter}`);
    for (const { text: literal, line } of startedLiterals(text))
      this.#value(literal, {
        where: `${path} line ${line}`,
        reason,
        depth: 0,
        from: [posix.dirname(path)],
        isGuess: true,
      });
  }

  /** A text for the shell; `self`: the file it stands in. */
  script(
    text: string,
    where: string,
    reason: readonly string[],
    depth: number,
    { self, isGuess = false }: { self?: string; isGuess?: boolean } = {},
  ): void {
    this.#read += 1;
    if (this.#read > MAX_TEXTS) {
      this.#open(where, `more than ${MAX_TEXTS} texts for a shell`);
      return;
    }
    const { commands, words, defined, errors } = readShell(text, this.#environment, self);
    for (const error of isGuess ? [] : errors)
      this.#open(
        `${where} line ${error.line}`,
        `it could not be read (${error.text}): its words were taken one by one`,
      );
    const from = [...(self === undefined ? [] : [posix.dirname(self)]), ...foldersOf(commands, words)];
    const place = (line: number): Place => ({ where: `${where} line ${line}`, reason, depth, from, isGuess });
    for (const command of commands) this.#command(command, place(command.line), false, defined);
    for (const { values, line } of words) for (const value of values) this.#value(value, place(line));
  }

  /** A simple command: its name, and every other word. */
  #command(
    { words, input }: ShellCommand,
    place: Place,
    isImages: boolean,
    defined: ReadonlySet<string> = new Set(),
  ): void {
    const [name, ...rest] = words;
    if (name === undefined) return;
    const names = name.values;
    const isOwn = names.some((value) => defined.has(value));
    if (!isImages && !isOwn) for (const value of names) this.#name(value, name, place);
    for (const word of rest) for (const value of word.values) this.#value(value, place);
    if (names.some((value) => value === "." || value === "source")) this.#source(rest[0], place);
    if (!place.isGuess) this.#wrapped(words, place, 0);
    this.#texts(words, place);
    const all = words.flatMap(({ values }) => values.map((value) => posix.basename(value)));
    if (all.some((one) => SHELLS.test(one) || /^(su|runuser)$/.test(one))) {
      for (const text of input) this.#text(text, place, false);
      this.#given(rest, "sh", place);
    } else {
      const interpreter = all.find((one) => INTERPRETERS.test(one));
      if (interpreter !== undefined && this.#given(rest, interpreter, place) === 0 && !place.isGuess)
        this.#open(place.where, `what ${interpreter} runs and starts is not known`);
    }
  }

  /** eval TEXT, trap TEXT, sh -c TEXT, su -c TEXT: texts for a shell for certain. */
  #texts(words: readonly ShellWord[], place: Place): void {
    const names = words.map(({ values }) => values.map((value) => posix.basename(value)));
    const given = names[0]?.some((name) => name === "eval" || name === "trap")
      ? words.slice(1)
      : words.filter((_, i) => names[i - 1]?.some((name) => /^(-\w*c|--command)$/.test(name)));
    for (const { values } of given)
      for (const value of values) if (/[\s;|&`$]/.test(value)) this.#text(value, place, place.isGuess);
  }

  /** The word in a command's place. */
  #name(value: string, { text }: ShellWord, place: Place): void {
    if (value === OWN || value === "" || BUILTINS.has(value)) return;
    if (value.includes(UNKNOWN) || value.includes(OWN)) {
      if (this.#pattern(value, place) || place.isGuess) return;
      this.#open(
        place.where,
        text === UNKNOWN_NAME ? "a part of a text is made at run time" : `${text} is made at run time`,
      );
      return;
    }
    if (this.#value(value, place) || !value.includes("/") || /[\s*?[]/.test(value)) return;
    // From which folder a relative name starts depends on what ran before.
    const isFound =
      !value.startsWith("/") && this.#pattern(`${UNKNOWN}/${value.replace(/^(\.{1,2}\/)+/, "")}`, place);
    if (!isFound && !place.isGuess) this.#open(place.where, `${value} is not in the target`);
  }

  /** exec "$X", gosu user "$X", sh -c "$X": what is run is not known, where nothing literal comes first. */
  #wrapped(words: readonly ShellWord[], place: Place, depth: number): void {
    const name = words[0]?.values.find((value) => WRAPPERS.has(posix.basename(value)));
    const shell = words[0]?.values.some((value) => SHELLS.test(posix.basename(value)));
    if (shell === true) {
      const at = words.findIndex(({ values }) => values.some((value) => /^-\w*c$/.test(value)));
      const given = at < 0 ? undefined : words[at + 1];
      // What is made of known words and unknown arguments was read as a text; here nothing else is there.
      if (given?.values.some((value) => value === UNKNOWN))
        this.#open(place.where, `${given.text} is made at run time`);
      return;
    }
    if (name === undefined || depth > MAX_NESTING) return;
    let own = WRAPPERS.get(posix.basename(name))!;
    for (const [i, word] of words.entries()) {
      if (i === 0) continue;
      if (word.values.every((value) => value.startsWith("-") || /^\w+=/.test(value))) continue;
      if (own > 0) {
        own -= 1;
        continue;
      }
      const isKnown = word.values.every(
        (value) =>
          !value.includes(UNKNOWN) || /\s/.test(value) || (this.finder.matching(value)?.length ?? 0) > 0,
      );
      if (!isKnown) this.#open(place.where, `${word.text} is made at run time`);
      else this.#wrapped(words.slice(i), place, depth + 1);
      return;
    }
  }

  /** `. file` */
  #source(word: ShellWord | undefined, place: Place): void {
    for (const value of word?.values ?? []) {
      if (value.includes(UNKNOWN) || value.includes(OWN)) {
        if (value !== OWN && !place.isGuess)
          this.#open(place.where, `which file ${word!.text} reads is made at run time`);
        continue;
      }
      const files = /[*?[]/.test(value) ? expand(this.finder.tree, value) : [value];
      for (const file of files) {
        const found = this.finder.file(file, place.from);
        if (found !== undefined) this.#sourced(found, "sh", place);
      }
    }
  }

  /** Files given to an interpreter: scripts, whatever their rights are. How many there are. */
  #given(words: readonly ShellWord[], interpreter: string, place: Place): number {
    let count = 0;
    for (const { values } of words)
      for (const value of values) {
        if (value.startsWith("-") || /\s/.test(value) || SETTINGS.test(value)) continue;
        const found = this.finder.file(value, place.from);
        if (found === undefined) continue;
        if (!this.#programs.has(found)) {
          const head = this.#head(found);
          if (head === undefined || head.includes("\u0000")) continue;
          this.#sourced(found, interpreter, place);
        }
        if (this.#programs.get(found)?.kind === "script") count += 1;
      }
    return count;
  }

  /** A word that may be run: a program, a text for a shell, a file to be read, a pattern of files. True: it named one. */
  #value(value: string, place: Place): boolean {
    if (value === "") return false;
    if (value.includes(UNKNOWN) || value.includes(OWN)) {
      if (/[\s;|&]/.test(value)) return this.#text(value, place, true);
      // Of an argument the whole last name has to be known: most are data, and any prefix fits some program.
      const name = posix.basename(value);
      const isWhole = value.includes("/") && !name.includes(UNKNOWN) && !name.includes(OWN);
      return isWhole && this.#pattern(value, place);
    }
    const found = this.finder.find(value, place.from);
    if (found !== undefined) {
      this.add(found, [...place.reason.slice(0, -1), place.where], value);
      return true;
    }
    if (/[\s;|&`]|\$\(/.test(value)) return this.#text(value, place, true);
    if (/[*?[]/.test(value) && value.includes("/")) {
      const path = value.startsWith("/") ? value : undefined;
      if (path === undefined || /[*?[]/.test(posix.dirname(path)))
        for (const file of path === undefined ? [] : expand(this.finder.tree, path))
          this.#walked(file, place);
      else this.#files(posix.dirname(path), posix.basename(path), place);
      return true;
    }
    if (!value.startsWith("/")) return false;
    const entry = this.finder.resolve(value);
    if (entry?.kind === "directory" && !COMMON_FOLDERS.test(posix.normalize(value).replace(/\/+$/, "")))
      this.#files(entry.path, "*", place);
    else if (entry?.kind === "file" && /\.(sh|bash|envsh)$/.test(value))
      this.#sourced(entry.path, "sh", place);
    return entry?.kind === "file";
  }

  /** A text that may be given to a shell. */
  #text(text: string, place: Place, isGuess: boolean): boolean {
    if (!/[a-z]/.test(text)) return false;
    if (place.depth >= MAX_NESTING) {
      if (!isGuess) this.#open(place.where, "texts inside texts inside texts are not read");
      return true;
    }
    const known = text.replaceAll(UNKNOWN, UNKNOWN_NAME).replaceAll(OWN, '"$@"');
    this.script(known, place.where, place.reason, place.depth + 1, { isGuess });
    return true;
  }

  /** A value with unknown parts that still says which programs it may be. True: it said so. */
  #pattern(value: string, place: Place): boolean {
    const found = this.finder.matching(value);
    for (const path of found ?? []) this.add(path, [...place.reason.slice(0, -1), place.where], path);
    return found !== undefined && found.length > 0;
  }

  /** What stands in a folder that a script goes through. */
  #files(folder: string, pattern: string, place: Place): void {
    if (COMMON_FOLDERS.test(folder)) return;
    for (const entry of this.finder.inFolder(folder, pattern)) this.#walked(entry.path, place);
  }

  #walked(path: string, place: Place): void {
    const entry = this.finder.resolve(path);
    if (entry?.kind !== "file") return;
    if ((entry.mode & 0o111) !== 0) this.add(entry.path, [...place.reason, place.where], path);
    else if (/\.(sh|bash|envsh)$/.test(path)) this.#sourced(entry.path, "sh", place);
  }

  /** A script without its own right to run: it is read by another. */
  #sourced(path: string, interpreter: string, { reason, where }: Place): void {
    if (this.#programs.has(path)) return;
    this.#programs.set(path, { path, kind: "script", reason: [...reason, where] });
    this.#contents(path, interpreter, [...reason, path]);
  }

  /** What a starter of services starts. */
  #services(name: string, reason: readonly string[]): void {
    const { files, commands } = servicesOf(this.finder.tree, name);
    for (const path of files) {
      const entry = this.finder.resolve(path);
      if (entry?.kind !== "file") continue;
      if ((entry.mode & 0o111) !== 0) this.add(entry.path, reason, path);
      // s6-rc's up and down are command lines of execline without rights to run.
      else if (/\/(up|down|run|finish)$/.test(path))
        this.#sourced(entry.path, "sh", { where: path, reason, depth: 0, from: [], isGuess: false });
    }
    for (const { text, where } of commands) this.script(text, where, reason, 0);
  }

  #open(where: string, reason: string): void {
    this.#unresolved.set(`${where}\n${reason}`, { where, reason });
  }

  #whole(path: string): string | undefined {
    if ((this.finder.resolve(path)?.size ?? 0) > MAX_SCRIPT_BYTES) return undefined;
    const bytes = this.finder.tree.read(path, MAX_SCRIPT_BYTES);
    return bytes && Buffer.from(bytes).toString("utf8");
  }

  /** The beginning of a file; undefined for one that cannot be read. */
  #head(path: string): string | undefined {
    if ((this.finder.resolve(path)?.size ?? 0) > MAX_PROGRAM_BYTES) return undefined;
    const bytes = this.finder.tree.read(path);
    return bytes && Buffer.from(bytes.subarray(0, SHEBANG_BYTES)).toString("latin1");
  }
}
