import { CinchError, NotSupportedError, type Talk } from "../base/index.ts";
import type { Target } from "../image/index.ts";
import type { OciSeccomp } from "../linux/index.ts";
import { type RecordResult, record } from "../record/index.ts";
import {
  type Confinement,
  type EngineName,
  type Running,
  type Subject,
  type Workload,
  type WorkloadResult,
  prepareSubject,
  runWorkload,
} from "../workload/index.ts";

export interface RunOptions {
  target: Target;
  engine: EngineName | undefined;
  engineArgs: readonly string[];
  workload: Workload;
  signal: AbortSignal;
  talk: Talk;
}

export interface Run {
  engine: EngineName;
  result: WorkloadResult;
  /** What was seen of it; undefined where nothing could watch. */
  watched: Pick<RecordResult, "recording" | "refused"> | undefined;
  /** What the target wrote. */
  output?: string;
}

/**
 * Runs the target and its workload once, watched by a recorder where there is one. `watch`: the confinement's own
 * filter notifies, and this is the policy by which its calls are answered.
 */
export async function runOnce(
  options: RunOptions,
  confinement: Confinement,
  watch?: OciSeccomp,
): Promise<Run> {
  const { target, engine, engineArgs, workload, signal, talk } = options;
  const prepare = () => prepareSubject(target, { engine, engineArgs, confinement, talk });
  {
    await using prepared = await prepare();
    const { subject, output } = overheard(prepared);
    try {
      const watched = await record({
        subject,
        workload,
        target: target.text,
        ...(watch === undefined ? {} : { watch }),
        signal,
        talk: quieter(talk),
      });
      return { engine: subject.engine, result: watched.result, watched, output: output() };
    } catch (error) {
      if (!(error instanceof NotSupportedError)) throw error;
      talk.detail(`the run is not watched: ${error.message}`);
    }
  }
  // Prepared anew: the first subject may have been started before its recorder gave up.
  await using subject = await prepare();
  const running = await subject.start();
  const result = await runWorkload(running, workload, { signal, talk });
  return { engine: subject.engine, result, watched: undefined, output: running.output() };
}

/** The subject as it is, and what it has written once it was started: the recorder starts it, and keeps that to itself. */
export function overheard(subject: Subject): { subject: Subject; output: () => string } {
  let running: Running | undefined;
  const { engine, runtime, noNewPrivileges, user, cgroup } = subject;
  return {
    subject: {
      engine,
      runtime,
      noNewPrivileges,
      ...(user === undefined ? {} : { user }),
      ...(cgroup === undefined ? {} : { cgroup }),
      start: async (hooks) => (running = await subject.start(hooks)),
      [Symbol.asyncDispose]: () => subject[Symbol.asyncDispose](),
    },
    output: () => running?.output() ?? "",
  };
}

/** An enforced run that did not start is a finding about the profile, not a failure of cinch. */
export function startFailure(error: unknown): string | undefined {
  return error instanceof CinchError && error.code === "start-failed" ? error.message : undefined;
}

/** The recorder's phases are details of an enforced run. */
function quieter(talk: Talk): Talk {
  return {
    phase: (text) => talk.detail(text),
    warn: (text) => talk.warn(text),
    detail: (text) => talk.detail(text),
  };
}
