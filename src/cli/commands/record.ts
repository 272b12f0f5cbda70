import { CinchError, readBounded } from "../../base/index.ts";
import type { Recording } from "../../profile/index.ts";
import { importStrace } from "../../record/index.ts";
import type { CinchContext } from "../context.ts";
import { EXIT } from "../failure.ts";
import { FORMATS } from "../formats.ts";
import { type Job, openJob } from "../job.ts";
import { observeJob, recordJob } from "../recording.ts";
import { recordingText } from "../reports/recording.ts";
import { problemsText } from "../reports/workload.ts";
import { Session, jsonText } from "../session.ts";
import type { RecordFlags } from "../tree.ts";

export default async function record(this: CinchContext, flags: RecordFlags, target?: string): Promise<void> {
  using session = new Session(this, flags, FORMATS.record);
  if (flags.strace !== undefined) {
    if (this.command !== undefined) throw new CinchError("usage", "--strace reads a log and runs nothing");
    const log = readBounded(session.path(flags.strace)).toString("utf8");
    finish(
      session,
      importStrace(log, {
        target: target ?? flags.strace,
        arch: process.arch === "arm64" ? "aarch64" : "x86_64",
      }),
    );
    return;
  }
  const job = await openJob(session, flags, target);
  if (job.target.kind === "container") {
    const { recording, problems } = await observeJob(session, job);
    finish(session, recording, job);
    if (problems.length > 0) {
      session.talk.say(problems.map((text) => `  ${text}`).join("\n"));
      this.outcome = EXIT.failed;
    }
    return;
  }
  const { recording, result } = await recordJob(session, job);
  finish(session, recording, job);
  if (!result.ok) {
    session.talk.say(problemsText(result));
    this.outcome = EXIT.failed;
  }
}

function finish(session: Session, recording: Recording, job?: Job): void {
  session.write(() => jsonText(recording));
  session.summary(recordingText(recording, session.paint));
  if (job !== undefined && session.outputs.length === 0) {
    session.talk.say("to make a profile of it: add -o json=FILE, then cinch derive FILE");
  }
}
