import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RecordedFile, Recording } from "../../profile/index.ts";
import { PYTHON, obstacle, recorded } from "./testing.ts";

const reason = await obstacle();
const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write("SKIPPED: a notified program in a root of its own: needs root\n");

async function run(...command: string[]): Promise<Recording> {
  const { recording, result } = await recorded(command);
  expect(result.problems).toEqual([]);
  return recording;
}

const callsOf = (recording: Recording): string[] =>
  recording.phases.flatMap(({ syscalls }) =>
    syscalls.filter(({ assumed }) => assumed !== true).map(({ name }) => name),
  );

describe.skipIf(reason !== undefined)("recording by notification, as any user", () => {
  let folder: string;
  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "cinch-notify-")));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const fileOf = (recording: Recording, name: string, ok = true): RecordedFile | undefined =>
    recording.files.find((file) => file.path === join(folder, name) && file.ok === ok);
  const script = (text: string): Promise<Recording> => run("/bin/sh", "-c", `cd ${folder}; ${text}; exit 0`);

  test("calls, files, programs and what it cannot see", async () => {
    const recording = await script(
      "echo hi > made; cat made missing 2> /dev/null | sort; mv made moved; rm moved",
    );
    expect(callsOf(recording)).toEqual(expect.arrayContaining(["execve", "openat", "exit_group", "chdir"]));
    expect(fileOf(recording, "made")?.access).toEqual(
      expect.arrayContaining(["create", "read", "rename", "write"]),
    );
    expect(fileOf(recording, "missing", false)?.errnos).toEqual(["ENOENT"]);
    expect(recording.executables.some((path) => path.endsWith("/sort"))).toBe(true);
    // The program's loader, which no call names.
    expect(recording.executables.some((path) => /\/ld-[^/]+$/.test(path))).toBe(true);
    expect(recording.notes.map(({ code }) => code)).toEqual([
      "hot-list",
      "errors-unseen",
      "capabilities-unseen",
    ]);
    expect(recording).toMatchObject({ method: "notify", complete: false, lost: { strings: 0 } });
  });

  test("a link is not what it points to", async () => {
    writeFileSync(join(folder, "kept"), "kept");
    symlinkSync("kept", join(folder, "link"));
    symlinkSync("kept", join(folder, "other"));
    mkdirSync(join(folder, "far/away"), { recursive: true });
    writeFileSync(join(folder, "far/beside"), "");
    symlinkSync("far/away", join(folder, "short"));
    const recording = await script("cat link short/../beside; mv other other2; rm link other2");
    // Up from where the link leads, not from where it lies.
    expect(fileOf(recording, "far/beside")?.access).toEqual(["read"]);
    expect(fileOf(recording, "kept")?.access).toEqual(["read"]);
    expect(fileOf(recording, "link")?.access).toContain("delete");
    expect(fileOf(recording, "other2")?.access).toEqual(expect.arrayContaining(["create", "delete"]));
  });

  test("only what is new is created, and what was missing may come later", async () => {
    writeFileSync(join(folder, "old"), "old");
    const recording = await script("cat new 2> /dev/null; echo a > old; echo b > new; cat new");
    expect(fileOf(recording, "old")?.access).toEqual(["write"]);
    expect(fileOf(recording, "new")?.access).toEqual(expect.arrayContaining(["create", "read", "write"]));
    expect(fileOf(recording, "new", false)?.errnos).toEqual(["ENOENT"]);
  });

  test("scripts, with all their interpreters", async () => {
    writeFileSync(join(folder, "inner"), "#!/bin/sh\nexit 0\n", { mode: 0o755 });
    writeFileSync(join(folder, "outer"), `#! ${join(folder, "inner")} argument\n`, { mode: 0o755 });
    const recording = await run(join(folder, "outer"));
    expect(recording.executables).toEqual(
      expect.arrayContaining([join(folder, "outer"), join(folder, "inner"), realpathSync("/bin/sh")]),
    );
    expect(fileOf(recording, "inner")?.access).toContain("execute");
  });

  test("a program that would gain privilege, and does not", async () => {
    copyFileSync("/bin/true", join(folder, "gains"));
    chmodSync(join(folder, "gains"), 0o4755);
    const { notes } = await run(join(folder, "gains"));
    expect(notes).toContainEqual({
      code: "setuid-without-privilege",
      text: expect.stringContaining(`${join(folder, "gains")} was executed without the privilege`),
    });
  });

  test("a program that ends at once", async () => {
    expect(callsOf(await run("/bin/true"))).toContain("exit_group");
  });

  test("a program that cannot be executed is an error, as ever", async () => {
    writeFileSync(join(folder, "text"), "just text", { mode: 0o755 });
    await expect(run(join(folder, "text"))).rejects.toMatchObject({
      code: "start-failed",
      message: expect.stringContaining("could not execute the program: ENOEXEC"),
    });
  });

  describe.skipIf(!existsSync(PYTHON))("of Python programs", () => {
    const python = (program: string): Promise<Recording> =>
      run(PYTHON, "-c", `import os, socket\n${program}`);

    test("threads, and many short processes", async () => {
      const recording = await python(`import threading
threads = [threading.Thread(target=lambda: open("/etc/passwd").read()) for _ in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
for i in range(300):
    if os.fork() == 0: os.umask(0) if i == 299 else None; os._exit(0)
    os.wait()`);
      expect(recording.files).toContainEqual(
        expect.objectContaining({ path: "/etc/passwd", ok: true, access: expect.arrayContaining(["read"]) }),
      );
      // Made by the last of them alone.
      expect(callsOf(recording)).toContain("umask");
      const waits = recording.phases[0]!.syscalls.find(({ name }) => name === "wait4");
      expect(waits?.count).toBeGreaterThanOrEqual(300);
    });

    test("sockets: what kind, whoever uses them, with which address", async () => {
      const recording = await python(`os.chdir(${JSON.stringify(folder)})
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 0))
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b"x"], [], 0, u.getsockname())
s = socket.socket(socket.AF_UNIX); s.bind("sock")
if os.fork() == 0: s.listen(); os._exit(0)
os.wait()
socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).bind("\\0cinch-test-%d" % os.getpid())`);
      expect(recording.sockets).toEqual(
        expect.arrayContaining([
          { op: "create", domain: "AF_INET", type: "SOCK_DGRAM", protocol: 0, address: "" },
          { op: "bind", domain: "AF_INET", type: "SOCK_DGRAM", protocol: 17, address: "127.0.0.1:0" },
          expect.objectContaining({
            op: "send",
            type: "SOCK_DGRAM",
            address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
          }),
          { op: "bind", domain: "AF_UNIX", type: "SOCK_STREAM", protocol: 0, address: "sock" },
          // By a child, which inherited it.
          { op: "listen", domain: "AF_UNIX", type: "SOCK_STREAM", protocol: 0, address: "sock" },
          expect.objectContaining({
            op: "bind",
            type: "SOCK_SEQPACKET",
            address: expect.stringMatching(/^@cinch-test-/),
          }),
        ]),
      );
      expect(fileOf(recording, "sock")).toMatchObject({ access: ["create"], type: "socket" });
      const socket = recording.phases[0]!.syscalls.find(({ name }) => name === "socket");
      expect(socket?.args).toMatchObject({ closed: true, names: ["domain", "type", "protocol"] });
    });

    test("programs by descriptor, files without a name, and futimens", async () => {
      writeFileSync(join(folder, "dated"), "");
      const recording = await python(`
fd = os.open("/bin/true", os.O_RDONLY)
if os.fork() == 0: os.execve(fd, ["true"], {})
os.wait()
os.open(${JSON.stringify(folder)}, os.O_TMPFILE | os.O_RDWR)
os.utime(os.open(${JSON.stringify(join(folder, "dated"))}, os.O_RDONLY))`);
      expect(recording.executables).toContain(realpathSync("/bin/true"));
      expect(fileOf(recording, "#0")?.access).toEqual(["create", "read", "write"]);
      expect(fileOf(recording, "dated")?.access).toEqual(["read", "write"]);
    });

    test.skipIf(!isRoot)("in a root of its own, paths are the machine's", async () => {
      mkdirSync(join(folder, "jail"));
      writeFileSync(join(folder, "jail/inside"), "");
      symlinkSync("/inside", join(folder, "jail/link"));
      const recording = await python(
        `os.chroot(${JSON.stringify(join(folder, "jail"))}); os.chdir("/"); open("/link"); open("inside")`,
      );
      expect(fileOf(recording, "jail/inside")).toMatchObject({ access: ["read"], ok: true });
      expect(recording.files.some(({ path }) => path === "/inside" || path === "/link")).toBe(false);
    });
  });

  test("a killed cinch leaves no program behind", async () => {
    const pidFile = join(folder, "pid");
    const loop = `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; while :; do sleep 0.1; done`;
    const source = `
      const { recorded } = await import(${JSON.stringify(new URL("testing.ts", import.meta.url))});
      await recorded(["/bin/sh", "-c", ${JSON.stringify(loop)}]);`;
    const cinch = spawn(process.execPath, ["--input-type=module", "-e", source], { stdio: "inherit" });
    await expect.poll(() => existsSync(pidFile), { timeout: 30_000 }).toBe(true);
    const pid = readFileSync(pidFile, "utf8").trim();
    cinch.kill("SIGKILL");
    await expect.poll(() => spawnSync("kill", ["-0", pid]).status, { timeout: 30_000 }).not.toBe(0);
  });
});
