import { realpathSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compileSeccomp } from "../../bpf/index.ts";
import type { OciSeccomp } from "../../linux/index.ts";
import type { RecordResult } from "../record.ts";
import { obstacle, recorded } from "./testing.ts";

const reason = await obstacle();
const arch = process.arch === "arm64" ? "aarch64" : "x86_64";

function watched(policy: OciSeccomp, script: string): Promise<RecordResult> {
  const filter = compileSeccomp(policy, { arch, deny: "notify" });
  return recorded(["/bin/sh", "-c", script], {
    watch: policy,
    confinement: { filter, listener: true, noNewPrivileges: true },
  });
}

const EACCES = 13;

function refusing(names: string[], action: string): OciSeccomp {
  const errno = action === "SCMP_ACT_ERRNO" ? { errnoRet: EACCES } : {};
  return { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names, action, ...errno }] };
}

describe.skipIf(reason !== undefined)("watching what a filter refuses", () => {
  test("an error is answered, and who met it is told", async () => {
    const { refused, result, recording } = await watched(
      refusing(["chdir"], "SCMP_ACT_ERRNO"),
      "cd / 2> /dev/null; cd /tmp && exit 3; exit 4",
    );
    expect(result.exit.code).toBe(4);
    expect(refused).toEqual([
      expect.objectContaining({
        name: "chdir",
        abi: "native",
        errno: "EACCES",
        executable: realpathSync("/bin/sh"),
      }),
    ]);
    expect(recording.phases).toEqual([]);
  });

  test("what would end the program ends it", async () => {
    const { refused, result } = await watched(refusing(["chdir"], "SCMP_ACT_KILL_PROCESS"), "cd /; exit 0");
    expect(result.exit).toEqual({ code: null, signal: "SIGKILL" });
    expect(refused.map(({ name, errno }) => `${name} ${errno}`)).toEqual(["chdir SIGSYS"]);
  });

  test("what only the launcher still has to call is none of the program's refusals", async () => {
    const { refused, result } = await watched(refusing(["read"], "SCMP_ACT_ERRNO"), "exit 0");
    // It was started; then its loader read in vain.
    expect(result.exit.code).not.toBe(0);
    expect(refused.map(({ name, executable }) => [name, executable])).toEqual([
      ["read", realpathSync("/bin/sh")],
    ]);
  });

  test("a supervisor that gives up lets nobody wait for it", async () => {
    const filter = compileSeccomp(refusing(["chdir"], "SCMP_ACT_ERRNO"), { arch, deny: "notify" });
    const { recording, result } = await recorded(["/bin/sh", "-c", "cd /; sleep 1000"], {
      // What cannot be decided by.
      watch: refusing(["chdir"], "SCMP_ACT_NONSENSE"),
      confinement: { filter, listener: true, noNewPrivileges: true },
    });
    expect(result.exit).toEqual({ code: null, signal: "SIGKILL" });
    expect(recording.notes.map(({ code }) => code)).toContain("supervisor");
  });
});
