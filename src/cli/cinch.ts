import { readFileSync } from "node:fs";
import { run } from "@stricli/core";
import { fromEnvironment, splitArguments } from "./arguments.ts";
import type { CinchContext, Interrupt, OutputStream } from "./context.ts";
import { EXIT } from "./failure.ts";
import { buildTree } from "./tree.ts";

export interface World {
  stdout: OutputStream;
  stderr: OutputStream;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  interrupt: Interrupt;
}

/** Runs one command line and returns its exit code. Nothing but `world` is written to or asked. */
export async function cinch(argv: readonly string[], world: World): Promise<number> {
  const app = buildTree(packageVersion());
  if (argv[0] === "__complete") {
    const { complete } = await import("./complete.ts");
    return complete(app, argv.slice(1), world);
  }
  const { inputs, command } = splitArguments(argv);
  const context: CinchContext = {
    process: { stdout: world.stdout, stderr: world.stderr, env: world.env },
    cwd: world.cwd,
    command,
    interrupt: world.interrupt,
    outcome: EXIT.fine,
  };
  const route = commandOf(app.root, inputs[0]);
  const settled =
    route === undefined || asksForHelp(inputs) ? inputs : fromEnvironment(inputs, route, world.env);
  await run(app, settled, context);
  const failure = Number(context.process.exitCode ?? 0);
  if (failure === 0) return context.outcome;
  if (failure === EXIT.interrupted) return EXIT.interrupted;
  if (inputs[0] === "run") return EXIT.runFailed;
  // The parser's own codes (usage) are negative.
  return failure > 0 ? failure : EXIT.failed;
}

type Root = ReturnType<typeof buildTree>["root"];

function commandOf(root: Root, name: string | undefined) {
  if (name === undefined || !("getAllEntries" in root)) return undefined;
  const target = root.getAllEntries().find((entry) => entry.name.original === name)?.target;
  return target !== undefined && "parameters" in target ? target.parameters : undefined;
}

function asksForHelp(inputs: readonly string[]): boolean {
  return inputs.some((word) => word === "--help" || word === "-h");
}

function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
