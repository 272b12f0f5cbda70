import { type Application, proposeCompletions } from "@stricli/core";
import type { CinchContext } from "./context.ts";
import type { World } from "./cinch.ts";
import { EXIT } from "./failure.ts";

/**
 * `cinch __complete WORD…`: what the last word may become, a line each with a tab before its description. The
 * shells' scripts ask this, so that they need no list of their own. After `--` the words are another program's.
 */
export async function complete(
  app: Application<CinchContext>,
  words: string[],
  world: World,
): Promise<number> {
  if (words.includes("--")) return EXIT.fine;
  const context: CinchContext = {
    process: { stdout: world.stdout, stderr: world.stderr, env: world.env },
    cwd: world.cwd,
    command: undefined,
    interrupt: world.interrupt,
    outcome: EXIT.fine,
  };
  const proposals = await proposeCompletions(app, words, context);
  for (const { completion, brief } of proposals) world.stdout.write(`${completion}\t${brief}\n`);
  return EXIT.fine;
}
