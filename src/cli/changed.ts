import { createHash } from "node:crypto";
import { CinchError } from "../base/index.ts";
import type { Target } from "../image/index.ts";
import type { Note, Profile } from "../profile/index.ts";
import { targetFiles } from "./analysis.ts";
import type { Session } from "./session.ts";
import { list } from "./text.ts";

/**
 * Says whether the executables that a profile was derived from are still those of the target: one that changed may do
 * what the profile does not know. No notes where all are the same, or nothing was analyzed.
 */
export async function changedCode(session: Session, profile: Profile, target: Target): Promise<Note[]> {
  const { analyzed = [] } = profile;
  if (analyzed.length === 0) return [];
  try {
    await using files = await targetFiles(session, target);
    const changed = analyzed.flatMap(({ path, digest }) => {
      const content = files.tree.read(path);
      if (content === undefined) return [`${path} (gone)`];
      return `sha256:${createHash("sha256").update(content).digest("hex")}` === digest ? [] : [path];
    });
    if (changed.length === 0) return [];
    return [
      {
        code: "image-changed",
        text: `the profile was made of other code: ${list(changed, 6)} changed since; make it anew with cinch profile ${target.text}`,
      },
    ];
  } catch (error) {
    if (!(error instanceof CinchError)) throw error;
    return [
      {
        code: "image-not-compared",
        text: `whether the code is still that of the profile is not known: ${error.message}`,
      },
    ];
  }
}
