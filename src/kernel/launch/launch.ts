import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { CinchError, NotSupportedError } from "../../base/index.ts";
import { errnoName } from "../../linux/index.ts";
import { type Ruleset, createRuleset } from "../landlock.ts";
import { libc } from "../libc.ts";
import { FLAG_WAIT_KILLABLE, type LocalConfinement, launchSteps } from "./confinement.ts";
import { launcherElf } from "./elf.ts";
import { LAUNCHER, knowsWaitKillable, takeListener } from "./listener.ts";
import type { Machine, Step } from "./machine.ts";
import { findProgram } from "./program.ts";

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
  /** Resolves when the process has ended, and nobody holds its output any more. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Where `confinement.listener` is true: the descriptor on which notifications of its filter come; the caller's to close. */
  listener: number | undefined;
  /** Rules that named what does not exist, and limits of this kernel's Landlock. */
  landlock: { skipped: string[]; limits: string[] } | undefined;
}

const MEMFD_CREATE = process.arch === "arm64" ? 279 : 319;
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
  const cwd = resolve(options.cwd ?? ".");
  const env = options.env ?? process.env;
  const program = findProgram(argv[0] ?? "", env["PATH"], cwd);
  const flags = confinement.listener !== undefined && knowsWaitKillable() ? FLAG_WAIT_KILLABLE : 0;
  const steps = launchSteps(machine, confinement, flags);
  const ruleset = confinement.landlock === undefined ? undefined : createRuleset(confinement.landlock);
  const child = await spawnLauncher(machine, steps, [program, ...argv], { ...options, cwd, env }, ruleset);
  const pid = child.pid!;
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((done) => {
    child.once("close", (code, signal) => done({ code, signal }));
  });
  const gate = child.stdio[3] as unknown as Writable;
  gate.on("error", () => {});
  const status = readStatus(child.stdio[4] as unknown as Readable);
  let listener: number | undefined;
  let failed: AbortSignal | undefined;
  try {
    await options.gate?.(pid);
    gate.write("\n");
    if (confinement.listener !== undefined) {
      listener = await supervised(pid, status);
      if (listener !== undefined && confinement.listener !== true) {
        const mine = listener;
        listener = undefined;
        failed = confinement.listener(mine) ?? undefined;
      }
    }
    gate.end("\n");
    // With the listener in the caller's hands, execve may wait for the caller.
    if (listener === undefined) checkStatus(await unless(status, failed), steps, argv[0]!, program);
    return {
      pid,
      child,
      exited,
      listener,
      landlock: ruleset === undefined ? undefined : { skipped: ruleset.skipped, limits: ruleset.limits },
    };
  } catch (error) {
    if (listener !== undefined) closeSync(listener);
    gate.destroy();
    child.kill("SIGKILL");
    await exited;
    throw error;
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

/** Starts the launcher, which then waits at its gate. The ruleset is closed here: the launcher has its own. */
async function spawnLauncher(
  machine: Machine,
  steps: readonly Step[],
  args: readonly [string, ...string[]],
  options: LaunchOptions,
  ruleset: Ruleset | undefined,
): Promise<ChildProcess> {
  const isInherited = options.stdio === "inherit";
  const memfd = libc().syscall(MEMFD_CREATE, Buffer.from(`${LAUNCHER}\0`), MFD_CLOEXEC);
  try {
    if (memfd < 0) throw new CinchError("launch-failed", `memfd_create: ${errnoName(libc().errno())}`);
    const elf = launcherElf(machine, steps);
    for (let done = 0; done < elf.length;) done += writeSync(memfd, elf, done);
    const stdio: StdioOptions = isInherited ? ["inherit", "inherit", "inherit"] : ["ignore", "pipe", "pipe"];
    stdio.push("pipe", "pipe", ruleset?.fd ?? "ignore");
    // By our own /proc entry: the launcher itself holds no descriptor of the file.
    const child = spawn(`/proc/${process.pid}/fd/${memfd}`, args, {
      cwd: options.cwd,
      env: options.env,
      stdio,
      argv0: args[1],
      // In a session of its own, Ctrl-C in our terminal reaches us alone, and we end it as it wants to be ended.
      detached: !isInherited,
    });
    // At once: Node throws away what nobody reads when a process ends.
    child.stdout?.on("data", (chunk: Buffer) => options.onOutput?.(chunk, "stdout"));
    child.stderr?.on("data", (chunk: Buffer) => options.onOutput?.(chunk, "stderr"));
    await once(child, "spawn");
    return child;
  } catch (error) {
    if (error instanceof CinchError) throw error;
    throw new CinchError("launch-failed", `cannot start the launcher for ${args[1]}`, {
      cause: error,
      hint: `is ${options.cwd} a folder that this user may enter?`,
    });
  } finally {
    if (memfd >= 0) closeSync(memfd);
    if (ruleset !== undefined) closeSync(ruleset.fd);
  }
}

/** Waits, but no longer than until a signal, whose reason it throws. */
async function unless<T>(awaited: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return awaited;
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([awaited, promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** What the launcher says: nothing (its end is closed by execve) or the step that failed, and the errno. */
function readStatus(status: Readable): Promise<Buffer> {
  return new Promise((done) => {
    const chunks: Buffer[] = [];
    status.on("data", (chunk: Buffer) => chunks.push(chunk));
    status.once("error", () => done(Buffer.concat(chunks)));
    status.once("close", () => done(Buffer.concat(chunks)));
  });
}

/** Takes the listener; undefined if the launcher failed before, which its status tells. */
async function supervised(pid: number, status: Promise<Buffer>): Promise<number | undefined> {
  let isOver = false;
  void status.then(() => (isOver = true));
  const listener = await takeListener(pid, () => isOver);
  if (listener !== undefined || isOver) return listener;
  throw new CinchError("launch-failed", "the launcher installed no filter that notifies", {
    hint: "seccomp user notification needs Linux 5.0; cinch doctor shows what this kernel offers",
  });
}

/** Throws `launch-failed` if the launcher said in what it failed. */
function checkStatus(said: Buffer, steps: readonly Step[], name: string, program: string): void {
  if (said.length < 8) return;
  const step = steps[said.readUInt32LE(0)]?.name ?? "a step";
  const errno = errnoName(said.readUInt32LE(4));
  throw new CinchError("launch-failed", `${name}: could not ${step}: ${errno}`, {
    hint: hintFor(step, errno, program),
  });
}

function hintFor(step: string, errno: string, program: string): string | undefined {
  if (step === "execute the program") {
    if (errno === "ENOEXEC")
      return `${program} is no program this machine can run; a script needs a first line such as #!/bin/sh`;
    // The kernel says so of the interpreter in a script's first line, and of a program's loader.
    if (errno === "ENOENT") return `the interpreter that ${program} names is not there`;
    return undefined;
  }
  if (/filter|Landlock/.test(step) && (errno === "EACCES" || errno === "EPERM"))
    return "without no-new-privileges that needs CAP_SYS_ADMIN";
  return errno === "EPERM" ? "that needs privileges: run as root, with all its capabilities" : undefined;
}
