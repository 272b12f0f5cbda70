import type { ParameterExpansionPart, Word, WordPart } from "unbash";

/** In a value: any text, with slashes; it is known at run time alone. */
export const UNKNOWN = "\u0000";
/** In a value: the script's or the function's own arguments. Whoever starts it names them, and they are looked at there. */
export const OWN = "\u0001";

/** Values one word can have; more are as good as unknown. */
const MAX_VALUES = 64;
/** The length of a path (PATH_MAX); of longer values nothing is a program's name. */
const MAX_LENGTH = 4096;
/** Rounds in which assignments from each other's values settle; a value that still grows then is unknown. */
const ROUNDS = 4;
/** Words inside a word's expansions: ${a:-${b:-…}}. */
const MAX_NESTING = 32;

/**
 * What the variables of a shell script can hold, by all assignments in it, whatever their order: an upper bound. Where
 * a value is made at run time it has the mark UNKNOWN in it.
 */
export class ShellValues {
  #environment: ReadonlyMap<string, string>;
  #self: string | undefined;
  #assigned = new Map<string, Set<string>>();

  /** `self`: the script's own path, for $0. */
  constructor(environment: ReadonlyMap<string, string>, self?: string) {
    this.#environment = environment;
    this.#self = self;
  }

  /** Takes in assignments: a name, and the words it may get its value from; without a word it is set from outside. */
  assign(all: readonly { name: string; words: readonly Word[]; append: boolean }[]): void {
    for (let round = 0; round < ROUNDS; round += 1) {
      let isSettled = true;
      for (const { name, words, append } of all) {
        const before = append ? this.variable(name) : [""];
        const values =
          words.length === 0 ? [UNKNOWN] : words.flatMap((word) => combine(before, this.of(word)));
        const known = this.#assigned.get(name) ?? new Set();
        const size = known.size;
        for (const value of values) if (known.size < MAX_VALUES) known.add(value);
        if (known.size !== size) isSettled = false;
        if (known.size >= MAX_VALUES || (known.size !== size && round === ROUNDS - 1)) known.add(UNKNOWN);
        this.#assigned.set(name, known);
      }
      if (isSettled) return;
    }
  }

  /** The values a variable can have. */
  variable(name: string): string[] {
    if (name === "0" || name === "BASH_SOURCE") return [this.#self ?? OWN];
    if (/^([@*]|\d+)$/.test(name)) return [OWN];
    const assigned = this.#assigned.get(name);
    const given = this.#environment.get(name);
    if (assigned === undefined) return [given ?? UNKNOWN];
    return given === undefined ? [...assigned] : [...new Set([...assigned, given])];
  }

  /** The values a word can have; at least one. */
  of(word: Word, depth = 0): string[] {
    if (depth > MAX_NESTING) return [UNKNOWN];
    if (word.parts === undefined) return bounded([word.value]);
    return word.parts.reduce<string[]>((before, part) => combine(before, this.#part(part, depth)), [""]);
  }

  #part(part: WordPart, depth: number): string[] {
    switch (part.type) {
      case "Literal":
      case "SingleQuoted":
      case "AnsiCQuoted":
      case "Glob":
        return [part.value];
      case "ExtendedGlob":
        return ["*"];
      case "BraceExpansion": {
        const inside = /^\{([^{}$`"'\\]*,[^{}$`"'\\]*)\}$/.exec(part.text)?.[1];
        return inside === undefined ? [UNKNOWN] : inside.split(",");
      }
      case "DoubleQuoted":
      case "LocaleString":
        return part.parts.reduce<string[]>(
          (before, inside) => combine(before, this.#part(inside, depth + 1)),
          [""],
        );
      case "SimpleExpansion":
        return this.variable(part.text.slice(1));
      case "ParameterExpansion":
        return this.#parameter(part, depth);
      case "CommandExpansion":
        return [this.#output(part.text)];
      default:
        return [UNKNOWN];
    }
  }

  #parameter({ parameter, prefix, operation }: ParameterExpansionPart, depth: number): string[] {
    if (prefix !== undefined) return [UNKNOWN];
    const values = this.variable(parameter);
    if (operation === undefined) return values;
    const isOwn = values.every((value) => value === OWN);
    if (operation.type !== "Default") return isOwn ? [OWN] : [UNKNOWN];
    const other = this.of(operation.operand, depth + 1);
    if (operation.operator.endsWith("?")) return values;
    if (operation.operator.endsWith("+")) return ["", ...other];
    const isSet = this.#assigned.has(parameter) || this.#environment.has(parameter) || isOwn;
    return isSet ? [...new Set([...values, ...other])] : other;
  }

  /** What a few commands write, which scripts find their own files with. */
  #output(text: string): string {
    const command = text.replace(/^\$\(|^`|\)$|`$/g, "").trim();
    if (this.#self !== undefined && /\bdirname\b.*(\$0|\$\{0|BASH_SOURCE)/.test(command))
      return this.#self.replace(/\/[^/]*$/, "") || "/";
    const looked = /^(?:which|command -v|type -[pP])\s+([^\s$`'"\\;|&]+)(?:\s*\d?>\s*\/dev\/null)?$/.exec(
      command,
    );
    return looked?.[1] ?? UNKNOWN;
  }
}

/** Every value of the first followed by every one of the second. */
function combine(first: readonly string[], second: readonly string[]): string[] {
  if (first.length * second.length > MAX_VALUES) return [UNKNOWN];
  return bounded(first.flatMap((one) => second.map((other) => one + other)));
}

function bounded(values: readonly string[]): string[] {
  return values.some((value) => value.length > MAX_LENGTH) ? longOnes(values) : [...values];
}

/** A text for a shell may be long; a value that grew by joining is not kept. */
function longOnes(values: readonly string[]): string[] {
  return values.map((value) => (value.length > MAX_LENGTH * 16 ? UNKNOWN : value));
}
