import { changedCode } from "../changed.ts";
import { verifyProfile } from "../../verify/index.ts";
import type { CinchContext } from "../context.ts";
import { FORMATS } from "../formats.ts";
import { openJob } from "../job.ts";
import { DEFAULT_RUNS } from "../options.ts";
import { readProfile } from "../read.ts";
import { verdictText } from "../reports/verdict.ts";
import { Session, jsonText } from "../session.ts";
import type { VerifyFlags } from "../tree.ts";
import { OUTCOME_EXIT } from "../verdict-exit.ts";

export default async function verify(
  this: CinchContext,
  flags: VerifyFlags,
  file: string,
  target?: string,
): Promise<void> {
  using session = new Session(this, flags, FORMATS.verify);
  const profile = readProfile(session.path(file));
  const job = await openJob(session, flags, target, profile);
  const verdict = await verifyProfile({
    ...job,
    profile,
    runs: flags.runs ?? DEFAULT_RUNS,
    signal: session.signal,
    talk: session.talk,
  });
  verdict.notes.push(...(await changedCode(session, profile, job.target)));
  session.write(() => jsonText(verdict));
  session.summary(verdictText(verdict, session.paint));
  this.outcome = OUTCOME_EXIT[verdict.outcome];
}
