import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Cleanup } from "../base/index.ts";
import { guard } from "./guardian.ts";
import type { ExecResult } from "./model.ts";
import { OutputLog } from "./output.ts";

/** Between asking a step's command to end and making it. */
const GRACE_MS = 2000;

export interface HostCommand {
  argv: readonly string[];
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
  /** What it leaves in the background goes on until this is disposed of; without it, it ends with the command. */
  background?: Cleanup;
}

/**
 * Runs a command on this machine, in a process group of its own, which ends as a whole when `signal` is aborted (the
 * result then has what was written, and code null). What it leaves in the background is not waited for.
 */
export async function runOnHost(command: HostCommand): Promise<ExecResult> {
  const log = new OutputLog();
  const [program, ...args] = command.argv;
  let child: ChildProcess;
  try {
    child = spawn(program!, args, {
      cwd: command.cwd,
      env: command.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    await once(child, "spawn");
  } catch (error) {
    return { code: null, output: `cannot start ${program}: ${(error as Error).message}` };
  }
  const group = -child.pid!;
  const release = guard({ kind: "kill", pid: group });
  child.stdout!.on("data", (chunk: Buffer) => log.write(chunk, "stdout"));
  child.stderr!.on("data", (chunk: Buffer) => log.write(chunk, "stderr"));
  const drained = once(child, "close");
  let killer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    signalGroup(group, "SIGTERM");
    killer = setTimeout(() => signalGroup(group, "SIGKILL"), GRACE_MS);
  };
  if (command.signal?.aborted) stop();
  command.signal?.addEventListener("abort", stop, { once: true });
  try {
    const code = await exitCode(child);
    await settled(drained);
    return { code: command.signal?.aborted ? null : code, output: log.text() };
  } finally {
    command.signal?.removeEventListener("abort", stop);
    clearTimeout(killer);
    const end = (): void => {
      signalGroup(group, "SIGKILL");
      child.stdout!.destroy();
      child.stderr!.destroy();
      release();
    };
    if (command.background === undefined || command.signal?.aborted) end();
    else command.background.add(end);
  }
}

/** 128 and the signal's number where a signal ended it, as shells have it. */
async function exitCode(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return child.exitCode;
}

/** Output may still be in the pipe when the process has ended; a background process may hold the pipe open for ever. */
const DRAIN_MS = 500;

export async function settled(drained: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([drained, new Promise((resolve) => (timer = setTimeout(resolve, DRAIN_MS)))]);
  clearTimeout(timer);
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(group, signal);
  } catch {
    // All of it is gone.
  }
}
