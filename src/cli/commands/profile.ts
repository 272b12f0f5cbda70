import { mkdirSync } from "node:fs";
import { dirname, relative } from "node:path";
import { CinchError } from "../../base/index.ts";
import {
  type Recording,
  derive,
  diffProfiles,
  mergeRecordings,
  stringifyProfile,
} from "../../profile/index.ts";
import { verifyProfile } from "../../verify/index.ts";
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

  const first = await recordSound(session, job);
  let recording = first.recording;
  let made = maker.make([recording]);
  let verdict =
    flags.noVerify === true ? undefined : await prove(session, job, flags, made, first, recording);
  const recordings = [recording];
  while (verdict?.outcome === "denied" && recordings.length < MAX_RECORDINGS && !first.endedByHand) {
    session.talk.phase("something was denied: looking whether another unconfined run does it too");
    const again = await recordSound(session, job);
    recordings.push(again.recording);
    recording = mergeRecordings(...recordings);
    const before = made.profile;
    made = maker.make(recordings);
    if (diffProfiles(before, made.profile).same) continue;
    verdict = await prove(session, job, flags, made, again, recording);
  }

  session.write((format) => {
    switch (format) {
      case "profile":
        return stringifyProfile(made.profile);
      case "evidence":
        return jsonText(made.evidence);
      case "recording":
        return jsonText(recording);
      case "verdict":
        return jsonText(verdict!);
      case "json":
        return jsonText(
          bundleDocument({ profile: made.profile, evidence: made.evidence, recording, verdict }),
        );
      default:
        return emitFormat(format, made.profile, maker.context).text;
    }
  });
  session.summary(
    profiledText({ ...made, recordings: recordings.length, verdict, files: maker.files, job }, session.paint),
  );
  if (verdict !== undefined) this.outcome = OUTCOME_EXIT[verdict.outcome];
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
  make(recordings: readonly Recording[]): Replacement {
    this.#session.talk.phase("deriving the profile");
    const { profile, evidence, artifacts } = this.#places;
    const derived = derive(recordings, {
      name: this.#job.name,
      target: this.#job.target.text,
      only: this.#only,
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
