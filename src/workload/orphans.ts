import type { ChildProcess } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { libc } from "../kernel/index.ts";

/** What this process started itself and has not seen end. Node tells of each (diagnostics_channel, "child_process"). */
const own = new Set<ChildProcess>();
let listening = false;

function listen(): void {
  if (listening) return;
  listening = true;
  subscribe("child_process", (message) => {
    const child = (message as { process: ChildProcess }).process;
    own.add(child);
    child.once("exit", () => own.delete(child));
    child.once("error", () => own.delete(child));
  });
}

const PRCTL = process.arch === "arm64" ? 167 : 157;
const WAIT4 = process.arch === "arm64" ? 260 : 61;
const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;

/** Between asking what a program left behind to end and making it. */
const GRACE_MS = 1000;
const LOOK_MS = 20;

/**
 * Keeps hold of what a local program leaves running: daemons that forked twice, workers whose master was killed. While
 * it is in force the kernel gives such orphans to this process (prctl(2), PR_SET_CHILD_SUBREAPER) instead of to init,
 * so they are found without a guess.
 */
export class Orphans {
  #before: Set<number>;
  /** Several targets may run at once; the last one ends it. */
  static #inForce = 0;

  constructor() {
    listen();
    this.#before = new Set(childrenOf(process.pid));
    Orphans.#inForce += 1;
    libc().syscall(PRCTL, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  }

  /** Ends all that was left behind, and what that left behind in turn; gives how many there were. */
  async end(): Promise<number> {
    const ended = new Set<number>();
    const deadline = Date.now() + GRACE_MS;
    for (;;) {
      const started = new Set([...own].map(({ pid }) => pid));
      const left = childrenOf(process.pid).filter((pid) => !this.#before.has(pid) && !started.has(pid));
      const alive = left.filter((pid) => !reap(pid));
      if (alive.length === 0) break;
      for (const pid of alive) {
        const signal = Date.now() >= deadline ? "SIGKILL" : ended.has(pid) ? 0 : "SIGTERM";
        ended.add(pid);
        try {
          process.kill(pid, signal);
        } catch {
          // It has just ended.
        }
      }
      await sleep(LOOK_MS);
    }
    return ended.size;
  }

  stop(): void {
    Orphans.#inForce -= 1;
    if (Orphans.#inForce === 0) libc().syscall(PRCTL, PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
  }
}

/** Takes the exit status of an orphan that has ended, which nobody else waits for. */
function reap(pid: number): boolean {
  return libc().syscall(WAIT4, pid, 0, WNOHANG, 0) === pid;
}

/** proc_pid_stat(5), field 4, after the name in parentheses. */
function childrenOf(parent: number): number[] {
  const children: number[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(fields[1]) === parent) children.push(Number(name));
    } catch {
      // It has ended since.
    }
  }
  return children;
}
