import { CinchError } from "../base/index.ts";
import type { Recording } from "../profile/index.ts";
import { type RecordResult, observeContainer, record } from "../record/index.ts";
import { type EngineName, attachToContainer, prepareSubject, runWorkload } from "../workload/index.ts";
import { type Job, isEndless } from "./job.ts";
import type { Session } from "./session.ts";

export interface Recorded extends RecordResult {
  engine: EngineName;
  /** It had no end of its own, and Ctrl-C ended it: that is how it was meant. */
  endedByHand: boolean;
}

/**
 * Records the job's target, unconfined. Ctrl-C ends the recording of a server that nothing exercises, and it is then
 * complete; of anything else it is an interruption, and thrown.
 */
export async function recordJob(session: Session, job: Job): Promise<Recorded> {
  const endless = isEndless(job);
  using _ = hintIfEndless(session, endless);
  await using subject = await prepareSubject(job.target, {
    engine: job.engine,
    engineArgs: job.engineArgs,
    confinement: job.local ? { local: {} } : { container: { seccomp: "allow-all" } },
    talk: session.talk,
  });
  const { signal } = session;
  const recorded = await record({
    subject,
    workload: job.workload,
    target: job.target.text,
    signal,
    talk: session.talk,
  });
  const endedByHand = endless && session.context.interrupt.signal.aborted && !session.timedOut;
  if (endedByHand) session.context.interrupt.accept();
  else signal.throwIfAborted();
  return { ...recorded, engine: subject.engine, endedByHand };
}

/** Records a container that runs already while the workload's steps are done, for its duration, or until Ctrl-C. */
export async function observeJob(
  session: Session,
  job: Job,
): Promise<{ recording: Recording; problems: string[] }> {
  const { target, workload } = job;
  if (target.kind !== "container")
    throw new CinchError("not-running", `${target.text} is not a running container`);
  await using container = await attachToContainer(target);
  const endless = isEndless(job);
  using _ = hintIfEndless(session, endless);
  const problems: string[] = [];
  const { signal } = session;
  const recording = await observeContainer({
    pid: container.running.pid,
    target: target.text,
    runtime: container.runtime,
    noNewPrivileges: container.noNewPrivileges,
    ...(workload.duration === undefined ? {} : { duration: workload.duration }),
    ...(workload.steps.length === 0
      ? {}
      : {
          exercise: async () => {
            // It was here before us, so it is left running.
            const options = { signal, talk: session.talk, leave: true };
            problems.push(...(await runWorkload(container.running, workload, options)).problems);
          },
        }),
    signal,
    talk: session.talk,
  });
  if (endless && session.context.interrupt.signal.aborted) session.context.interrupt.accept();
  else signal.throwIfAborted();
  return { recording, problems };
}

/** A program that has not ended by then is probably a server. */
const HINT_AFTER_MS = 5000;

function hintIfEndless(session: Session, endless: boolean): Disposable {
  const text = "nothing exercises it: use it now, and end the recording with Ctrl-C";
  const timer = endless ? setTimeout(() => session.talk.say(text), HINT_AFTER_MS) : undefined;
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
