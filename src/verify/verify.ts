import { type Note, type Profile, type Recording, type Verdict, digestOf } from "../profile/index.ts";
import { type Workload, type WorkloadResult } from "../workload/index.ts";
import { classifyRefusals } from "./classify.ts";
import { compareRuns } from "./compare.ts";
import { type Enforcement, enforcementOf, unconfined } from "./confinement.ts";
import { mountedFolders } from "./mounted.ts";
import { predictDenials } from "./predict.ts";
import { type Run, type RunOptions, runOnce, startFailure } from "./runs.ts";
import { type JudgedRun, judge } from "./verdict.ts";

export interface VerifyOptions extends RunOptions {
  profile: Profile;
  /** How many enforced runs. */
  runs: number;
  /** The target is a process of this machine, not a container. */
  local: boolean;
  /** An unconfined run of the same target and workload that was recorded already; else one is made. */
  plain?: Run;
}

/** How long a server that nothing exercises is watched: long enough to start, and all that its runs then show. */
const START_ONLY_MS = 10_000;

/**
 * Proves a profile: one unconfined run shows everything that would be denied and how the workload goes by itself; then
 * come `runs` enforced ones. Throws what keeps the runs from being made, and the signal's reason when it is aborted.
 */
export async function verifyProfile(options: VerifyOptions): Promise<Verdict> {
  const { profile, target, talk, signal, local } = options;
  const workload = boundedWorkload(options.workload);
  if (options.plain === undefined) talk.phase(`running ${target.text} unconfined`);
  const plain = options.plain ?? (await runOnce({ ...options, workload }, unconfined(local)));
  signal.throwIfAborted();

  const mounted = mountedFolders(target, options.engineArgs);
  // Where the recorder has no eBPF, refused calls can only be seen by whoever answers them.
  const supervised = local && plain.watched?.recording.method === "notify";
  const enforcement = enforcementOf(profile, { local, supervised, mounted });
  const recording = plain.watched?.recording;
  const predicted =
    recording === undefined
      ? { denials: [], probes: [] }
      : predictDenials(recording, enforcement.policy, {
          runtime: (recording.noNewPrivileges ?? false) === profile.noNewPrivileges,
        });
  const doubts = doubtsOf(plain.result, recording, options.workload);
  const runs: JudgedRun[] = [];
  // Against a run that failed by itself there is nothing to compare.
  const wanted = plain.result.ok ? options.runs : 0;
  for (let i = 0; i < wanted; i++) {
    talk.phase(`running it under the profile, ${i + 1} of ${wanted}`);
    runs.push(await enforcedRun({ ...options, workload }, enforcement, plain, supervised));
    signal.throwIfAborted();
  }
  return judge({
    profile: digestOf(profile),
    target: target.text,
    engine: plain.engine,
    predicted,
    doubts,
    runs,
    wanted,
    notes: [...enforcement.notes, ...holes(recording)],
  });
}

async function enforcedRun(
  options: RunOptions,
  enforcement: Enforcement,
  plain: Run,
  supervised: boolean,
): Promise<JudgedRun> {
  let run: Run;
  try {
    run = await runOnce(
      options,
      enforcement.confinement,
      supervised ? enforcement.policy.seccomp : undefined,
    );
  } catch (error) {
    const reason = startFailure(error);
    if (reason === undefined) throw error;
    return {
      denials: [],
      probes: [],
      differences: [`the target did not start: ${reason}`],
      watched: true,
      losses: [],
    };
  }
  const enforced = run.watched?.recording;
  const refusals = classifyRefusals(
    run.watched?.refused ?? [],
    enforced,
    plain.watched?.recording,
    enforcement.policy,
  );
  return {
    ...refusals,
    differences: [...compareRuns(plain.result, run.result), ...lastWords(run)],
    watched: run.watched !== undefined,
    losses: enforced === undefined ? [] : lossesOf(enforced),
  };
}

const LAST_LINES = 3;

/** A target that died under the profile mostly says why. */
function lastWords({ result, output = "" }: Run): string[] {
  if (result.ok) return [];
  const lines = output
    .trimEnd()
    .split("\n")
    .slice(-LAST_LINES)
    .filter((line) => line.trim() !== "");
  return lines.length === 0
    ? []
    : [`the target's last words: ${lines.map((line) => line.trim()).join(" | ")}`];
}

/** A workload that would only end by Ctrl-C, with an end. */
function boundedWorkload(workload: Workload): Workload {
  return isExercised(workload) ? workload : { ...workload, duration: START_ONLY_MS };
}

function isExercised(workload: Workload): boolean {
  return workload.steps.length > 0 || workload.duration !== undefined;
}

function doubtsOf(result: WorkloadResult, recording: Recording | undefined, workload: Workload): Note[] {
  const doubts: Note[] = [];
  if (!result.ok) {
    for (const text of result.problems)
      doubts.push({ code: "plain-run-failed", text: `unconfined: ${text}` });
    if (result.problems.length === 0)
      doubts.push({ code: "plain-run-failed", text: "the unconfined run failed" });
  }
  if (!isExercised(workload) && result.stopped) {
    doubts.push({
      code: "nothing-exercised",
      text: "nothing exercised the target, so the runs show only that it starts",
    });
  }
  if (recording !== undefined) {
    for (const text of lossesOf(recording))
      doubts.push({ code: "recording-incomplete", text: `unconfined: ${text}` });
  }
  return doubts;
}

/** Why a recording may not be all. That Ctrl-C ended it is no loss. */
function lossesOf(recording: Recording): string[] {
  return Object.entries(recording.lost)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `the recorder lost ${count} (${kind})`);
}

function holes(recording: Recording | undefined): Note[] {
  return (recording?.notes ?? []).filter(({ code }) => code === "io-uring");
}
