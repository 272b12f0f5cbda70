import { CinchError, yaml } from "../../base/index.ts";
import {
  type Analysis,
  type EvidenceFile,
  type Profile,
  type Recording,
  mergeAnalyses,
  mergeEvidence,
  mergeProfiles,
  mergeRecordings,
  stringifyProfile,
} from "../../profile/index.ts";
import type { CinchContext } from "../context.ts";
import { FORMATS } from "../formats.ts";
import { readDocument } from "../read.ts";
import { Session, jsonText } from "../session.ts";
import type { MergeFlags } from "../tree.ts";

export default async function merge(
  this: CinchContext,
  flags: MergeFlags,
  ...files: string[]
): Promise<void> {
  using session = new Session(this, flags, FORMATS.merge);
  const documents = files.map((file) => ({ file, document: readDocument(session.path(file)) }));
  const kind = documents[0]!.document.kind;
  const other = documents.find(({ document }) => document.kind !== kind);
  if (other !== undefined) {
    throw new CinchError(
      "mixed-kinds",
      `${documents[0]!.file} is a ${kind} and ${other.file} is a ${other.document.kind}: only one kind can be merged`,
    );
  }
  const merged = union(
    kind,
    documents.map(({ document }) => document),
  );
  const asYaml = (): string =>
    merged.kind === "profile" ? stringifyProfile(merged) : yaml().stringify(merged);
  // Profiles are read by people, the others by programs.
  if (session.outputs.length === 0)
    this.process.stdout.write(kind === "profile" ? asYaml() : jsonText(merged));
  else session.write((format) => (format === "yaml" ? asYaml() : jsonText(merged)));
}

function union(
  kind: string,
  documents: readonly { kind: string }[],
): Recording | Analysis | Profile | EvidenceFile {
  switch (kind) {
    case "recording":
      return (documents as Recording[]).reduce((a, b) => mergeRecordings(a, b));
    case "analysis":
      return mergeAnalyses(...(documents as Analysis[]));
    case "profile":
      return (documents as Profile[]).reduce((a, b) => mergeProfiles(a, b));
    case "evidence":
      return (documents as EvidenceFile[]).reduce((a, b) => mergeEvidence(a, b));
    default:
      throw new CinchError("cannot-merge", `a ${kind} cannot be merged`, {
        hint: "recordings, analyses, profiles and evidence can",
      });
  }
}
