import { CinchError, NotSupportedError, type Talk } from "../base/index.ts";
import type { Target } from "../image/index.ts";
import type { OciSeccomp } from "../linux/index.ts";
import { type RecordResult, record } from "../record/index.ts";
import {
  type Confinement,
  type EngineName,
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
    await using subject = await prepare();
    try {
      const watched = await record({
        subject,
        workload,
        target: target.text,
        ...(watch === undefined ? {} : { watch }),
        signal,
        talk: quieter(talk),
      });
      return { engine: subject.engine, result: watched.result, watched };
    } catch (error) {
      if (!(error instanceof NotSupportedError)) throw error;
      talk.detail(`the run is not watched: ${error.message}`);
    }
  }
  // Prepared anew: the first subject may have been started before its recorder gave up.
  await using subject = await prepare();
  const result = await runWorkload(await subject.start(), workload, { signal, talk });
  return { engine: subject.engine, result, watched: undefined };
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
