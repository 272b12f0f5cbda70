import type { AnalyzedCapability, AnalyzedSyscall } from "../profile/index.ts";

/** Calls during which the kernel may ask for a capability, whatever their arguments (capabilities(7), and the kernel's callers of capable). */
const BY_CALL: Readonly<Record<string, string>> = {
  CAP_CHOWN: "chown fchown lchown fchownat",
  CAP_DAC_OVERRIDE:
    "open openat openat2 creat access faccessat faccessat2 execve execveat mkdir mkdirat mknod mknodat unlink unlinkat rename renameat renameat2 rmdir link linkat symlink symlinkat truncate chdir stat lstat newfstatat statx readlink readlinkat connect setxattr utimensat chmod fchmodat chroot",
  CAP_DAC_READ_SEARCH: "open openat openat2 open_by_handle_at getdents getdents64 linkat",
  CAP_FOWNER:
    "chmod fchmod fchmodat fchmodat2 utime utimes utimensat futimesat setxattr lsetxattr fsetxattr unlink unlinkat rename renameat renameat2 rmdir fcntl ioctl link linkat",
  CAP_FSETID: "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat",
  CAP_KILL: "kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal",
  CAP_SETGID: "setgid setregid setresgid setgroups setfsgid",
  CAP_SETUID: "setuid setreuid setresuid setfsuid",
  CAP_SETPCAP: "capset",
  CAP_LINUX_IMMUTABLE: "ioctl file_setattr",
  CAP_NET_BIND_SERVICE: "bind",
  CAP_NET_ADMIN: "ioctl setsockopt sendto sendmsg sendmmsg",
  CAP_IPC_LOCK: "mlock mlock2 mlockall shmctl shmget mmap memfd_secret",
  CAP_IPC_OWNER: "msgget msgctl msgsnd msgrcv semget semctl semop semtimedop shmget shmat shmctl",
  CAP_SYS_MODULE: "init_module finit_module delete_module",
  CAP_SYS_RAWIO: "iopl ioperm",
  CAP_SYS_CHROOT: "chroot setns",
  CAP_SYS_PTRACE:
    "ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise userfaultfd get_robust_list move_pages migrate_pages",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_ADMIN:
    "mount umount2 umount pivot_root swapon swapoff sethostname setdomainname setns bpf perf_event_open quotactl quotactl_fd fanotify_init fsopen fsmount fspick fsconfig move_mount open_tree mount_setattr keyctl ioctl ioprio_set syslog lookup_dcookie nfsservctl vm86 seccomp prctl setxattr",
  CAP_SYS_BOOT: "reboot kexec_load kexec_file_load",
  CAP_SYS_NICE:
    "setpriority sched_setscheduler sched_setparam sched_setattr sched_setaffinity ioprio_set migrate_pages move_pages mbind set_mempolicy",
  CAP_SYS_RESOURCE: "setrlimit prlimit64 quotactl mq_open msgctl fcntl keyctl ioctl",
  CAP_SYS_TIME: "settimeofday clock_settime adjtimex clock_adjtime stime",
  CAP_SYS_TTY_CONFIG: "vhangup ioctl",
  CAP_MKNOD: "mknod mknodat",
  CAP_LEASE: "fcntl",
  CAP_AUDIT_WRITE: "sendto sendmsg",
  CAP_AUDIT_CONTROL: "sendto sendmsg",
  CAP_SETFCAP: "setxattr lsetxattr fsetxattr",
  CAP_MAC_ADMIN: "setxattr lsetxattr fsetxattr",
  CAP_SYSLOG: "syslog",
  CAP_WAKE_ALARM: "timer_create timerfd_create clock_nanosleep",
  CAP_BLOCK_SUSPEND: "epoll_ctl",
  CAP_PERFMON: "perf_event_open bpf",
  CAP_BPF: "bpf",
  CAP_CHECKPOINT_RESTORE: "clone3 prctl",
};

const CLONE_NEW = 0x7e02_0080;
const AF_NETLINK = 16;
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_TYPE_MASK = 0xf;
const PR_CAPBSET_DROP = 24;
const PR_SET_SECUREBITS = 28;
const F_SETLEASE = 1024;

/** Where the arguments tell: whether a call with such a value asks for the capability. */
const BY_ARGUMENT: readonly {
  capability: string;
  call: string;
  argument: number;
  asks: (value: number) => boolean;
}[] = [
  {
    capability: "CAP_NET_RAW",
    call: "socket",
    argument: 1,
    asks: (type) => (type & SOCK_TYPE_MASK) === SOCK_RAW,
  },
  { capability: "CAP_NET_RAW", call: "socket", argument: 0, asks: (domain) => domain === AF_PACKET },
  { capability: "CAP_SYS_ADMIN", call: "clone", argument: 0, asks: (flags) => (flags & CLONE_NEW) !== 0 },
  { capability: "CAP_SYS_ADMIN", call: "unshare", argument: 0, asks: (flags) => (flags & CLONE_NEW) !== 0 },
  {
    capability: "CAP_SETPCAP",
    call: "prctl",
    argument: 0,
    asks: (option) => option === PR_CAPBSET_DROP || option === PR_SET_SECUREBITS,
  },
];

/** Where a closed set of values shows that a call does not ask for what it otherwise may. */
const NOT_BY_ARGUMENT: readonly {
  capability: string;
  call: string;
  argument: number;
  asks: (value: number) => boolean;
}[] = [{ capability: "CAP_LEASE", call: "fcntl", argument: 1, asks: (command) => command === F_SETLEASE }];

/** Capabilities that only matter where a socket of such a domain can be made. */
const NEEDS_NETLINK = new Set(["CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL"]);

/**
 * The capabilities that the kernel may ask for during a program's calls: an upper bound, for most of these calls need
 * none with what a program does. Argument values count where all of them are known.
 */
export function capabilitiesOf(syscalls: readonly AnalyzedSyscall[]): AnalyzedCapability[] {
  const byName = new Map(syscalls.map((call) => [call.name, call]));
  const found = new Map<string, Set<string>>();
  const add = (capability: string, call: string): void => {
    const calls = found.get(capability);
    if (calls === undefined) found.set(capability, new Set([call]));
    else calls.add(call);
  };
  const values = (call: string, argument: number) =>
    byName.get(call)?.args?.find(({ index }) => index === argument);
  const domains = values("socket", 0);
  const hasNetlink =
    byName.has("socket") && (domains?.closed !== true || domains.values.includes(AF_NETLINK));
  for (const [capability, calls] of Object.entries(BY_CALL)) {
    if (NEEDS_NETLINK.has(capability) && !hasNetlink) continue;
    for (const call of calls.split(" ")) {
      if (!byName.has(call)) continue;
      const rule = NOT_BY_ARGUMENT.find((one) => one.capability === capability && one.call === call);
      const known = rule && values(call, rule.argument);
      if (rule !== undefined && known?.closed === true && !known.values.some(rule.asks)) continue;
      add(capability, call);
    }
  }
  for (const { capability, call, argument, asks } of BY_ARGUMENT) {
    if (!byName.has(call)) continue;
    const known = values(call, argument);
    if (known?.closed !== true || known.values.some(asks)) add(capability, call);
  }
  return [...found]
    .map(([name, calls]) => ({ name, syscalls: [...calls].sort() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
