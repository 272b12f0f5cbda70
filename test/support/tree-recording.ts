import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { silent } from "../../src/base/index.ts";
import type { Recording } from "../../src/profile/index.ts";
import { EbpfSession } from "../../src/record/index.ts";

/** A program that hangs has had its time: those here take a second or two, on a busy machine ten. */
const MAX_MS = 60_000;

/**
 * Runs a command and records it with all its children by eBPF. `during` exercises a server, which is then stopped.
 */
export async function recordTree(
  argv: readonly string[],
  options: { cwd?: string; during?: () => Promise<void>; stop?: NodeJS.Signals } = {},
): Promise<Recording> {
  using session = new EbpfSession({ scope: "tree", talk: silent });
  session.attach();
  const child = spawn("/bin/sh", ["-c", 'read _ <&3; exec 3<&-; exec "$@"', "sh", ...argv], {
    cwd: options.cwd ?? "/",
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const ended = once(child, "exit");
  const timer = setTimeout(() => child.kill("SIGKILL"), MAX_MS);
  try {
    session.follow(child.pid!);
    (child.stdio[3] as NodeJS.WritableStream).write("\n");
    if (options.during !== undefined) {
      await options.during();
      child.kill(options.stop ?? "SIGTERM");
    }
    await ended;
    await sleep(50);
    return session.finish({ target: argv.join(" "), runtime: "local", noNewPrivileges: false }).recording;
  } finally {
    clearTimeout(timer);
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  }
}
