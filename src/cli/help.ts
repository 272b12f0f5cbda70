import type {
  Application,
  ApplicationContext,
  Command,
  CommandContext,
  StricliIntegration,
} from "@stricli/core";
import { environmentName, kebab } from "./arguments.ts";
import type { CinchContext } from "./context.ts";
import { sharedFlags, startFlags, workloadFlags } from "./options.ts";

/** Fits the usual terminal and stays readable in a page; help is the same everywhere, so that it can be checked in. */
const WIDTH = 100;
const NAME_COLUMN = 32;

export interface CommandHelp {
  name: string;
  brief: string;
  usage: readonly string[];
  description: string;
  arguments: { name: string; brief: string }[];
  groups: { title: string; options: OptionHelp[] }[];
}

export interface OptionHelp {
  /** "-o, --output FORMAT[=FILE]" */
  spelled: string;
  environment: string;
  brief: string;
}

type Flag = NonNullable<Command<CommandContext>["parameters"]["flags"]>[string];

/** What is said about each command of the tree, in its order. */
export function commandHelps(
  app: Application<CinchContext>,
  usages: Readonly<Record<string, readonly string[]>>,
) {
  if (!("getAllEntries" in app.root)) return [];
  return app.root
    .getAllEntries()
    .flatMap(({ name, target }): CommandHelp[] =>
      "parameters" in target ? [commandHelp(name.original, target, usages[name.original] ?? [])] : [],
    );
}

function commandHelp(name: string, command: Command<CinchContext>, usage: readonly string[]): CommandHelp {
  const { flags = {}, aliases = {}, positional } = command.parameters;
  const shared = new Set(Object.keys(sharedFlags([])));
  const start = new Set([...Object.keys(startFlags), ...Object.keys(workloadFlags)]);
  const groups = [
    { title: "Options", has: (flag: string) => !shared.has(flag) && !start.has(flag) },
    { title: "How the target is started and exercised", has: (flag: string) => start.has(flag) },
    { title: "Options of every command", has: (flag: string) => shared.has(flag) },
  ].map(({ title, has }) => ({
    title,
    options: Object.entries(flags)
      .filter(([flag]) => has(flag))
      .map(([flag, parameter]) => optionHelp(flag, parameter, aliases)),
  }));
  const places = positional?.kind === "array" ? [positional.parameter] : (positional?.parameters ?? []);
  return {
    name,
    brief: command.brief,
    usage,
    description: command.fullDescription ?? "",
    arguments: places.map(({ placeholder, brief }) => ({ name: placeholder ?? "", brief })),
    groups: groups.filter(({ options }) => options.length > 0),
  };
}

function optionHelp(name: string, flag: Flag, aliases: Readonly<Record<string, unknown>>): OptionHelp {
  const letters = Object.keys(aliases).filter((letter) => aliases[letter] === name);
  const value = flag.kind === "enum" ? flag.values.join("|") : flag.placeholder;
  const long = `--${kebab(name)}${value === undefined || flag.kind === "boolean" ? "" : ` ${value}`}`;
  return {
    spelled: `${letters.map((letter) => `-${letter}, `).join("") || "    "}${long}`,
    environment: environmentName(name),
    brief: flag.brief,
  };
}

export function formatCommandHelp(help: CommandHelp): string {
  const lines = [
    "Usage",
    ...help.usage.map((usage) => `  cinch ${help.name} ${usage}`.trimEnd()),
    "",
    help.brief,
    "",
  ];
  for (const paragraph of help.description.split("\n")) lines.push(...wrap(paragraph, WIDTH));
  if (help.description !== "") lines.push("");
  if (help.arguments.length > 0) {
    lines.push("Arguments", ...help.arguments.flatMap(({ name, brief }) => row(name, brief)), "");
  }
  for (const { title, options } of help.groups) {
    lines.push(title, ...options.flatMap(({ spelled, brief }) => row(spelled, brief)), "");
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

function formatRootHelp(app: Application<CinchContext>): string {
  if (!("getAllEntries" in app.root)) return "";
  const commands = app.root
    .getAllEntries()
    .flatMap(({ name, target }) => row(name.original, target.brief, 14));
  return [
    "Usage",
    "  cinch COMMAND [OPTIONS] …",
    "",
    app.root.fullDescription ?? app.root.brief,
    "",
    "Commands",
    ...commands,
    "",
    "Options",
    ...row("-h, --help", "Help, also on a command", 14),
    ...row("-v, --version", "The version", 14),
    "",
  ].join("\n");
}

/** `--help` and `-h`, everywhere. */
export function helpIntegration(
  usages: Readonly<Record<string, readonly string[]>>,
): StricliIntegration<CinchContext> {
  return {
    flag: {
      brief: "Help",
      aliases: ["h"],
      global: true,
      complete: true,
      defaultForRouteMap: true,
      run(this: ApplicationContext, app, { result }) {
        const name = result.prefix[1];
        const help = commandHelps(app, usages).find((command) => command.name === name);
        this.process.stdout.write(help === undefined ? formatRootHelp(app) : formatCommandHelp(help));
      },
    },
  };
}

function row(name: string, brief: string, column = NAME_COLUMN): string[] {
  const [first = "", ...rest] = wrap(brief, WIDTH - column - 2);
  const indent = " ".repeat(column + 2);
  const more = rest.map((line) => indent + line);
  return name.length < column
    ? [`  ${name.padEnd(column)}${first}`, ...more]
    : [`  ${name}`, indent + first, ...more];
}

function wrap(text: string, width: number): string[] {
  // What is indented is an example: it stays as it is.
  if (text.startsWith(" ")) return [text];
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}
