import { existsSync } from "node:fs";
import { CinchError, readBounded } from "../base/index.ts";
import {
  type Analysis,
  type EvidenceFile,
  type Profile,
  type Recording,
  parseDocument,
  parseEvidence,
  parseProfile,
} from "../profile/index.ts";

/** A profile file. Throws `unreadable`, `too-large`, or what makes it no profile. */
export function readProfile(path: string): Profile {
  return parseProfile(readBounded(path).toString("utf8"), path);
}

/** Any of cinch's documents, by its `kind`. */
export function readDocument(path: string): ReturnType<typeof parseDocument> {
  return parseDocument(readBounded(path).toString("utf8"), path);
}

/** Recordings and analyses, told apart by their kind. Throws `not-evidence` for any other document. */
export function readSources(paths: readonly string[]): { recordings: Recording[]; analyses: Analysis[] } {
  const sources: { recordings: Recording[]; analyses: Analysis[] } = { recordings: [], analyses: [] };
  for (const path of paths) {
    const document = readDocument(path);
    if (document.kind === "recording") sources.recordings.push(document);
    else if (document.kind === "analysis") sources.analyses.push(document);
    else
      throw new CinchError(
        "not-a-recording",
        `${path} is a ${document.kind}, not a recording or an analysis`,
      );
  }
  return sources;
}

/** Where the evidence of a profile is kept: NAME.evidence.json beside NAME.profile.yaml. */
export function evidencePath(profilePath: string): string {
  return profilePath.replace(/(\.profile)?\.(ya?ml|json)$/, "") + ".evidence.json";
}

/** The evidence at a path, or undefined where there is no such file. */
export function readEvidence(path: string): EvidenceFile | undefined {
  return existsSync(path) ? parseEvidence(readBounded(path).toString("utf8"), path) : undefined;
}
