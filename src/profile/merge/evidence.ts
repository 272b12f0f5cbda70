import type { Evidence, EvidenceFile } from "../model.ts";
import { firstOf, groupBy, joinNames, unique } from "./join.ts";

/**
 * The union of evidence. What one document leaves out and another grants is granted. It is evidence for the merged
 * profile, whose digest the caller puts in. Throws `cannot-merge` for none.
 */
export function mergeEvidence(...files: EvidenceFile[]): EvidenceFile {
  firstOf(files, "evidence");
  const grants = groupBy(
    files.flatMap((file) => file.grants),
    ({ grant }) => grant,
    (same) => ({ grant: same[0].grant, evidence: joinEvidence(same) }),
  );
  const granted = new Set(grants.map(({ grant }) => grant));
  return {
    schemaVersion: 1,
    kind: "evidence",
    profile: joinNames(files.map((file) => file.profile)),
    grants,
    leftOut: groupBy(
      files.flatMap(({ leftOut }) => leftOut).filter(({ grant }) => !granted.has(grant)),
      ({ grant, reason }) => `${grant}\0${reason}`,
      (same) => ({ grant: same[0].grant, reason: same[0].reason, evidence: joinEvidence(same) }),
    ),
  };
}

function joinEvidence(same: readonly { evidence: Evidence[] }[]): Evidence[] {
  return unique(same.flatMap(({ evidence }) => evidence));
}
