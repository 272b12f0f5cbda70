import { runProfile } from "../../verify/index.ts";
import type { CinchContext } from "../context.ts";
import { FORMATS } from "../formats.ts";
import { openJob } from "../job.ts";
import { readProfile } from "../read.ts";
import { Session } from "../session.ts";
import type { RunFlags } from "../tree.ts";

/** As docker stop has it: then the program is killed. */
const GRACE_MS = 10_000;

export default async function run(
  this: CinchContext,
  flags: RunFlags,
  file: string,
  target?: string,
): Promise<void> {
  using session = new Session(this, flags, FORMATS.none);
  const profile = readProfile(session.path(file));
  const job = await openJob(session, flags, target, profile);
  session.talk.end();
  this.outcome = await runProfile({
    ...job,
    profile,
    talk: session.talk,
    started: (running) => {
      this.interrupt.takeOver((signal) => {
        // At a terminal Ctrl-C went to the program as well, and is its own affair.
        if (signal === "SIGINT" && process.stdin.isTTY) return;
        void running.stop(signal, GRACE_MS);
      });
    },
  });
}
