import { syscallSince } from "../linux/index.ts";

/**
 * From this version on, calls are so new that C libraries try them first and take an older one only on ENOSYS: clone3
 * and pidfd_open (5.3), openat2 (5.6), faccessat2 (5.8) and all that came later.
 */
const PROBED_SINCE = [5, 3] as const;

/**
 * Older ones that are probed as well. io_uring is refused without being a loss: libuv, Node, QEMU and others do without
 * where the kernel has none.
 */
const PROBED: ReadonlySet<string> = new Set([
  "statx",
  "rseq",
  "io_uring_setup",
  "io_uring_enter",
  "io_uring_register",
  "membarrier",
  "copy_file_range",
  "preadv2",
  "pwritev2",
]);

/** The calls with 64-bit times (5.1), which 32-bit C libraries try before those with 32 bits. */
function hasLongTimes(name: string, since: string | undefined): boolean {
  return since === "5.1" && name.endsWith("64");
}

/** Whether a call that is not allowed gets ENOSYS, as on an older kernel, and not EPERM. */
export function isProbed(name: string): boolean {
  const since = syscallSince(name);
  if (PROBED.has(name) || hasLongTimes(name, since)) return true;
  if (since === undefined) return false;
  const [major = 0, minor = 0] = since.split(".").map(Number);
  return major > PROBED_SINCE[0] || (major === PROBED_SINCE[0] && minor >= PROBED_SINCE[1]);
}
