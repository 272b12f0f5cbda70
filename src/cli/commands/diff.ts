import { diffProfiles } from "../../profile/index.ts";
import type { CinchContext } from "../context.ts";
import { diffDocument } from "../documents.ts";
import { EXIT } from "../failure.ts";
import { FORMATS } from "../formats.ts";
import { readProfile } from "../read.ts";
import { diffText } from "../reports/diff.ts";
import { Session, jsonText } from "../session.ts";
import type { DiffFlags } from "../tree.ts";

export default async function diff(
  this: CinchContext,
  flags: DiffFlags,
  a: string,
  b: string,
): Promise<void> {
  using session = new Session(this, flags, FORMATS.json);
  const difference = diffProfiles(readProfile(session.path(a)), readProfile(session.path(b)));
  session.write(() => jsonText(diffDocument(a, b, difference)));
  session.summary(diffText(a, b, difference, session.paint));
  if (!difference.same) this.outcome = EXIT.found;
}
