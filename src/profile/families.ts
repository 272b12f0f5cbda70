/**
 * Calls that stand in for each other: which one a program makes depends on its C library, the kernel's version or the
 * architecture's tables, not on what it wants. Where one member was recorded, the others are granted as `equivalent`.
 * No member may give more than the recorded ones do; `fallback` names those left to ENOSYS instead, because a filter
 * cannot look at what they are asked (their arguments lie behind pointers) and C libraries do without them.
 */
export interface Family {
  name: string;
  members: string[];
  fallback?: string[];
  reason: string;
}

const family = (name: string, members: string, reason: string, fallback?: string): Family => ({
  name,
  members: members.split(" "),
  reason,
  ...(fallback !== undefined && { fallback: fallback.split(" ") }),
});

export const families: readonly Family[] = [
  family(
    "open",
    "open openat creat",
    "musl and old glibc use open where newer ones use openat; creat is open with fixed flags",
    "openat2",
  ),
  family(
    "stat",
    "stat lstat fstat newfstatat statx stat64 lstat64 fstat64 fstatat64",
    "each C library and version has its own choice of stat call",
  ),
  family("access", "access faccessat faccessat2", "glibc moved from access to faccessat2 and falls back"),
  family(
    "poll",
    "poll ppoll ppoll_time64",
    "architectures without poll have ppoll; 32-bit ones the time64 form",
  ),
  family(
    "select",
    "select _newselect pselect6 pselect6_time64",
    "architectures without select have pselect6",
  ),
  family(
    "epoll-wait",
    "epoll_wait epoll_pwait epoll_pwait2",
    "C libraries differ in which one epoll_wait() calls",
  ),
  family("epoll-create", "epoll_create epoll_create1", "the older form takes no flags"),
  family(
    "clone",
    "clone fork vfork",
    "fork(), vfork(), posix_spawn() and threads come down to any of these; clone's namespace flags stay refused unless they were recorded",
    "clone3",
  ),
  family("pipe", "pipe pipe2", "the older form takes no flags"),
  family("dup", "dup2 dup3", "architectures without dup2 have dup3"),
  family("accept", "accept accept4", "the older form takes no flags"),
  family("eventfd", "eventfd eventfd2", "the older form takes no flags"),
  family("signalfd", "signalfd signalfd4", "the older form takes no flags"),
  family("inotify", "inotify_init inotify_init1", "the older form takes no flags"),
  family("rename", "rename renameat renameat2", "C libraries use the oldest form that can say what is asked"),
  family("unlink", "unlink unlinkat rmdir", "unlinkat does what unlink and rmdir do"),
  family("mkdir", "mkdir mkdirat", "architectures without mkdir have mkdirat"),
  family("link", "link linkat", "architectures without link have linkat"),
  family("symlink", "symlink symlinkat", "architectures without symlink have symlinkat"),
  family("readlink", "readlink readlinkat", "architectures without readlink have readlinkat"),
  family("mknod", "mknod mknodat", "architectures without mknod have mknodat"),
  family(
    "chmod",
    "chmod fchmod fchmodat fchmodat2",
    "one permission bit change, by path, descriptor or folder",
  ),
  family(
    "chown",
    "chown lchown fchown fchownat chown32 lchown32 fchown32",
    "one change of owner, by path, descriptor or folder; what it may change is up to the capability",
  ),
  family("getdents", "getdents getdents64", "the older form has short inode numbers"),
  family(
    "utimes",
    "utime utimes futimesat utimensat utimensat_time64",
    "times of a file, in four generations of calls",
  ),
  family("readv", "read readv pread64 preadv preadv2", "reading from a descriptor one holds"),
  family("writev", "write writev pwrite64 pwritev pwritev2", "writing to a descriptor one holds"),
  family("lseek", "lseek _llseek", "the 32-bit form with 64-bit offsets"),
  family("truncate", "truncate truncate64", "the 32-bit form with 64-bit lengths"),
  family("ftruncate", "ftruncate ftruncate64", "the 32-bit form with 64-bit lengths"),
  family("sendfile", "sendfile sendfile64", "the 32-bit form with 64-bit offsets"),
  family("fadvise", "fadvise64 fadvise64_64", "the 32-bit form with 64-bit lengths"),
  family("mmap", "mmap mmap2", "32-bit architectures map by mmap2"),
  family("fcntl", "fcntl fcntl64", "the 32-bit form with 64-bit locks"),
  family("statfs", "statfs statfs64", "the 32-bit form with 64-bit counts"),
  family("fstatfs", "fstatfs fstatfs64", "the 32-bit form with 64-bit counts"),
  family(
    "sendmsg",
    "sendmsg sendmmsg",
    "glibc's resolver and others send several messages at once where they can",
  ),
  family("recvmsg", "recvmsg recvmmsg recvmmsg_time64", "the same for receiving"),
  family("wait", "wait4 waitid waitpid", "waiting for a child one has"),
  family(
    "sleep",
    "nanosleep clock_nanosleep clock_nanosleep_time64",
    "glibc moved from nanosleep to clock_nanosleep",
  ),
  family(
    "timer",
    "timer_settime timer_gettime timerfd_settime timerfd_gettime timer_settime64 timer_gettime64 timerfd_settime64 timerfd_gettime64",
    "the time64 forms of 32-bit architectures",
  ),
  family(
    "rlimit",
    "getrlimit setrlimit ugetrlimit prlimit64",
    "C libraries do both by prlimit64 and fall back",
  ),
  family(
    "getuid",
    "getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32",
    "asking who one is",
  ),
  family(
    "setuid",
    "setuid setuid32 setreuid setreuid32 setresuid setresuid32",
    "becoming another user; what may be done is up to the capability",
  ),
  family(
    "setgid",
    "setgid setgid32 setregid setregid32 setresgid setresgid32",
    "becoming another group; what may be done is up to the capability",
  ),
  family("setgroups", "setgroups setgroups32", "the 32-bit form with 32-bit ids"),
  family("getgroups", "getgroups getgroups32", "the 32-bit form with 32-bit ids"),
  family("signal", "rt_sigaction sigaction signal", "32-bit architectures keep the old signal calls"),
  family("sigmask", "rt_sigprocmask sigprocmask", "32-bit architectures keep the old signal calls"),
  family("sigsuspend", "rt_sigsuspend sigsuspend pause", "waiting for a signal"),
  family("sigwait", "rt_sigtimedwait rt_sigtimedwait_time64", "the time64 form of 32-bit architectures"),
  family("kill", "tgkill tkill", "raise() and pthread_kill() use either"),
  family(
    "futex",
    "futex futex_time64 futex_wake futex_wait futex_requeue",
    "C libraries move to the split calls as kernels have them",
    "futex_waitv",
  ),
  family("sched-affinity", "sched_getaffinity getcpu", "which processor one is on, and may be on"),
  family(
    "time",
    "clock_gettime clock_gettime64 gettimeofday time clock_getres clock_getres_time64",
    "hidden by the vDSO where it works, real calls where it does not",
  ),
  family("xattr-get", "getxattr lgetxattr fgetxattr", "by path, link or descriptor"),
  family("xattr-list", "listxattr llistxattr flistxattr", "by path, link or descriptor"),
  family("xattr-set", "setxattr lsetxattr fsetxattr", "by path, link or descriptor"),
  family("ipc-sem", "semop semtimedop semtimedop_time64", "semop() is semtimedop() without a limit"),
];

/** Calls that any program may make at its start, its end or any time, whatever it was seen to do. */
export const always: readonly { names: string[]; reason: string }[] = [
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
    reason: "C libraries seed their allocators by it, or the vDSO hides it (Linux 6.11)",
  },
  {
    names: [
      "set_tid_address",
      "set_robust_list",
      "get_robust_list",
      "rseq",
      "arch_prctl",
      "set_thread_area",
      "brk",
      "mprotect",
      "munmap",
      "madvise",
    ],
    reason: "how C libraries set up threads and memory, differently with each version",
  },
  {
    names: ["futex", "futex_time64", "sched_yield", "gettid", "getpid"],
    reason: "locks that wait only when they are contended",
  },
];
