import { syscallNumber } from "../../linux/index.ts";

/**
 * Calls that pass unseen, because a round trip for each would change what is measured, and because nearly every program
 * makes them anyway. None of them takes a path, a socket's address or an argument that decides what it may do.
 */
export const HOT_CALLS = [
  "read",
  "write",
  "readv",
  "writev",
  "pread64",
  "pwrite64",
  "recvfrom",
  "recvmsg",
  "epoll_wait",
  "epoll_pwait",
  "poll",
  "ppoll",
  "select",
  "pselect6",
  "futex",
  "clock_gettime",
  "clock_nanosleep",
  "nanosleep",
  "sched_yield",
  "lseek",
  "munmap",
  "madvise",
  "rt_sigreturn",
  "rt_sigprocmask",
  "getpid",
  "gettid",
] as const;

export function hotNumbers(arch: "x86_64" | "aarch64"): number[] {
  return HOT_CALLS.flatMap((name) => syscallNumber(arch, name) ?? []);
}
