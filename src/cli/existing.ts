import { existsSync } from "node:fs";
import {
  type EvidenceFile,
  type Profile,
  type ProfileDiff,
  diffProfiles,
  digestOf,
  mergeProfiles,
} from "../profile/index.ts";
import { type KeptGrant, humanGrants, onlyGrants } from "./keep.ts";
import { readEvidence, readProfile } from "./read.ts";

/** The profile that a new one will take the place of. */
export interface Existing {
  profile: Profile;
  evidence: EvidenceFile | undefined;
}

/** What is there under a profile's name. Throws if it is no profile: somebody else's file is not replaced. */
export function readExisting(profilePath: string, evidencePath: string): Existing | undefined {
  if (!existsSync(profilePath)) return undefined;
  return { profile: readProfile(profilePath), evidence: readEvidence(evidencePath) };
}

export interface Replacement {
  profile: Profile;
  evidence: EvidenceFile;
  /** Grants of the old profile that people made and the new run alone would not have given. */
  kept: KeptGrant[];
  /** From the old to the new one; undefined where there was none. */
  change: ProfileDiff | undefined;
}

/**
 * The new profile, and with it what people granted in the old one. A run shows what one run used; a person's grant
 * says what else is needed, and no run can take that back.
 */
export function replace(
  derived: { profile: Profile; evidence: EvidenceFile },
  existing: Existing | undefined,
  file: string,
): Replacement {
  if (existing === undefined) return { ...derived, kept: [], change: undefined };
  const human = humanGrants(existing.profile, existing.evidence, file);
  const kept = human.filter(({ grant }) => !derived.evidence.grants.some((entry) => entry.grant === grant));
  if (human.length === 0)
    return { ...derived, kept, change: diffProfiles(existing.profile, derived.profile) };
  const grants = new Set(human.map(({ grant }) => grant));
  const { name, target } = derived.profile;
  const profile = {
    ...mergeProfiles(derived.profile, { ...onlyGrants(existing.profile, grants), name, target }),
    name,
    target,
  };
  const evidence: EvidenceFile = {
    ...derived.evidence,
    profile: digestOf(profile),
    grants: withDeclared(derived.evidence.grants, human),
    leftOut: derived.evidence.leftOut.filter(({ grant }) => !grants.has(grant)),
  };
  return { profile, evidence, kept, change: diffProfiles(existing.profile, profile) };
}

function withDeclared(entries: EvidenceFile["grants"], human: readonly KeptGrant[]): EvidenceFile["grants"] {
  const byGrant = new Map(entries.map((entry) => [entry.grant, entry.evidence]));
  for (const { grant, by, reason } of human) {
    byGrant.set(grant, [...(byGrant.get(grant) ?? []), { kind: "declared", by, reason }]);
  }
  return [...byGrant].sort(([a], [b]) => (a < b ? -1 : 1)).map(([grant, evidence]) => ({ grant, evidence }));
}
