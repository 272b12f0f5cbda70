/**
 * Capability checks whose answer does not decide whether the call works, by capability and call. The kernel asks them
 * of every process that makes the call, so that taking them for needs would give every program run by root the
 * capability.
 */
const ADVISORY: Record<string, { calls: ReadonlySet<string>; about: string }> = {
  // Wherever memory is promised, cap_vm_enough_memory (security/commoncap.c) asks whether the caller may use the last
  // 3 % of it. Refused, the caller may not; nothing else changes.
  CAP_SYS_ADMIN: {
    calls: new Set(
      `brk mmap mmap2 mremap mprotect pkey_mprotect munmap madvise remap_file_pages shmat shmget shmctl memfd_create ftruncate
       fallocate write pwrite64 writev execve execveat fork vfork clone clone3 ipc userfaultfd io_uring_setup`.split(
        /\s+/,
      ),
    ),
    about: "the last memory",
  },
  // io_uring_setup and _register (io_uring/rsrc.c) ask whether rings count against RLIMIT_MEMLOCK.
  CAP_IPC_LOCK: {
    calls: new Set(["io_uring_setup", "io_uring_register"]),
    about: "how locked memory is counted",
  },
};

/** `makesNamespaces`: the call was seen with flags that do need CAP_SYS_ADMIN, so the check cannot be told apart. */
export function isAdvisory(capability: string, call: string, makesNamespaces: boolean): boolean {
  return (
    ADVISORY[capability]?.calls.has(call) === true && !(capability === "CAP_SYS_ADMIN" && makesNamespaces)
  );
}

/** What the kernel wanted to know. */
export function advisoryAbout(capability: string): string {
  return ADVISORY[capability]?.about ?? "";
}
