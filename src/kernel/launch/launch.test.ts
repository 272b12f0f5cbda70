import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ClassicAssembler, SECCOMP_OFFSET, SECCOMP_RETURN, encodeClassic } from "../../bpf/index.ts";
import { landlockAbi, launch, type LocalConfinement } from "../index.ts";
import { launchSteps } from "./confinement.ts";
import { launcherElf } from "./elf.ts";

const isLinux = process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64");
if (!isLinux) process.stderr.write(`SKIPPED: the launcher: needs Linux on x86_64 or aarch64\n`);

/** Root with all that belongs to it, which root of a container is not. */
function mayAdminister(): boolean {
  if (process.getuid?.() !== 0) return false;
  const effective = /^CapEff:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1]!;
  const CAP_SYS_ADMIN = 21n;
  return ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
}
if (isLinux && !mayAdminister())
  process.stderr.write("SKIPPED: capabilities of launched programs: needs root with CAP_SYS_ADMIN\n");

async function run(
  argv: string[],
  confinement: LocalConfinement = {},
): Promise<{ code: number | null; output: string }> {
  let output = "";
  const launched = await launch(argv, { confinement, onOutput: (chunk) => (output += String(chunk)) });
  const { code } = await launched.exited;
  return { code, output };
}

/** The state of a process as proc_pid_status(5) has it; "" if there is none. */
function stateOf(pid: number): string {
  try {
    return /^State:\s*(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
  } catch {
    return "";
  }
}

/** Answers uname (63, on arm64 160) with EACCES, and lets all else pass. */
function noUname(): Uint8Array {
  const nr = process.arch === "arm64" ? 160 : 63;
  const program = new ClassicAssembler().load(SECCOMP_OFFSET.nr).jump("eq", nr, "refuse");
  return encodeClassic(
    program
      .return(SECCOMP_RETURN.allow)
      .label("refuse")
      .return(SECCOMP_RETURN.errno | 13)
      .assemble(),
  );
}

describe.skipIf(!isLinux)("a program is started by the launcher", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "cinch-launch-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("with its arguments, environment and name as they were given", async () => {
    let output = "";
    const launched = await launch(["sh", "-c", 'echo "$0 $1 $WHO"', "zero", "a b"], {
      env: { PATH: "/bin:/usr/bin", WHO: "me" },
      onOutput: (chunk) => (output += String(chunk)),
    });
    expect(await launched.exited).toEqual({ code: 0, signal: null });
    expect(output).toBe("zero a b me\n");
  });

  test("and holds no descriptor but the first three", async () => {
    const { output } = await run(["sh", "-c", "ls /proc/$$/fd"]);
    expect(output.split("\n").filter((fd) => fd !== "" && Number(fd) < 10)).toEqual(["0", "1", "2"]);
  });

  test("waits at the gate until its hook is done", async () => {
    let comm = "";
    const launched = await launch(["true"], {
      gate: async (pid) => {
        comm = spawnSync("cat", [`/proc/${pid}/comm`], { encoding: "utf8" }).stdout.trim();
      },
    });
    // Still the launcher, which has no name of its own but its descriptor's number.
    expect(comm).not.toBe("true");
    expect((await launched.exited).code).toBe(0);
  });

  test("not at all, if the hook fails", async () => {
    const witness = join(folder, "witness");
    const gate = (): Promise<void> => Promise.reject(new Error("no"));
    await expect(launch(["touch", witness], { gate })).rejects.toThrow("no");
    expect(existsSync(witness)).toBe(false);
  });

  test("what cannot be started is told apart", async () => {
    writeFileSync(join(folder, "closed"), "#!/bin/sh\n", { mode: 0o644 });
    // To root of a machine too: without any x bit nobody may execute it.
    await expect(run([join(folder, "closed")])).rejects.toMatchObject({
      code: "no-program",
      hint: `chmod +x ${join(folder, "closed")}`,
    });
    writeFileSync(join(folder, "orphan"), "#!/no/such/shell\n", { mode: 0o755 });
    await expect(run([join(folder, "orphan")])).rejects.toMatchObject({
      code: "launch-failed",
      message: expect.stringContaining("could not execute the program: ENOENT"),
    });
    await expect(run(["no-such-program"])).rejects.toMatchObject({ code: "no-program" });
    writeFileSync(join(folder, "text"), "just text", { mode: 0o755 });
    await expect(run([join(folder, "text")])).rejects.toThrow(/could not execute the program: ENOEXEC/);
  });

  test("under a filter, which is the last step", async () => {
    const { code, output } = await run(["uname"], { noNewPrivileges: true, filter: noUname() });
    expect(output).toMatch(/cannot get system name/);
    expect(code).toBe(1);
    expect(
      (
        await run(["grep", "-E", "NoNewPrivs|Seccomp:", "/proc/self/status"], {
          noNewPrivileges: true,
          filter: noUname(),
        })
      ).output,
    ).toMatch(/NoNewPrivs:\s+1\nSeccomp:\s+2/);
  });

  test("and is ended with whoever started it", async () => {
    const script = `const { launch } = await import(${JSON.stringify(new URL("../index.ts", import.meta.url))});
      const { pid } = await launch(["sleep", "1000"]);
      console.log(pid);`;
    const starter = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = (await once(starter.stdout, "data")) as [Buffer];
    const pid = Number(String(said));
    expect(stateOf(pid)).toMatch(/^[RSD]/);
    starter.kill("SIGKILL");
    await expect.poll(() => stateOf(pid), { timeout: 30_000 }).toMatch(/^($|Z)/);
  });

  test("under file rules", async (context) => {
    if (landlockAbi() === 0) {
      process.stderr.write("SKIPPED: file rules: this kernel does not offer Landlock\n");
      context.skip();
    }
    writeFileSync(join(folder, "secret"), "secret");
    const system = ["/usr/", "/lib/", "/lib64/", "/bin/", "/etc/ld.so.cache"].filter((path) =>
      existsSync(path),
    );
    const open = join(folder, "open");
    spawnSync("mkdir", [open]);
    const landlock = { read: system, write: [`${open}/`], execute: system };
    const script = `cat ${folder}/secret; echo a > ${folder}/new; echo b > ${open}/b && mv ${open}/b ${open}/c && cat ${open}/c`;
    const { output } = await run(["sh", "-c", script], { noNewPrivileges: true, landlock });
    expect(output.match(/Permission denied/g)).toHaveLength(2);
    expect(output).toMatch(/b\n$/);
    expect(existsSync(join(folder, "new"))).toBe(false);
  });

  test.skipIf(!mayAdminister())("with the capabilities that are kept, and no other", async () => {
    const { output } = await run(["grep", "-E", "Cap(Prm|Eff|Bnd|Inh)", "/proc/self/status"], {
      capabilities: ["CAP_KILL"],
    });
    expect(output.match(/0000000000000020/g)).toHaveLength(3);
    // Filters without no-new-privileges want CAP_SYS_ADMIN: the program itself does not get it.
    const filtered = { capabilities: ["CAP_KILL"], filter: noUname() };
    const without = await run(["grep", "-E", "Cap(Prm|Eff|Bnd)|NoNewPrivs", "/proc/self/status"], filtered);
    expect(without.output.match(/0000000000000020/g)).toHaveLength(3);
    expect(without.output).toMatch(/NoNewPrivs:\s+0/);
    const user = { uid: 65_534, gid: 65_534 };
    expect((await run(["id", "-u"], { user, capabilities: [] })).output).toBe("65534\n");
    const other = await run(["grep", "-E", "Cap(Prm|Eff)|Seccomp:", "/proc/self/status"], {
      user,
      filter: noUname(),
    });
    expect(other.output).toMatch(/CapPrm:\s+0{16}\nCapEff:\s+0{16}\nSeccomp:\s+2/);
  });
});

describe("the launcher for aarch64", () => {
  const qemu = ["/usr/bin/qemu-aarch64-static", "/usr/bin/qemu-aarch64"].find((path) => existsSync(path));
  if (qemu === undefined)
    process.stderr.write("SKIPPED: the launcher for aarch64: qemu-aarch64 is not installed\n");

  test.skipIf(qemu === undefined)("makes its steps under qemu, and reports the one that fails", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cinch-arm64-"));
    try {
      const elf = join(folder, "launcher");
      writeFileSync(elf, launcherElf("arm64", launchSteps("arm64", { noNewPrivileges: true })), {
        mode: 0o755,
      });
      const outcome = async (program: string): Promise<{ code: number | null; status: Buffer }> => {
        const child = spawn(qemu!, [elf, program, "echo", "from arm64"], {
          stdio: ["ignore", "ignore", "inherit", "pipe", "pipe"],
        });
        const status: Buffer[] = [];
        (child.stdio[4] as Readable).on("data", (chunk: Buffer) => status.push(chunk));
        (child.stdio[3] as Writable).end("\n");
        const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
        return { code, status: Buffer.concat(status) };
      };
      // qemu passes execve on to the machine's own programs.
      expect(await outcome("/bin/true")).toEqual({ code: 0, status: Buffer.alloc(0) });
      const failed = await outcome("/nonexistent");
      expect(failed.code).toBe(125);
      const steps = launchSteps("arm64", { noNewPrivileges: true });
      expect(steps[failed.status.readUInt32LE(0)]!.name).toBe("execute the program");
      expect(failed.status.readUInt32LE(4)).toBe(2);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
