import { CinchError } from "../../base/index.ts";
import { digestOf, explain as explainProfile } from "../../profile/index.ts";
import type { CinchContext } from "../context.ts";
import { explanationDocument } from "../documents.ts";
import { FORMATS } from "../formats.ts";
import { evidencePath, readEvidence, readProfile } from "../read.ts";
import { explanationText, grantText } from "../reports/explanation.ts";
import { Session, jsonText } from "../session.ts";
import type { ExplainFlags } from "../tree.ts";

export default async function explain(
  this: CinchContext,
  flags: ExplainFlags,
  file: string,
  grant?: string,
): Promise<void> {
  using session = new Session(this, flags, FORMATS.json);
  const path = session.path(file);
  const profile = readProfile(path);
  const evidenceFile = flags.evidence === undefined ? evidencePath(path) : session.path(flags.evidence);
  const evidence = readEvidence(evidenceFile);
  if (evidence === undefined && flags.evidence !== undefined) {
    throw new CinchError("unreadable", `there is no ${flags.evidence}`);
  }
  if (evidence === undefined)
    session.talk.warn(`no evidence beside ${file}: nothing tells why its grants are there`);
  else if (evidence.profile !== digestOf(profile)) {
    session.talk.warn(
      "the profile was changed since its evidence was written: grants made since then have none",
    );
  }
  const explanation = explainProfile(profile, evidence, grant);
  if (grant !== undefined && explanation.grants.length === 0 && explanation.leftOut.length === 0) {
    throw new CinchError("no-grant", `${file} does not grant '${grant}'`, {
      hint: `cinch explain ${file} lists what it grants`,
    });
  }
  session.write(() => jsonText(explanationDocument(explanation)));
  session.summary(
    grant === undefined ? explanationText(explanation, session.paint) : grantText(explanation, session.paint),
  );
}
