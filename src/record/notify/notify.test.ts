import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { silent } from "../../base/index.ts";
import { resolveTarget } from "../../image/index.ts";
import type { Recording } from "../../profile/index.ts";
import { prepareSubject } from "../../workload/index.ts";
import { recordByNotification } from "./index.ts";

const isLinux = process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64");
if (!isLinux) process.stderr.write("SKIPPED: recording by notification: needs Linux on x86_64 or aarch64\n");

async function recorded(...command: string[]): Promise<Recording> {
  const target = await resolveTarget(undefined, { command, cwd: process.cwd() });
  await using subject = await prepareSubject(target, {
    engine: "local",
    confinement: { local: {} },
    talk: silent,
  });
  const workload = { steps: [], stop: "SIGTERM" };
  const { recording, result } = await recordByNotification({
    subject,
    workload,
    target: target.text,
    signal: new AbortController().signal,
    talk: silent,
  });
  expect(result.problems).toEqual([]);
  return recording;
}

const callsOf = (recording: Recording): string[] =>
  recording.phases.flatMap(({ syscalls }) =>
    syscalls.filter(({ assumed }) => assumed !== true).map(({ name }) => name),
  );

describe.skipIf(!isLinux)("recording by notification, as any user", () => {
  test("calls, files, programs and what it cannot see", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cinch-notify-"));
    try {
      const script = `cd ${folder}; echo hi > made; cat made missing 2> /dev/null | sort; mv made moved; rm moved; exit 0`;
      const recording = await recorded("/bin/sh", "-c", script);
      expect(callsOf(recording)).toEqual(expect.arrayContaining(["execve", "openat", "exit_group", "chdir"]));
      expect(recording.files).toContainEqual(
        expect.objectContaining({
          path: join(folder, "made"),
          ok: true,
          access: expect.arrayContaining(["create", "read", "write"]),
        }),
      );
      expect(recording.files).toContainEqual(
        expect.objectContaining({ path: join(folder, "missing"), ok: false, errnos: ["ENOENT"] }),
      );
      expect(recording.executables.some((path) => path.endsWith("/sort"))).toBe(true);
      expect(recording.notes.map(({ code }) => code)).toEqual([
        "hot-list",
        "errors-unseen",
        "capabilities-unseen",
      ]);
      expect(recording).toMatchObject({ method: "notify", complete: false, lost: { strings: 0 } });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test.skipIf(!existsSync("/usr/bin/python3"))("threads, sockets and short processes", async () => {
    const program = `import os, socket, threading
[t.start() for t in [threading.Thread(target=lambda: open("/etc/hostname").read()) for _ in range(4)]]
s = socket.socket(socket.AF_UNIX); s.bind("\\0cinch-test-%d" % os.getpid()); s.listen()
for i in range(100):
    if os.fork() == 0: os._exit(0)
    os.wait()`;
    const recording = await recorded("/usr/bin/python3", "-c", program);
    expect(recording.sockets).toContainEqual(
      expect.objectContaining({
        op: "bind",
        domain: "AF_UNIX",
        address: expect.stringMatching(/^@cinch-test-/),
      }),
    );
    const socket = recording.phases.flatMap(({ syscalls }) => syscalls).find(({ name }) => name === "socket");
    expect(socket?.args).toMatchObject({ closed: true, names: ["domain", "type", "protocol"] });
    expect(callsOf(recording)).toContain("listen");
  });

  test("a program that ends at once", async () => {
    expect(callsOf(await recorded("/bin/true"))).toContain("exit_group");
  });
});
