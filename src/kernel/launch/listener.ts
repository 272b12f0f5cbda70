import { closeSync, readdirSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { CinchError } from "../../base/index.ts";
import { errnoName } from "../../linux/index.ts";
import { libc } from "../libc.ts";
import { FLAG_NEW_LISTENER, FLAG_WAIT_KILLABLE } from "./confinement.ts";

/** What the launcher's file is called; it shows in /proc/PID/exe until the program is executed. */
export const LAUNCHER = "cinch-launch";

const SECCOMP = process.arch === "arm64" ? 277 : 317;
const SECCOMP_SET_MODE_FILTER = 1;
/** The same on all architectures. */
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;
/** The launcher makes some fifty calls before its filter is in place; only a machine that stands still takes longer. */
const PATIENCE_MS = 30_000;

/** SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (Linux 5.19): EFAULT says the flags were taken, EINVAL that they were not. */
export function knowsWaitKillable(): boolean {
  libc().syscall(SECCOMP, SECCOMP_SET_MODE_FILTER, FLAG_WAIT_KILLABLE | FLAG_NEW_LISTENER, 0);
  return errnoName(libc().errno()) === "EFAULT";
}

/**
 * The launcher's end of its filter, which is the only descriptor of its kind there; the launcher waits until we have it.
 * undefined: it failed before (its status says in what). Throws `launch-failed` where descriptors cannot be taken.
 */
export async function takeListener(pid: number, isOver: () => boolean): Promise<number | undefined> {
  const c = libc();
  const pidfd = c.syscall(PIDFD_OPEN, pid, 0);
  if (pidfd < 0) return isOver() ? undefined : refused("pidfd_open");
  try {
    const deadline = Date.now() + PATIENCE_MS;
    while (!isOver() && Date.now() < deadline) {
      const number = findListener(pid);
      if (number !== undefined) {
        const fd = c.syscall(PIDFD_GETFD, pidfd, number, 0);
        if (fd >= 0) return fd;
        refused("pidfd_getfd");
      }
      await sleep(1);
    }
  } finally {
    closeSync(pidfd);
  }
  return undefined;
}

function refused(call: string): never {
  const errno = errnoName(libc().errno());
  throw new CinchError("launch-failed", `cannot take the filter's listener: ${call}: ${errno}`, {
    hint:
      errno === "EPERM"
        ? "a container's own filter refuses it unless the container has CAP_SYS_PTRACE"
        : "supervising calls needs Linux 5.6; cinch doctor shows what this kernel offers",
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

/** Whether a process is still the launcher, and what it calls is none of the program's doing. */
export function isLauncher(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`).startsWith(`/memfd:${LAUNCHER}`);
  } catch {
    return false;
  }
}
