import { existsSync } from "node:fs";
import { messageOf, silent } from "../../base/index.ts";
import { resolveTarget } from "../../image/index.ts";
import type { LocalConfinement } from "../../kernel/index.ts";
import type { OciSeccomp } from "../../linux/index.ts";
import { prepareSubject } from "../../workload/index.ts";
import type { RecordResult } from "../record.ts";
import { recordByNotification } from "./index.ts";

export const PYTHON = "/usr/bin/python3";

/** Records a command until it ends. `watch`: what the confinement's own filter refuses. */
export async function recorded(
  command: string[],
  options: { watch?: OciSeccomp; confinement?: LocalConfinement } = {},
): Promise<RecordResult> {
  const target = await resolveTarget(undefined, { command, cwd: process.cwd() });
  await using subject = await prepareSubject(target, {
    engine: "local",
    confinement: { local: options.confinement ?? {} },
    talk: silent,
  });
  return await recordByNotification({
    subject,
    workload: { steps: [], stop: "SIGTERM" },
    target: target.text,
    ...(options.watch === undefined ? {} : { watch: options.watch }),
    signal: new AbortController().signal,
    talk: silent,
  });
}

/** Why nothing can be recorded in this way here, said aloud; undefined if it can. */
export async function obstacle(): Promise<string | undefined> {
  let reason: string | undefined;
  if (process.platform === "linux" && ["x64", "arm64"].includes(process.arch)) {
    try {
      await recorded(["/bin/true"]);
    } catch (error) {
      reason = messageOf(error);
    }
  } else {
    reason = "needs Linux on x86_64 or aarch64";
  }
  if (reason !== undefined) process.stderr.write(`SKIPPED: recording by notification: ${reason}\n`);
  if (!existsSync(PYTHON)) process.stderr.write(`SKIPPED: notified threads and sockets: needs ${PYTHON}\n`);
  return reason;
}
