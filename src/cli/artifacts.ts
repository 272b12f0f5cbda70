import { CinchError } from "../base/index.ts";
import { emitters } from "../emit/index.ts";
import type { Profile } from "../profile/index.ts";
import { EMIT_FORMATS } from "./formats.ts";
import type { Output } from "./output.ts";

/**
 * The name under which engine options speak of the filter's file: the one that it is written to in the same command,
 * else the usual one.
 */
export function seccompFileFor(profile: Profile, outputs: readonly Output[]): string {
  return outputs.find(({ format }) => format === "seccomp")?.file ?? `${profile.name}.seccomp.json`;
}

/** One artifact. What the format cannot hold is in `warnings`. */
export function emitFormat(
  format: string,
  profile: Profile,
  context: { seccompFile: string },
): { text: string; warnings: string[] } {
  const emitter = emitters[format];
  if (emitter === undefined) {
    throw new CinchError("unknown-format", `there is no artifact '${format}'`, {
      hint: `the formats are ${EMIT_FORMATS.join(", ")}`,
    });
  }
  return emitter(profile, context);
}
