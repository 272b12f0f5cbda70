import { CinchError } from "../base/index.ts";
import { emitters } from "../emit/index.ts";
import type { Profile } from "../profile/index.ts";
import { EMIT_FORMATS } from "./formats.ts";
import type { Output } from "./output.ts";

/**
 * The name under which engine options speak of the filter's file: the one that it is written to in the same command,
 * else where it is kept, else the usual one.
 */
export function seccompFileFor(name: string, outputs: readonly Output[], kept?: string): string {
  return outputs.find(({ format }) => format === "seccomp")?.file ?? kept ?? `${name}.seccomp.json`;
}

/** Refuses artifacts that cannot be made, before the work of an hour is done for them. */
export function checkArtifacts(formats: Iterable<string>): void {
  for (const format of formats) {
    if (emitters[format] !== undefined) continue;
    throw new CinchError("unknown-format", `emit: there is no artifact '${format}'`, {
      hint: `the formats are ${EMIT_FORMATS.join(", ")}`,
    });
  }
}

/** One artifact. What the format cannot hold is in `warnings`. */
export function emitFormat(
  format: string,
  profile: Profile,
  context: { seccompFile: string },
): { text: string; warnings: string[] } {
  checkArtifacts([format]);
  return emitters[format]!(profile, context);
}
