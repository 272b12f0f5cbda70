import type { PassedCall } from "../../kernel/index.ts";
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
  "epoll_ctl",
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
  "close",
  "munmap",
  "madvise",
  "rt_sigreturn",
  "rt_sigprocmask",
  "getpid",
  "gettid",
  "sendto",
] as const;

/** Hot only while this argument is null: with an address, sendto says where to. */
const NULL_ARGUMENT: Readonly<Partial<Record<(typeof HOT_CALLS)[number], number>>> = { sendto: 4 };

/** The hot calls that an architecture has, as a filter is told of them. */
export function hotCalls(arch: "x86_64" | "aarch64"): PassedCall[] {
  return HOT_CALLS.flatMap((name) => {
    const nr = syscallNumber(arch, name);
    const nullArgument = NULL_ARGUMENT[name];
    return nr === undefined ? [] : [{ nr, ...(nullArgument !== undefined && { nullArgument }) }];
  });
}
