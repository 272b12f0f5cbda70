import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, closeSync, constants, readdirSync, readlinkSync, writeSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { CinchError, NotSupportedError } from "../../base/index.ts";
import { errnoName } from "../../linux/index.ts";
import { createRuleset } from "../landlock.ts";
import { libc } from "../libc.ts";
import { FLAG_WAIT_KILLABLE, type LocalConfinement, launchSteps } from "./confinement.ts";
import { BASE, launcherElf } from "./elf.ts";
import type { Machine, Step } from "./machine.ts";

export interface LaunchOptions {
  confinement?: LocalConfinement;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Standard input, output and error (default: nothing, and pipes). */
  stdio?: "inherit" | "capture";
  /** With "capture": what the program writes, as it comes. Nothing that it wrote is lost, however short it lives. */
  onOutput?: (chunk: Buffer, stream: "stdout" | "stderr") => void;
  /** Runs while the process waits before its first step; what it throws ends the process. */
  gate?: (pid: number) => Promise<void> | void;
}

export interface Launched {
  pid: number;
  child: ChildProcess;
  /** Resolves when the process has ended. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** The descriptor on which notifications of its filter come; the caller's to close. */
  listener: number | undefined;
  /** Rules that named what does not exist, and limits of this kernel's Landlock. */
  landlock: { skipped: string[]; limits: string[] } | undefined;
}

const MEMFD_CREATE = process.arch === "arm64" ? 279 : 319;
const SECCOMP = process.arch === "arm64" ? 277 : 317;
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;
const MFD_CLOEXEC = 1;

/**
 * Starts a program under a confinement, by a launcher that is made for it: a small ELF file in memory, which takes the
 * confinement on itself, step by step, and then becomes the program. Nothing is written to disk.
 *
 * Resolves once the program has been executed. Throws `launch-failed` naming the step and the error; `no-program` if
 * there is no such program.
 */
export async function launch(argv: readonly string[], options: LaunchOptions = {}): Promise<Launched> {
  const machine = machineHere();
  const confinement = { ...options.confinement };
  // Without privilege there is nothing to drop, and under no-new-privileges nothing to gain.
  if (process.getuid?.() !== 0) delete confinement.capabilities;
  const env = options.env ?? process.env;
  const cwd = resolve(options.cwd ?? ".");
  const program = findProgram(argv[0] ?? "", env["PATH"], cwd);
  const ruleset = confinement.landlock === undefined ? undefined : createRuleset(confinement.landlock);
  let memfd: number | undefined;
  let child: ChildProcess;
  let steps: Step[];
  try {
    const flags = confinement.listener === true && knowsWaitKillable() ? FLAG_WAIT_KILLABLE : 0;
    steps = launchSteps(machine, confinement, flags).map((step) => withProgram(step, confinement.filter));
    memfd = libc().syscall(MEMFD_CREATE, Buffer.from("cinch-launch\0"), MFD_CLOEXEC);
    if (memfd < 0) throw new CinchError("launch-failed", `memfd_create: ${errnoName(libc().errno())}`);
    writeSync(memfd, linkFilter(machine, steps, confinement.filter));
    const stdio: StdioOptions =
      options.stdio === "inherit" ? ["inherit", "inherit", "inherit"] : ["ignore", "pipe", "pipe"];
    stdio.push("pipe", "pipe", ruleset?.fd ?? "ignore");
    // By our own /proc entry: the launcher itself holds no descriptor of the file.
    child = spawn(`/proc/${process.pid}/fd/${memfd}`, [program, ...argv], {
      cwd,
      env,
      stdio,
      argv0: argv[0],
      // In a session of its own, Ctrl-C in our terminal reaches us alone, and we end it as it wants to be ended.
      detached: options.stdio !== "inherit",
    });
    // At once: Node throws away what nobody reads when a process ends.
    child.stdout?.on("data", (chunk: Buffer) => options.onOutput?.(chunk, "stdout"));
    child.stderr?.on("data", (chunk: Buffer) => options.onOutput?.(chunk, "stderr"));
    await once(child, "spawn");
  } catch (error) {
    if (error instanceof CinchError) throw error;
    throw new CinchError("launch-failed", `cannot start the launcher for ${argv[0]}`, {
      cause: error,
      hint: `is ${cwd} a folder that this user may enter?`,
    });
  } finally {
    if (ruleset !== undefined) closeSync(ruleset.fd);
  }
  const pid = child.pid!;
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((done) => {
    child.once("close", (code, signal) => done({ code, signal }));
  });
  const gate = child.stdio[3] as unknown as Writable;
  const status = child.stdio[4] as unknown as Readable;
  gate.on("error", () => {});
  const outcome = readStatus(status);
  try {
    await options.gate?.(pid);
    gate.write("\n");
    const listener = confinement.listener === true ? await takeListener(pid, outcome) : undefined;
    gate.end("\n");
    // Where calls are handed to a supervisor, execve may wait for one: the caller, who has the listener now.
    if (listener === undefined) await checkStatus(outcome, steps, argv[0]!, program);
    return {
      pid,
      child,
      exited,
      listener,
      landlock: ruleset === undefined ? undefined : { skipped: ruleset.skipped, limits: ruleset.limits },
    };
  } catch (error) {
    gate.destroy();
    child.kill("SIGKILL");
    await exited;
    throw error;
  } finally {
    closeSync(memfd);
  }
}

function machineHere(): Machine {
  if (process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64"))
    return process.arch;
  throw new NotSupportedError(
    "launcher",
    `programs are confined on Linux on x86_64 and aarch64, not ${process.platform}/${process.arch}`,
  );
}

/** struct sock_fprog points to its filter: two pieces of data, of which one holds the other's address. */
function withProgram(step: Step, filter: Uint8Array | undefined): Step {
  if (filter === undefined || step.name !== "install the seccomp filter") return step;
  const fprog = Buffer.alloc(16);
  fprog.writeUInt16LE(filter.length / 8, 0);
  return { ...step, args: [...step.args.slice(0, 2), { data: Buffer.concat([fprog, filter]) }] };
}

/** Puts the address of the filter, which lies right behind its struct sock_fprog, into the finished file. */
function linkFilter(machine: Machine, steps: readonly Step[], filter: Uint8Array | undefined): Buffer {
  const elf = launcherElf(machine, steps);
  if (filter === undefined) return elf;
  const at = elf.indexOf(Buffer.from(filter)) - 16;
  elf.writeBigUInt64LE(BigInt(BASE + at + 16), at + 8);
  return elf;
}

/** execvp(3): a name without a slash is looked for in PATH. */
function findProgram(name: string, path = "/usr/local/bin:/usr/bin:/bin", cwd: string): string {
  const places = name.includes("/")
    ? [resolve(cwd, name)]
    : path.split(delimiter).map((folder) => join(folder || ".", name));
  for (const place of name === "" ? [] : places) {
    try {
      accessSync(place, constants.X_OK);
      return place;
    } catch {
      // The next one.
    }
  }
  throw new CinchError("no-program", `there is no program '${name}'`, {
    hint: name.includes("/") ? `looked for ${places[0]}` : `looked in PATH: ${path}`,
  });
}

/** SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (Linux 5.19): EFAULT says the flags were taken, EINVAL that they were not. */
function knowsWaitKillable(): boolean {
  libc().syscall(SECCOMP, 1, FLAG_WAIT_KILLABLE | 8, 0);
  return errnoName(libc().errno()) === "EFAULT";
}

/** What the launcher says: nothing (its end is closed by execve) or the step that failed. */
function readStatus(status: Readable): Promise<Buffer> {
  return new Promise((done) => {
    const chunks: Buffer[] = [];
    status.on("data", (chunk: Buffer) => chunks.push(chunk));
    status.once("error", () => done(Buffer.concat(chunks)));
    status.once("close", () => done(Buffer.concat(chunks)));
  });
}

async function checkStatus(
  outcome: Promise<Buffer>,
  steps: readonly Step[],
  name: string,
  program: string,
): Promise<void> {
  const said = await outcome;
  if (said.length < 8) return;
  const step = steps[said.readUInt32LE(0)]?.name ?? "a step";
  const errno = errnoName(said.readUInt32LE(4));
  throw new CinchError("launch-failed", `${name}: could not ${step}: ${errno}`, {
    hint:
      errno === "ENOEXEC"
        ? `${program} is no program this machine can run; a script needs a first line such as #!/bin/sh`
        : errno === "EPERM"
          ? "that needs privileges: run as root"
          : undefined,
  });
}

/** The listener is the only descriptor of its kind in the launcher, which waits at its gate for us. */
async function takeListener(pid: number, outcome: Promise<Buffer>): Promise<number> {
  let over = false;
  void outcome.then(() => (over = true));
  const c = libc();
  const pidfd = c.syscall(PIDFD_OPEN, pid, 0);
  if (pidfd < 0) throw new CinchError("launch-failed", `pidfd_open: ${errnoName(c.errno())}`);
  try {
    for (let tries = 0; tries < 5000 && !over; tries += 1) {
      const number = findListener(pid);
      if (number !== undefined) {
        const fd = c.syscall(PIDFD_GETFD, pidfd, number, 0);
        if (fd >= 0) return fd;
      }
      await sleep(1);
    }
  } finally {
    closeSync(pidfd);
  }
  throw new CinchError("launch-failed", "the launcher installed no filter that notifies", {
    hint: "seccomp user notification needs Linux 5.0; cinch doctor shows what this kernel offers",
  });
}

function findListener(pid: number): number | undefined {
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      if (readlinkSync(`/proc/${pid}/fd/${fd}`) === "anon_inode:seccomp notify") return Number(fd);
    }
  } catch {
    // It is just starting, or gone.
  }
  return undefined;
}
