/**
 * Calls that a program may come to make at its start, at its end or on a path that no run took, whatever it was seen to
 * do: the C library or the kernel makes them, not the program. All of them are in Docker's default profile, and none
 * opens, connects or changes anything by itself.
 */
export const always: readonly { names: readonly string[]; reason: string }[] = [
  { names: ["exit", "exit_group"], reason: "a process that cannot end spins at full load" },
  { names: ["rt_sigreturn", "sigreturn"], reason: "returning from a signal handler" },
  {
    names: ["restart_syscall"],
    reason: "made by the kernel in the program's name when a stopped call goes on",
  },
  { names: ["execve"], reason: "how the program itself is started, after the filter is in place" },
  {
    names: [
      "clock_gettime",
      "clock_gettime64",
      "gettimeofday",
      "time",
      "clock_getres",
      "clock_getres_time64",
      "getcpu",
    ],
    reason: "the vDSO answers these without a call where the clock allows it, so no recording shows them",
  },
  {
    names: ["getrandom"],
    reason: "C libraries seed allocators and hash tables by it, and from Linux 6.11 the vDSO hides it",
  },
  {
    names: ["set_tid_address", "set_robust_list", "get_robust_list", "rseq", "arch_prctl", "set_thread_area"],
    reason: "how C libraries set up a process and its threads, differently with each version",
  },
  {
    names: ["brk", "mmap", "mmap2", "mremap", "munmap", "mprotect", "madvise"],
    reason: "allocators take them as sizes and threads demand: mremap only for large blocks that grow",
  },
  {
    names: ["futex", "futex_time64", "sched_yield"],
    reason: "locks wait only when they are contended, which a test run may never show",
  },
  {
    names: ["sched_getparam", "sched_getscheduler"],
    reason: "pthread_getschedparam(), which runtimes such as Node's ask of threads they start under load",
  },
  {
    names: ["sched_getaffinity", "sysinfo"],
    reason:
      "glibc asks for the number of processors when a second thread allocates, and for the memory when it sorts much",
  },
  {
    names: ["getpid", "gettid", "tgkill", "rt_sigaction", "rt_sigprocmask", "sigprocmask", "write", "writev"],
    reason:
      "how a program ends by abort(): a message, a signal to itself; denied, a crash would look like a hang",
  },
];
