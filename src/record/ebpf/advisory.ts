/**
 * Capability checks whose answer does not decide whether the call works, by capability and call. The kernel asks them
 * of every process, so that taking them for needs would give every program run by root the capability.
 *
 * CAP_SYS_ADMIN, wherever memory is promised: cap_vm_enough_memory (security/commoncap.c) asks whether the caller may
 * use the last 3 % of memory. Refused, the caller may not; nothing else changes.
 */
const MEMORY_CALLS = new Set([
  "brk",
  "mmap",
  "mmap2",
  "mremap",
  "mprotect",
  "pkey_mprotect",
  "munmap",
  "madvise",
  "remap_file_pages",
  "shmat",
  "shmget",
  "shmctl",
  "memfd_create",
  "ftruncate",
  "fallocate",
  "write",
  "pwrite64",
  "writev",
  "execve",
  "execveat",
  "fork",
  "vfork",
  "clone",
  "clone3",
  "ipc",
  "userfaultfd",
  "io_uring_setup",
]);

/** `makesNamespaces`: the call was seen with flags that do need the capability, so the check cannot be told apart. */
export function isAdvisory(capability: string, call: string, makesNamespaces: boolean): boolean {
  return capability === "CAP_SYS_ADMIN" && MEMORY_CALLS.has(call) && !makesNamespaces;
}
