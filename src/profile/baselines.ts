import type { ArchName } from "./model.ts";

/**
 * What a container runtime calls between installing the filter and executing the program. It belongs to the runtime, not
 * to the program, so it is added when an artifact is made. One observed start is no basis: runtimes written in Go make
 * other calls from run to run (preemption, network poller), so each list is the union of measurements and what the
 * runtime's code and published base profiles can lead to.
 *
 * None may hold mount, pivot_root, setns, unshare, umount2 or keyctl: base lists of other tools do, and end up wider
 * than the engine's default.
 */
export interface Baseline {
  runtime: "runc" | "crun" | "local";
  /** Version range, in words. */
  versions: string;
  /** With no-new-privileges the filter is installed last, just before execve. */
  noNewPrivileges: boolean;
  syscalls: string[];
  source: string;
}

const words = (text: string): string[] => text.trim().split(/\s+/).sort();

/** The Go runtime, which may do any of this at any moment in any thread. */
const GO = `clock_gettime clock_nanosleep clone close epoll_create1 epoll_ctl epoll_pwait epoll_wait eventfd2 exit exit_group
  fcntl futex getpid getpgid getppid gettid getrandom madvise mincore mmap mprotect munmap nanosleep openat pipe2 prctl
  pselect6 read restart_syscall rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield set_robust_list
  setitimer sigaltstack tgkill timer_create timer_delete timer_settime tkill uname write`;

/** Measured: Linux 6.18, runc 1.1.5, Docker 20.10, filter allowing everything; with published lists for later versions. */
const RUNC_LAST =
  "close epoll_ctl epoll_pwait execve fstat fstatfs futex getdents64 getpid nanosleep newfstatat openat write";
const RUNC_EARLY = `${RUNC_LAST} capget capset chdir faccessat faccessat2 fchdir fchown fcntl getcwd getegid geteuid getgid getgroups
  getppid getuid lstat prctl read readlinkat setgid setgroups setresgid setresuid setuid stat statx openat2 close_range
  rt_sigaction tgkill`;

export const baselines: readonly Baseline[] = [
  {
    runtime: "runc",
    versions: "1.0 and later",
    noNewPrivileges: false,
    syscalls: words(`${RUNC_EARLY} ${GO}`),
    source: "recorded with runc 1.1.5; openat2, statx and close_range for 1.2 and later by its release notes",
  },
  {
    runtime: "runc",
    versions: "1.0 and later",
    noNewPrivileges: true,
    syscalls: words(`${RUNC_LAST} ${GO} close_range openat2 statx`),
    source: "recorded with runc 1.1.5; openat2, statx and close_range for 1.2 and later by its release notes",
  },
  ...[false, true].map((noNewPrivileges): Baseline => ({
    runtime: "crun",
    versions: "1.0 and later",
    noNewPrivileges,
    syscalls:
      words(`close close_range execve exit exit_group fcntl futex getpid openat prctl read rt_sigprocmask rt_sigreturn write
      ${noNewPrivileges ? "" : "capget capset chdir fstat getcwd newfstatat setgid setgroups setresgid setresuid setuid"}`),
    source: "recorded with crun 1.8.1 (close and execve), and what its error path writes",
  })),
  ...[false, true].map((noNewPrivileges): Baseline => ({
    runtime: "local",
    versions: "this one",
    noNewPrivileges,
    syscalls: words("execve exit_group write"),
    source: "src/kernel/launch: the filter is its last step but execve; a failure is written and ends it",
  })),
];

/** What a runtime needs, as names of calls; empty for a runtime that is not known. The lists are by name; an architecture that lacks a call ignores it. */
export function baselineFor(options: {
  runtime: string;
  noNewPrivileges: boolean;
  arch?: ArchName;
}): readonly string[] {
  const name = options.runtime.split(" ")[0];
  const found = baselines.find(
    (baseline) => baseline.runtime === name && baseline.noNewPrivileges === options.noNewPrivileges,
  );
  return found === undefined ? [] : [...new Set(found.syscalls)];
}
