/**
 * Calls that are never granted because a run made them: what they do passes by every filter. `instead` is what programs
 * fall back on when such a call answers ENOSYS, and is granted in its place.
 */
export const LEFT_OUT: Readonly<Record<string, { reason: string; instead?: string }>> = {
  clone3: {
    reason:
      "its flags lie behind a pointer, where no filter sees them; C libraries fall back to clone on ENOSYS",
    instead: "clone",
  },
  openat2: {
    reason:
      "its flags lie behind a pointer, where no filter sees them; programs fall back to openat on ENOSYS",
    instead: "openat",
  },
  io_uring_setup: {
    reason: "what is done through io_uring is seen by no filter; most programs fall back on ENOSYS",
  },
  io_uring_enter: {
    reason: "what is done through io_uring is seen by no filter; most programs fall back on ENOSYS",
  },
  io_uring_register: {
    reason: "what is done through io_uring is seen by no filter; most programs fall back on ENOSYS",
  },
};

/**
 * Never taken from a runtime's phase: none needs them once its filter is in place, and a base list that holds them is
 * wider than the engine's default.
 */
export const NEVER_FOR_RUNTIME: ReadonlySet<string> = new Set([
  "mount",
  "pivot_root",
  "setns",
  "unshare",
  "umount",
  "umount2",
  "keyctl",
  "clone3",
]);
