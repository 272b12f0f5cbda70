import { mkdirSync } from "node:fs";
import { dirname, relative } from "node:path";
import { CinchError } from "../../base/index.ts";
import { derive, stringifyProfile } from "../../profile/index.ts";
import { verifyProfile } from "../../verify/index.ts";
import { emitFormat, seccompFileFor } from "../artifacts.ts";
import { writeFiles } from "../atomic.ts";
import type { CinchContext } from "../context.ts";
import { bundleDocument } from "../documents.ts";
import { readExisting, replace } from "../existing.ts";
import { EXIT } from "../failure.ts";
import { FORMATS } from "../formats.ts";
import { DEFAULT_RUNS } from "../options.ts";
import { openJob, placesOf } from "../job.ts";
import { recordJob } from "../recording.ts";
import { profiledText } from "../reports/profiled.ts";
import { problemsText } from "../reports/workload.ts";
import { Session, jsonText } from "../session.ts";
import type { ProfileFlags } from "../tree.ts";
import { OUTCOME_EXIT } from "../verdict-exit.ts";

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
  const existing = readExisting(places.profile, places.evidence);

  const recorded = await recordJob(session, job);
  const { recording, result } = recorded;
  if (!result.ok) {
    throw new CinchError(
      "workload-failed",
      `the workload fails without any confinement\n${problemsText(result)}`,
      {
        hint: "a profile of a failed run would lack what the rest of it needs: make the workload pass first",
      },
    );
  }
  session.talk.phase("deriving the profile");
  const derived = derive([recording], { name: job.name, target: job.target.text, only: flags.only });
  const shown = (path: string): string => relative(this.cwd, path) || path;
  const made = replace(derived, existing, shown(places.profile));
  const seccompFile = seccompFileFor(made.profile, session.outputs);

  // Before the proof, which may be interrupted: the recording may be half an hour of somebody's work.
  const files = new Map([
    [places.profile, stringifyProfile(made.profile)],
    [places.evidence, jsonText(made.evidence)],
  ]);
  for (const [format, path] of places.artifacts) {
    const named = places.artifacts.get("seccomp");
    const context = { seccompFile: named === undefined ? seccompFile : shown(named) };
    files.set(path, emitFormat(format, made.profile, context).text);
  }
  for (const path of files.keys()) mkdirSync(dirname(path), { recursive: true });
  writeFiles(files);

  const verdict =
    flags.noVerify === true
      ? undefined
      : await verifyProfile({
          ...job,
          profile: made.profile,
          runs: flags.runs ?? DEFAULT_RUNS,
          plain: { engine: recorded.engine, result, watched: recorded },
          signal: session.signal,
          talk: session.talk,
        });
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
        return emitFormat(format, made.profile, { seccompFile }).text;
    }
  });
  session.summary(
    profiledText({ ...made, recording, verdict, files: [...files.keys()].map(shown), job }, session.paint),
  );
  if (verdict !== undefined) this.outcome = OUTCOME_EXIT[verdict.outcome];
  if (verdict === undefined) this.outcome = EXIT.fine;
}
