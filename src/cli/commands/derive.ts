import { derive as deriveProfile, stringifyProfile } from "../../profile/index.ts";
import type { CinchContext } from "../context.ts";
import { bundleDocument } from "../documents.ts";
import { FORMATS } from "../formats.ts";
import { readSources } from "../read.ts";
import { Session, jsonText } from "../session.ts";
import type { DeriveFlags } from "../tree.ts";

export default async function derive(
  this: CinchContext,
  flags: DeriveFlags,
  ...files: string[]
): Promise<void> {
  using session = new Session(this, flags, FORMATS.derive);
  const { recordings, analyses } = readSources(files.map((file) => session.path(file)));
  const { profile, evidence } = deriveProfile(recordings, {
    analyses,
    name: flags.name,
    target: flags.target,
    only: flags.only,
  });
  for (const reason of profile.incomplete ?? []) session.talk.warn(`the profile is incomplete: ${reason}`);
  if (session.outputs.length === 0) {
    this.process.stdout.write(stringifyProfile(profile));
    return;
  }
  session.write((format) => {
    if (format === "json") return jsonText(bundleDocument({ profile, evidence }));
    return format === "evidence" ? jsonText(evidence) : stringifyProfile(profile);
  });
}
