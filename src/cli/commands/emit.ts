import { CinchError } from "../../base/index.ts";
import type { CinchContext } from "../context.ts";
import { emitFormat, seccompFileFor } from "../artifacts.ts";
import { EMIT_FORMATS, FORMATS } from "../formats.ts";
import { readProfile } from "../read.ts";
import { Session } from "../session.ts";
import type { EmitFlags } from "../tree.ts";

export default async function emit(this: CinchContext, flags: EmitFlags, file: string): Promise<void> {
  using session = new Session(this, flags, FORMATS.emit);
  if (session.outputs.length === 0) {
    throw new CinchError("no-format", "which format?", {
      hint: `cinch emit ${file} -o ${EMIT_FORMATS[0]} (there are ${EMIT_FORMATS.join(", ")})`,
    });
  }
  const profile = readProfile(session.path(file));
  const seccompFile = seccompFileFor(profile.name, session.outputs);
  session.write((format) => {
    const { text, warnings } = emitFormat(format, profile, { seccompFile });
    for (const warning of warnings) session.talk.warn(`${format}: ${warning}`);
    return text;
  });
}
