import { type ChildProcessByStdio, spawn } from "node:child_process";
import { extname } from "node:path";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";

/** What must be undone if cinch itself is killed (SIGKILL, out of memory) and cannot do it. */
export type Undo =
  | { kind: "delete"; socket: string; path: string }
  | { kind: "run"; argv: string[] }
  | { kind: "remove"; folder: string }
  | { kind: "kill"; pid: number };

let guardian: ChildProcessByStdio<Writable, null, null> | undefined;
let last = 0;

/**
 * Leaves word with the guardian, a small process that outlives this one: when its standard input ends, it undoes what
 * was not released, newest first. It is started with the first word, and ends with this process.
 */
export function guard(undo: Undo): () => void {
  const id = (last += 1);
  const { stdin } = (guardian ??= startGuardian());
  const tell = (line: object): void => {
    if (stdin.writable) stdin.write(`${JSON.stringify(line)}\n`);
  };
  tell({ id, undo });
  return () => tell({ id });
}

function startGuardian(): ChildProcessByStdio<Writable, null, null> {
  // From source it is TypeScript, in the published package JavaScript.
  const file = fileURLToPath(new URL(`guardian-process${extname(import.meta.url)}`, import.meta.url));
  const child = spawn(process.execPath, ["--no-warnings", file], {
    stdio: ["pipe", "ignore", "ignore"],
    // In a session of its own, so that Ctrl-C does not reach it.
    detached: true,
    cwd: "/",
    env: { PATH: process.env["PATH"] },
  });
  const forget = (): void => {
    if (guardian === child) guardian = undefined;
  };
  child.once("error", forget);
  child.once("exit", forget);
  child.stdin.on("error", () => {});
  // Neither keeps this process from ending.
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return child;
}
