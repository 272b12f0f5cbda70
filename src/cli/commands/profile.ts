import { mkdirSync } from "node:fs";
import { dirname, relative } from "node:path";
import { CinchError } from "../../base/index.ts";
import {
  type Analysis,
  type Recording,
  type Verdict,
  derive,
  diffProfiles,
  mergeRecordings,
  stringifyProfile,
} from "../../profile/index.ts";
import { verifyProfile } from "../../verify/index.ts";
import { analyzeJob } from "../analysis.ts";
import { checkArtifacts, emitFormat, seccompFileFor } from "../artifacts.ts";
import { writeFiles } from "../atomic.ts";
import type { CinchContext } from "../context.ts";
import { bundleDocument } from "../documents.ts";
import { type Existing, type Replacement, readExisting, replace } from "../existing.ts";
import { FORMATS } from "../formats.ts";
import { type Job, type Places, openJob, placesOf } from "../job.ts";
import { DEFAULT_RUNS } from "../options.ts";
import { type Recorded, recordJob } from "../recording.ts";
import { profiledText } from "../reports/profiled.ts";
import { problemsText } from "../reports/workload.ts";
import { Session, jsonText } from "../session.ts";
import type { ProfileFlags } from "../tree.ts";
import { OUTCOME_EXIT } from "../verdict-exit.ts";

/**
 * What a run does by chance (a lock that is contended, a timer that fires) may be missing from one recording. Where
 * something is denied the target is therefore recorded again, unconfined; only what such a run used becomes a grant.
 */
const MAX_RECORDINGS = 3;

export default async function profile(
  this: CinchContext,
  flags: ProfileFlags,
  target?: string,
): Promise<void> {
  using session = new Session(this, flags, FORMATS.profile);
  if (flags.noVerify === true && session.outputs.some(({ format }) => format === "verdict")) {
    throw new CinchError("usage", "without the enforced runs (--no-verify) there is no verdict to write");
  }
  const job = await openJob(session, flags, target);
  const places = placesOf(job, this.cwd);
  checkArtifacts(places.artifacts.keys());
  const maker = new Maker(session, job, places, flags);

  if (flags.only === "reachable") {
    withoutRuns(session, job, maker, await analyzed(session, job, flags, []));
    return;
  }
  const first = await recordSound(session, job);
  let recording = first.recording;
  // After the run, which shows programs that no reading of scripts finds.
  let analysis = await analyzed(session, job, flags, recording.executables);
  let made = maker.make([recording], analysis);
  let verdict =
    flags.noVerify === true ? undefined : await prove(session, job, flags, made, first, recording);
  const recordings = [recording];
  while (verdict?.outcome === "denied" && recordings.length < MAX_RECORDINGS && !first.endedByHand) {
    session.talk.phase("something was denied: looking whether another unconfined run does it too");
    const again = await recordSound(session, job);
    recordings.push(again.recording);
    recording = mergeRecordings(...recordings);
    analysis = await analyzed(session, job, flags, recording.executables);
    const before = made.profile;
    made = maker.make(recordings, analysis);
    if (diffProfiles(before, made.profile).same) continue;
    verdict = await prove(session, job, flags, made, again, recording);
  }

  session.write(writer(made, maker, { recording, analysis, verdict }));
  session.summary(
    profiledText({ ...made, recordings: recordings.length, verdict, files: maker.files, job }, session.paint),
  );
  if (verdict !== undefined) this.outcome = OUTCOME_EXIT[verdict.outcome];
}

/** The text of each format that can be asked for. */
function writer(
  { profile, evidence }: Replacement,
  maker: Maker,
  { recording, analysis, verdict }: { recording?: Recording; analysis: Analyzed; verdict?: Verdict },
): (format: string) => string {
  return (format) => {
    switch (format) {
      case "profile":
        return stringifyProfile(profile);
      case "evidence":
        return jsonText(evidence);
      case "recording":
        return jsonText(recording!);
      case "analysis":
        return jsonText(need(analysis));
      case "verdict":
        return jsonText(verdict!);
      case "json":
        return jsonText(bundleDocument({ profile, evidence, recording, analysis: analysis.found, verdict }));
      default:
        return emitFormat(format, profile, maker.context).text;
    }
  };
}

interface Analyzed {
  found?: Analysis;
  /** Why there is none, though one was to be made. */
  reason?: string;
}

/** What the target's code could do. What cannot be analyzed can still be recorded: the profile then says what it lacks. */
async function analyzed(
  session: Session,
  job: Job,
  flags: ProfileFlags,
  executables: readonly string[],
): Promise<Analyzed> {
  if (flags.only === "recorded") return {};
  try {
    const { mode = "strict", assume, noAssume, plugin } = flags;
    return {
      found: await analyzeJob(session, job.target, { mode, assume, noAssume, plugins: plugin, executables }),
    };
  } catch (error) {
    const isOurs = error instanceof CinchError && ANALYSIS_FAILURES.has(error.code);
    if (!isOurs || flags.only === "reachable") throw error;
    session.talk.warn(`the code is not analyzed: ${error.message}`);
    return { reason: `the code was not analyzed, so that paths no run took are missing: ${error.message}` };
  }
}

/** Failures that are the target's nature, not a mistake in the command. */
const ANALYSIS_FAILURES = new Set([
  "not-analyzed",
  "nothing-to-analyze",
  "bad-elf",
  "elf-malformed",
  "elf-unsupported",
  "not-elf",
  "truncated",
  "too-large",
  "unreadable",
  "tree-loop",
  "bad-image",
  "bad-tar",
  "sparse-tar",
  "bad-layer",
  "link-escape",
  "path-escape",
]);

function need({ found, reason }: Analyzed): Analysis {
  if (found !== undefined) return found;
  throw new CinchError("not-analyzed", reason ?? "with --only recorded nothing is analyzed");
}

/** A profile of what code could do: nothing is run for it, so nothing is proven. */
function withoutRuns(session: Session, job: Job, maker: Maker, analysis: Analyzed): void {
  if (session.outputs.some(({ format }) => format === "recording" || format === "verdict"))
    throw new CinchError(
      "usage",
      "--only reachable runs nothing: there is no recording and no verdict to write",
    );
  const made = maker.make([], analysis);
  session.write(writer(made, maker, { analysis }));
  session.summary(
    profiledText({ ...made, recordings: 0, verdict: undefined, files: maker.files, job }, session.paint),
  );
}

/** A recording of a workload that passed. */
async function recordSound(session: Session, job: Job): Promise<Recorded> {
  const recorded = await recordJob(session, job);
  if (recorded.result.ok) return recorded;
  throw new CinchError(
    "workload-failed",
    `the workload fails without any confinement\n${problemsText(recorded.result)}`,
    { hint: "a profile of a failed run would lack what the rest of it needs: make the workload pass first" },
  );
}

function prove(
  session: Session,
  job: Job,
  flags: ProfileFlags,
  made: Replacement,
  recorded: Recorded,
  recording: Recording,
) {
  return verifyProfile({
    ...job,
    profile: made.profile,
    runs: flags.runs ?? DEFAULT_RUNS,
    plain: {
      engine: recorded.engine,
      result: recorded.result,
      watched: { recording, refused: recorded.refused },
    },
    signal: session.signal,
    talk: session.talk,
  });
}

/** Derives the profile and writes it to where it is kept. */
class Maker {
  readonly #session: Session;
  readonly #job: Job;
  readonly #places: Places;
  readonly #only: ProfileFlags["only"];
  readonly #existing: Existing | undefined;

  constructor(session: Session, job: Job, places: Places, flags: ProfileFlags) {
    this.#session = session;
    this.#job = job;
    this.#places = places;
    this.#only = flags.only;
    this.#existing = readExisting(places.profile, places.evidence);
  }

  /** What was written, as a user in this folder would name it; the profile first. */
  get files(): string[] {
    const { profile, evidence, artifacts } = this.#places;
    return [profile, evidence, ...artifacts.values()].map((path) => this.#shown(path));
  }

  /** How engine options name the filter's file. */
  get context(): { seccompFile: string } {
    const kept = this.#places.artifacts.get("seccomp");
    const usual = kept === undefined ? undefined : this.#shown(kept);
    return { seccompFile: seccompFileFor(this.#job.name, this.#session.outputs, usual) };
  }

  /** Before the proof, which may be interrupted: the recording may be half an hour of somebody's work. */
  make(recordings: readonly Recording[], { found, reason }: Analyzed): Replacement {
    this.#session.talk.phase("deriving the profile");
    const { profile, evidence, artifacts } = this.#places;
    const derived = derive(recordings, {
      name: this.#job.name,
      target: this.#job.target.text,
      only: this.#only,
      ...(found && { analyses: [found] }),
      ...(reason !== undefined && { incomplete: [reason] }),
    });
    const made = replace(derived, this.#existing, this.#shown(profile));
    const files = new Map([
      [profile, stringifyProfile(made.profile)],
      [evidence, jsonText(made.evidence)],
    ]);
    for (const [format, path] of artifacts) {
      files.set(path, emitFormat(format, made.profile, this.context).text);
    }
    for (const path of files.keys()) mkdirSync(dirname(path), { recursive: true });
    writeFiles(files);
    return made;
  }

  #shown(path: string): string {
    const short = relative(this.#session.context.cwd, path);
    return short === "" || short.startsWith("../../..") ? path : short;
  }
}
