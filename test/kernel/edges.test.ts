import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silent } from "../../src/base/index.ts";
import type { Recording } from "../../src/profile/index.ts";
import { EbpfSession } from "../../src/record/index.ts";
import { ensurePackages } from "../support/packages.ts";
import { tier } from "../support/tier.ts";

async function recordTree(
  argv: string[],
  options: { cwd?: string; strings?: boolean } = {},
): Promise<Recording> {
  using session = new EbpfSession({ scope: "tree", strings: options.strings, talk: silent });
  session.attach();
  const child = spawn("/bin/sh", ["-c", 'read _ <&3; exec 3<&-; exec "$@"', "sh", ...argv], {
    cwd: options.cwd,
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  session.follow(child.pid!);
  (child.stdio[3] as NodeJS.WritableStream).write("\n");
  await once(child, "exit");
  return session.finish({ target: "test", runtime: "local", noNewPrivileges: false }).recording;
}

const callsOf = (recording: Recording): string[] =>
  recording.phases.flatMap(({ syscalls }) => syscalls.map(({ name }) => name));

tier("kernel")("the recorder at its edges", () => {
  let folder: string;
  beforeAll(() => {
    ensurePackages(["python3-minimal"], "/usr/bin/python3");
    folder = mkdtempSync(join(tmpdir(), "cinch-edges-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("20,000 distinct files and 2,000 executions: nothing lost, or the loss is counted", async () => {
    const program = `import os
for i in range(20000): os.close(os.open("f%d" % i, os.O_CREAT | os.O_WRONLY))
for i in range(2000):
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(pid, 0)`;
    const recording = await recordTree(["/usr/bin/python3", "-c", program], { cwd: folder });
    const files = recording.files.filter(({ path, ok }) => ok && /\/f\d+$/.test(path));
    const lost = Object.values(recording.lost).reduce((a, b) => a + b, 0);
    expect(callsOf(recording)).toEqual(expect.arrayContaining(["openat", "close", "wait4", "exit_group"]));
    expect(recording.executables).toContain("/usr/bin/true");
    expect(recording.complete).toBe(lost === 0);
    expect(files.length + lost).toBeGreaterThanOrEqual(20_000);
    expect(lost).toBe(0);
  });

  test("2,000 short processes", async () => {
    const program = `import os
for i in range(2000):
    if os.fork() == 0: os.umask(0) if i == 1999 else None; os._exit(0)
    os.wait()`;
    const recording = await recordTree(["/usr/bin/python3", "-c", program]);
    // Made by the last of them alone.
    expect(callsOf(recording)).toContain("umask");
    expect(recording.complete).toBe(true);
  });

  test("a program that ends at once", async () => {
    const recording = await recordTree(["/bin/true"]);
    expect(callsOf(recording)).toContain("exit_group");
    expect(recording.executables).toContain("/usr/bin/true");
  });

  test("a program that does not exist: nothing of it, and no invented calls", async () => {
    const recording = await recordTree(["/nonexistent/program"]).catch((error: unknown) => error as Error);
    // The gate's shell ends without having become another program.
    if (recording instanceof Error) expect(recording.message).toMatch(/nothing|no program/);
    else expect(recording.phases.filter(({ name }) => name === "app")).toEqual([]);
  });

  test("io_uring is noted as a hole", async () => {
    // Number 425 on every architecture; a null parameter block fails, and is a use all the same.
    const program = "import ctypes; ctypes.CDLL(None).syscall(425, 1, None)";
    const recording = await recordTree(["/usr/bin/python3", "-c", program]);
    expect(recording.notes.map(({ code }) => code)).toContain("io-uring");
  });

  test("arguments that decide are kept, with whether the set is closed", async () => {
    const program = `import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM); socket.socket(socket.AF_UNIX)`;
    const recording = await recordTree(["/usr/bin/python3", "-c", program]);
    const call = recording.phases.flatMap(({ syscalls }) => syscalls).find(({ name }) => name === "socket")!;
    const SOCK_CLOEXEC = 0o2000000;
    expect(call.args).toEqual({
      names: ["domain", "type", "protocol"],
      values: [
        [1, 1 | SOCK_CLOEXEC, 0],
        [2, 2 | SOCK_CLOEXEC, 0],
      ],
      closed: true,
    });
  });

  test("capabilities: granted and refused, with the call that asked", async () => {
    const program = `import os
os.chown("/tmp", -1, -1)
os.open("/etc/shadow", os.O_RDONLY)
os.setgid(65534); os.setuid(65534)
try: os.setuid(0)
except OSError: pass`;
    const recording = await recordTree(["/usr/bin/python3", "-c", program]);
    const setuid = recording.capabilities.filter(({ name }) => name === "CAP_SETUID");
    expect(setuid).toEqual([
      { name: "CAP_SETUID", granted: false, syscalls: ["setuid"] },
      { name: "CAP_SETUID", granted: true, syscalls: ["setuid"] },
    ]);
    const call = recording.phases.flatMap(({ syscalls }) => syscalls).find(({ name }) => name === "setuid");
    expect(call?.errnos).toEqual(["EPERM"]);
    expect(recording.capabilities.map(({ name }) => name)).not.toContain("CAP_SYS_ADMIN");
  });

  test("calls only: no strings, and it says so", async () => {
    const recording = await recordTree(["/bin/ls", "/"], { strings: false });
    expect(callsOf(recording)).toEqual(expect.arrayContaining(["getdents64", "write"]));
    expect(recording.notes.map(({ code }) => code)).toContain("calls-only");
    expect(recording.complete).toBe(false);
  });

  test("a recorder that is killed leaves no program attached", async () => {
    const script = `
      const { EbpfSession } = await import(${JSON.stringify(join(process.cwd(), "src/record/index.ts"))});
      const session = new EbpfSession({ scope: "tree", talk: { phase() {}, warn() {}, detail() {} } });
      session.attach();
      console.log("attached");
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    expect(programs()).toBeGreaterThan(0);
    child.kill("SIGKILL");
    await once(child, "exit");
    for (let i = 0; i < 50 && programs() > 0; i += 1)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(programs()).toBe(0);
  });
});

/** How many eBPF programs with our names the kernel holds: by their ids, from descriptors in /proc would miss others'. */
function programs(): number {
  const script = `
    const { libc } = await import(${JSON.stringify(join(process.cwd(), "src/kernel/index.ts"))});
    const bpf = (command, attr) => libc().syscall(process.arch === "arm64" ? 280 : 321, command, attr, attr.length);
    let id = 0, count = 0;
    for (;;) {
      const next = Buffer.alloc(16);
      next.writeUInt32LE(id, 0);
      if (bpf(11, next) < 0) break; // BPF_PROG_GET_NEXT_ID
      id = next.readUInt32LE(4);
      const open = Buffer.alloc(16);
      open.writeUInt32LE(id, 0);
      const fd = bpf(13, open); // BPF_PROG_GET_FD_BY_ID
      if (fd < 0) continue;
      const info = Buffer.alloc(256), attr = Buffer.alloc(16);
      attr.writeUInt32LE(fd, 0); attr.writeUInt32LE(256, 4); attr.writeBigUInt64LE(libc().address(info), 8);
      bpf(15, attr);
      if (info.toString("latin1", 64, 80).startsWith("cinch_")) count += 1;
      require("fs").closeSync(fd);
    }
    console.log(count);`.replace('require("fs")', "(await import('node:fs'))");
  const result = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  return Number(result.stdout);
}
