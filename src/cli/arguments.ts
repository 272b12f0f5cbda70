import type { Command, CommandContext } from "@stricli/core";

export interface Prepared {
  inputs: string[];
  /** What stood after the first `--`: the target's own command line, untouched. */
  command: string[] | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;
type Parameters = Pick<Command<CommandContext>["parameters"], "flags" | "aliases">;

/** Options whose value is a command line, which may itself begin with a dash. */
const SHELL_VALUES = new Set(["--engine-args", "--exercise", "--exec"]);

/**
 * What is done to a command line before the parser sees it: the command after `--` is taken off, `-oFORMAT` becomes
 * `-o=FORMAT`, and `--engine-args '--privileged'` is joined, for the parser takes every word with a dash for an option.
 */
export function splitArguments(argv: readonly string[]): Prepared {
  const end = argv.indexOf("--");
  const ours = end === -1 ? argv : argv.slice(0, end);
  const inputs: string[] = [];
  for (let i = 0; i < ours.length; i++) {
    const word = ours[i]!;
    const next = ours[i + 1];
    if (SHELL_VALUES.has(word) && next?.startsWith("-") === true) {
      inputs.push(`${word}=${next}`);
      i++;
    } else if (/^-o[a-z]/.test(word)) {
      inputs.push(`-o=${word.slice(2)}`);
    } else {
      inputs.push(word);
    }
  }
  return { inputs, command: end === -1 ? undefined : argv.slice(end + 1) };
}

/**
 * Options from the environment, as further words: CINCH_ENGINE_ARGS stands for --engine-args. An option on the
 * command line wins.
 */
export function fromEnvironment(
  inputs: readonly string[],
  parameters: Parameters,
  env: Environment,
): string[] {
  const more: string[] = [];
  for (const [name, flag] of Object.entries(parameters.flags ?? {})) {
    const value = env[environmentName(name)];
    if (value === undefined || value === "" || isGiven(inputs, name, parameters.aliases ?? {})) continue;
    if (flag.kind !== "boolean") more.push(`--${kebab(name)}=${value}`);
    else if (!/^(0|no|false|off)$/i.test(value)) more.push(`--${kebab(name)}`);
  }
  return [...inputs, ...more];
}

/** `engineArgs` as CINCH_ENGINE_ARGS. */
export function environmentName(flag: string): string {
  return `CINCH_${kebab(flag).replaceAll("-", "_").toUpperCase()}`;
}

function isGiven(
  inputs: readonly string[],
  name: string,
  aliases: Readonly<Record<string, unknown>>,
): boolean {
  const letters = Object.keys(aliases).filter((letter) => aliases[letter] === name);
  const spelled = new Set([`--${kebab(name)}`, `--${name}`]);
  return inputs.some((word) => {
    const option = word.split("=", 1)[0]!;
    if (spelled.has(option)) return true;
    return /^-[a-z]+$/i.test(option) && letters.some((letter) => option.includes(letter));
  });
}

/** `engineArgs` as it is typed: `engine-args`. */
export function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
