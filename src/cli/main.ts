#!/usr/bin/env node
/** The `cinch` command: the process around `cinch()`. */
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { cinch } from "./cinch.ts";
import { Interrupt } from "./context.ts";
import { EXIT } from "./failure.ts";

// On a machine with much memory V8 lets the space for young objects grow until an analysis touches a hundred megabytes of it
// for nothing. Left as small as it starts, the same work needs a third less memory and no more time.
setFlagsFromString("--semi-space-growth-factor=1");

/** The first signal ends the work and clean-up follows; who sends this many has waited long enough. */
const SIGNALS_TO_GIVE_UP = 3;

const interrupt = new Interrupt();
let signals = 0;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    signals++;
    if (signals >= SIGNALS_TO_GIVE_UP && interrupt.signal.aborted) process.exit(EXIT.interrupted);
    interrupt.raise(name);
  });
}

// `cinch explain … | head`: the reader has what it wanted.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(process.exitCode ?? EXIT.fine);
});

process.exitCode = await cinch(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  interrupt,
});
