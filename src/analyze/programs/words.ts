import { type Assignment, type Command, type SyntaxNode, type Word, forEachChild, parse } from "unbash";
import { OWN, ShellValues, UNKNOWN } from "./values.ts";

/** A word with what it can be at run time (with the marks of `ShellValues` where that is not known). */
export interface ShellWord {
  text: string;
  values: readonly string[];
  line: number;
}

/** One simple command. */
export interface ShellCommand {
  /** The name first. */
  words: readonly ShellWord[];
  /** Texts that it reads from here documents and here strings. */
  input: readonly string[];
  line: number;
}

/** What a shell script says. */
export interface ShellScript {
  commands: readonly ShellCommand[];
  /** All other words: values of variables, lists and patterns. They too may come to be run. */
  words: readonly ShellWord[];
  /** Names that the script itself gives to functions and aliases. */
  defined: ReadonlySet<string>;
  /** What could not be read; then `words` has every piece of the text. */
  errors: readonly { text: string; line: number }[];
}

/** A longer script is data. */
const MAX_SCRIPT = 1 << 20;
/** What is longer is taken word by word: hostile text of a megabyte keeps the parser busy for ten seconds. */
const MAX_PARSED = 1 << 18;

/** Brackets in brackets: the parser looks for the end of each anew, so that time is length times depth. */
const MAX_NESTING = 32;

/** Commands that give a variable a value from outside. */
const READERS = new Set(["read", "mapfile", "readarray", "getopts", "printf", "select"]);

/**
 * Reads a shell script (POSIX sh and bash) into its commands and words, with the values variables can have by the
 * script's own assignments and the given environment. Pure; never throws, whatever the text is.
 */
export function readShell(
  text: string,
  environment: ReadonlyMap<string, string> = new Map(),
  self?: string,
): ShellScript {
  if (text.length > MAX_SCRIPT)
    return {
      commands: [],
      words: [],
      defined: new Set(),
      errors: [{ text: `longer than ${MAX_SCRIPT} characters`, line: 1 }],
    };
  // The marks of values are no letters of a script.
  const script = text.replaceAll(UNKNOWN, " ").replaceAll(OWN, " ");
  const lineAt = lineFinder(script);
  const isLong = script.length > MAX_PARSED;
  if (isLong || nesting(script) > MAX_NESTING) {
    const why = isLong ? `longer than ${MAX_PARSED} characters` : `nested deeper than ${MAX_NESTING}`;
    return {
      commands: [],
      words: pieces(script),
      defined: new Set(),
      errors: [{ text: why, line: 1 }],
    };
  }
  try {
    const parsed = parse(script);
    const errors = (parsed.errors ?? []).map(({ message, pos }) => ({ text: message, line: lineAt(pos) }));
    const read = visit(parsed, new ShellValues(environment, self), lineAt);
    return { ...read, errors, words: errors.length > 0 ? [...read.words, ...pieces(script)] : read.words };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      commands: [],
      words: pieces(script),
      defined: new Set(),
      errors: [{ text: message, line: 1 }],
    };
  }
}

function visit(
  root: SyntaxNode,
  values: ShellValues,
  lineAt: (position: number) => number,
): Omit<ShellScript, "errors"> {
  const commands: Command[] = [];
  const others: Word[] = [];
  const defined = new Set<string>();
  const assigned: { name: string; words: readonly Word[]; append: boolean }[] = [];
  const inCommands = new Set<SyntaxNode>();
  // By hand, not by recursion: how deep a script nests is its author's choice.
  const stack: SyntaxNode[] = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.type === "Command") {
      commands.push(node);
      for (const one of [node.name, ...node.args]) if (one?.type === "Word") inCommands.add(one);
      assigned.push(...fromOutside(node));
      if (node.name?.value === "alias")
        for (const one of node.args) if (one.type === "Assignment") defined.add(one.name);
    } else if (node.type === "Assignment") assigned.push(assignment(node));
    else if (node.type === "For" || node.type === "Select")
      assigned.push({
        name: node.name.value,
        words: node.wordlist ?? [{ type: "Word", text: "$@", value: OWN, pos: 0, end: 0 }],
        append: false,
      });
    else if (node.type === "Function") defined.add(node.name.value);
    else if (node.type === "Word" && !inCommands.has(node)) others.push(node);
    forEachChild(node, (child) => {
      stack.push(child);
    });
  }
  values.assign(assigned);
  const valued = (word: Word): ShellWord => ({
    text: word.text,
    values: values.of(word),
    line: lineAt(word.pos),
  });
  return {
    commands: commands.map((command) => ({
      words: [command.name, ...command.args].flatMap((one) => (one?.type === "Word" ? [valued(one)] : [])),
      input: command.redirects.flatMap((one) => {
        if (one.type === "HereDoc") return [one.body.text];
        return one.type === "HereString" && one.target ? values.of(one.target) : [];
      }),
      line: lineAt(command.pos),
    })),
    words: others.map(valued),
    defined,
  };
}

function assignment({ name, value, append }: Assignment) {
  return { name, words: value.type === "Word" ? [value] : value.elements, append: append === true };
}

/** read NAME, printf -v NAME: the names get what nobody knows here. */
function fromOutside({ name, args }: Command) {
  if (name === undefined || !READERS.has(name.value)) return [];
  return args.flatMap((one) =>
    one.type === "Word" && /^[A-Za-z_]\w*$/.test(one.value)
      ? [{ name: one.value, words: [], append: false }]
      : [],
  );
}

/** How deep brackets nest, whatever they mean; at least as deep as substitutions do. */
function nesting(script: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [sign] of script.matchAll(/[(){}]/g))
    if (sign === "(" || sign === "{") deepest = Math.max(deepest, (depth += 1));
    else depth = Math.max(0, depth - 1);
  return deepest;
}

/** Without a grammar: everything between blanks and the shell's own signs. */
function pieces(script: string): ShellWord[] {
  return script.split("\n").flatMap((line, i) =>
    line
      .replace(/(^|\s)#.*/, "$1")
      .split(/[\s;|&()<>"'`=]+/)
      .filter((text) => text !== "")
      .map((text) => ({ text, values: [text], line: i + 1 })),
  );
}

function lineFinder(text: string): (position: number) => number {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (position) => {
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
