import type { ArchName } from "./model.ts";

/**
 * What a container runtime calls between installing the filter and executing the program. It belongs to the runtime, not
 * to the program, so it is added when an artifact is made. One observed start is no basis: runtimes written in Go make
 * other calls from run to run (preemption, network poller), so each list is the union of measurements and of what the
 * runtime's code and published base profiles can lead to.
 *
 * None may hold mount, pivot_root, setns, unshare, umount2 or keyctl: base lists of other tools do, and end up wider
 * than the engine's default. Every call here is in Docker's default profile, and clone is meant without the flags that
 * make namespaces.
 */
export interface Baseline {
  runtime: "runc" | "crun" | "local";
  /** Version range, in words. */
  versions: string;
  /** With no-new-privileges the filter is installed last, just before execve. */
  noNewPrivileges: boolean;
  /** Calls, each with where the knowledge is from. */
  parts: readonly { syscalls: readonly string[]; source: string }[];
}

const part = (source: string, calls: string): Baseline["parts"][number] => ({
  syscalls: calls.trim().split(/\s+/).sort(),
  source,
});

const GO = part(
  "the Go runtime (runtime/sys_linux_*, netpoll_epoll, os_linux), which may do any of these at any moment in any thread",
  `brk clock_gettime clock_nanosleep clone close epoll_create1 epoll_ctl epoll_pwait epoll_wait eventfd2 exit exit_group
   fcntl futex getpid getpgid getppid gettid getrandom gettimeofday madvise mincore mmap mprotect munmap nanosleep openat
   pipe2 prctl pselect6 read restart_syscall rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield
   set_robust_list set_tid_address setitimer sigaltstack tgkill timer_create timer_delete timer_settime tkill uname write`,
);

const RUNC_LAST = part(
  "strace and eBPF: runc 1.1.5 on Linux 6.18, run and create, under Docker 20.10 and by itself",
  `close epoll_ctl epoll_pwait execve fcntl fstat fstatfs futex getdents64 getpid nanosleep newfstatat openat
   rt_sigreturn write`,
);

const RUNC_NEWER = part(
  "runc 1.2 and later close descriptors and open /proc in other ways (security-profiles-operator#3041, runc#4984)",
  "close_range dup3 faccessat2 openat2 readlinkat statfs statx",
);

const RUNC_EARLY = part(
  "strace and eBPF: runc 1.1.5 on Linux 6.18; it changes user and drops capabilities under the filter",
  `capget capset chdir faccessat2 fchdir fchown fcntl getcwd getppid prctl read rt_sigaction setgid setgroups setuid
   tgkill`,
);

const RUNC_OLDER = part(
  "runc before 1.1 and older Go looked up paths and ids by these (moby#22252)",
  "faccessat getegid geteuid getgid getgroups getuid lstat readlinkat setresgid setresuid stat",
);

const CRUN_LAST = part("strace: crun 1.8.1 on Linux 6.18, run and create", "close execve");

const CRUN_EARLY = part(
  "strace: crun 1.8.1 on Linux 6.18, run and create; it waits for `start`, changes user and drops capabilities under the filter",
  `capset close execve prctl pselect6 read rt_sigaction rt_sigprocmask setresgid setresuid write`,
);

const CRUN_CODE = part(
  "crun's container_init and exec: another directory, groups of an exec, select on other C libraries (security-profiles-operator#290)",
  "chdir fcntl getegid geteuid getgid getuid ppoll select sendto setgroups umask",
);

const CRUN_ERRORS = part(
  "crun's error path: without these a failure to execute ends without a word (it can do without ioctl)",
  "close_range exit exit_group fcntl fstat futex getpid newfstatat openat rt_sigreturn write writev",
);

const LOCAL = part(
  "src/kernel/launch: the filter is its last step but execve; a failure is written, and ends it",
  "execve exit_group read write",
);

export const baselines: readonly Baseline[] = [
  {
    runtime: "runc",
    versions: "1.0 and later",
    noNewPrivileges: false,
    parts: [RUNC_LAST, RUNC_EARLY, RUNC_NEWER, RUNC_OLDER, GO],
  },
  { runtime: "runc", versions: "1.0 and later", noNewPrivileges: true, parts: [RUNC_LAST, RUNC_NEWER, GO] },
  {
    runtime: "crun",
    versions: "1.0 and later",
    noNewPrivileges: false,
    parts: [CRUN_LAST, CRUN_EARLY, CRUN_CODE, CRUN_ERRORS],
  },
  { runtime: "crun", versions: "1.0 and later", noNewPrivileges: true, parts: [CRUN_LAST, CRUN_ERRORS] },
  { runtime: "local", versions: "this one", noNewPrivileges: false, parts: [LOCAL] },
  { runtime: "local", versions: "this one", noNewPrivileges: true, parts: [LOCAL] },
];

/** Which baseline is asked for. `runtime` may have its version behind it ("runc 1.1.5"). */
export interface BaselineOptions {
  runtime: string;
  noNewPrivileges: boolean;
  /** The lists are by name, and an architecture ignores what it has not; so far they are the same for all. */
  arch?: ArchName;
}

/** What a runtime needs, as sorted names of calls; empty for a runtime that is not known. */
export function baselineFor({ runtime, noNewPrivileges }: BaselineOptions): readonly string[] {
  const name = runtime.split(" ")[0];
  const found = baselines.find((one) => one.runtime === name && one.noNewPrivileges === noNewPrivileges);
  return [...new Set(found?.parts.flatMap(({ syscalls }) => syscalls))].sort();
}
