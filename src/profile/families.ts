/**
 * Calls that stand in for each other: which one a program makes depends on its C library, the kernel's version or the
 * architecture's tables, not on what it wants. Where one member was recorded, the others are granted as `equivalent`.
 *
 * A profile must not get wider by it in what counts: the members do the same thing to the same objects, with the same
 * permission checks. Flags that only the newer form has (RENAME_EXCHANGE, AT_EMPTY_PATH) reach nothing new.
 */
export interface Family {
  /** Kebab-case, unique. */
  name: string;
  members: string[];
  /**
   * Left to ENOSYS and not granted unless recorded themselves: a filter cannot look at what they are asked (it lies
   * behind a pointer), or they are new, and C libraries do without them.
   */
  fallback?: string[];
  /** Why these are one, a clause. */
  reason: string;
}

const family = (name: string, members: string, reason: string, fallback?: string): Family => ({
  name,
  members: members.split(" "),
  reason,
  ...(fallback !== undefined && { fallback: fallback.split(" ") }),
});

const TIME64 = "32-bit architectures have a second form, whose times do not end in 2038";
const IDS32 = "32-bit architectures have a second form, with 32-bit ids";
const XATTR = "libraries for attributes and access lists take the form that fits: path, link or descriptor";

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
  family(
    "unlink",
    "unlink unlinkat rmdir",
    "architectures without unlink and rmdir have unlinkat, which does both",
  ),
  family("mkdir", "mkdir mkdirat", "architectures without mkdir have mkdirat"),
  family("link", "link linkat", "architectures without link have linkat"),
  family("symlink", "symlink symlinkat", "architectures without symlink have symlinkat"),
  family("readlink", "readlink readlinkat", "architectures without readlink have readlinkat"),
  family("mknod", "mknod mknodat", "architectures without mknod have mknodat"),
  family(
    "chmod",
    "chmod fchmod fchmodat fchmodat2",
    "one change of permission bits; musl does what it cannot do by descriptor through /proc/self/fd",
  ),
  family(
    "chown",
    "chown lchown fchown fchownat chown32 lchown32 fchown32",
    "one change of owner, and the right to it is the capability's; musl goes through /proc/self/fd where it must",
  ),
  family("getdents", "getdents getdents64", "the older form has short inode numbers"),
  family(
    "utimes",
    "utime utimes futimesat utimensat utimensat_time64",
    "times of a file, in four generations of calls",
  ),
  family(
    "read",
    "read readv pread64 preadv preadv2",
    "stdio and runtimes take one or the other by how much they have buffered",
  ),
  family(
    "write",
    "write writev pwrite64 pwritev pwritev2",
    "stdio and runtimes take one or the other by how much they have buffered",
  ),
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
  family("wait", "wait4 waitid waitpid", "waitpid() is wait4 in C libraries; runtimes use waitid"),
  family(
    "sleep",
    "nanosleep clock_nanosleep clock_nanosleep_time64",
    "glibc moved from nanosleep to clock_nanosleep",
  ),
  family("timer-set", "timer_settime timer_settime64", TIME64),
  family("timer-get", "timer_gettime timer_gettime64", TIME64),
  family("timerfd-set", "timerfd_settime timerfd_settime64", TIME64),
  family("timerfd-get", "timerfd_gettime timerfd_gettime64", TIME64),
  family("clock-set", "clock_settime clock_settime64", TIME64),
  family("clock-adjust", "clock_adjtime clock_adjtime64", TIME64),
  family("sched-interval", "sched_rr_get_interval sched_rr_get_interval_time64", TIME64),
  family("mq-send", "mq_timedsend mq_timedsend_time64", TIME64),
  family("mq-receive", "mq_timedreceive mq_timedreceive_time64", TIME64),
  family(
    "io-events",
    "io_getevents io_pgetevents io_pgetevents_time64",
    "libaio moved to the form with a signal mask",
  ),
  family(
    "rlimit",
    "getrlimit setrlimit ugetrlimit prlimit64",
    "C libraries read and set limits by prlimit64, which does both, and fall back to the older calls",
  ),
  family(
    "getuid",
    "getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32",
    "the 32-bit forms with 32-bit ids; asking who one is gives nothing away",
  ),
  family(
    "setuid",
    "setuid setuid32 setreuid setreuid32 setresuid setresuid32",
    "seteuid() and the like are one or another of them by C library; the right to it is the capability's",
  ),
  family(
    "setgid",
    "setgid setgid32 setregid setregid32 setresgid setresgid32",
    "setegid() and the like are one or another of them by C library; the right to it is the capability's",
  ),
  family("setgroups", "setgroups setgroups32", IDS32),
  family("getgroups", "getgroups getgroups32", IDS32),
  family("getresuid", "getresuid getresuid32", IDS32),
  family("getresgid", "getresgid getresgid32", IDS32),
  family("setfsuid", "setfsuid setfsuid32", IDS32),
  family("setfsgid", "setfsgid setfsgid32", IDS32),
  family("sigmask", "rt_sigprocmask sigprocmask", "32-bit architectures keep the old signal calls"),
  family("sigsuspend", "rt_sigsuspend pause", "architectures without pause have rt_sigsuspend"),
  family("sigwait", "rt_sigtimedwait rt_sigtimedwait_time64", TIME64),
  family("kill", "tgkill tkill", "glibc sends signals to threads by tgkill, musl by tkill"),
  family(
    "futex",
    "futex futex_time64 futex_wake futex_wait futex_requeue",
    "C libraries move to the split calls as kernels have them",
    "futex_waitv",
  ),
  family(
    "time",
    "clock_gettime clock_gettime64 gettimeofday time clock_getres clock_getres_time64",
    "hidden by the vDSO where it works, real calls where it does not",
  ),
  family("xattr-get", "getxattr lgetxattr fgetxattr", XATTR),
  family("xattr-list", "listxattr llistxattr flistxattr", XATTR),
  family("xattr-set", "setxattr lsetxattr fsetxattr", XATTR),
  family("xattr-remove", "removexattr lremovexattr fremovexattr", XATTR),
  family("ipc-sem", "semop semtimedop semtimedop_time64", "semop() is semtimedop() without a limit"),
];
