/** Calls that do one kind of work, so that a list of two hundred can be read. Each call is in exactly one group. */
export interface SyscallGroup {
  /** Stable, kebab-case. */
  name: string;
  title: string;
  /** What an attacker inside the program can do with these calls. */
  exposes: string;
  syscalls: readonly string[];
}

function group(name: string, title: string, exposes: string, calls: string): SyscallGroup {
  return { name, title, exposes, syscalls: calls.trim().split(/\s+/) };
}

/** From what nearly every program needs to what hardly any does. */
export const syscallGroups: readonly SyscallGroup[] = [
  group(
    "process",
    "Starting and ending processes",
    "Running any program that the file system holds, and using up process numbers. Flags of clone can also make new namespaces.",
    `clone clone3 execve execveat exit exit_group fork process_mrelease vfork wait4 waitid waitpid`,
  ),
  group(
    "threads",
    "Threads and their synchronisation",
    "Little besides the kernel's futex code, which has had serious bugs.",
    `arch_prctl futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list get_thread_area
     membarrier rseq rseq_slice_yield set_robust_list set_thread_area set_tid_address`,
  ),
  group(
    "process-info",
    "Asking about oneself and the machine",
    "Learning ids, limits and the kernel's version; nothing is changed.",
    `capget getcpu getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid
     getppid getpriority getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid gettid getuid getuid32
     oldolduname olduname sysinfo times ugetrlimit uname`,
  ),
  group(
    "process-settings",
    "Changing one's own process",
    "Changing the process's own limits, session and modes; prctl also switches hardening on and off.",
    `personality prctl prlimit64 setpgid setrlimit setsid umask`,
  ),
  group(
    "memory",
    "Memory of the process",
    "Making memory executable, which code injection needs.",
    `brk cachestat madvise map_shadow_stack memfd_create mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap mseal
     msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages`,
  ),
  group(
    "signals",
    "Signals",
    "Stopping and disturbing other processes of the same user.",
    `kill pause pidfd_open pidfd_send_signal restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
     rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sgetmask sigaction sigaltstack
     signal signalfd signalfd4 sigpending sigprocmask sigreturn sigsuspend ssetmask tgkill tkill`,
  ),
  group(
    "file-io",
    "Reading and writing open files",
    "Reading and changing what is already open.",
    `_llseek close close_range copy_file_range dup dup2 dup3 fadvise64 fadvise64_64 fallocate fcntl fcntl64 fdatasync
     flock fsync ftruncate ftruncate64 getdents getdents64 lseek pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev
     pwritev2 read readahead readdir readv sendfile sendfile64 splice sync_file_range tee vmsplice write writev`,
  ),
  group(
    "file-open",
    "Opening files",
    "Reaching every path that permissions and mounts allow.",
    `creat open openat openat2`,
  ),
  group(
    "file-info",
    "Asking about files",
    "Finding out which files exist, and what they are.",
    `access faccessat faccessat2 fgetxattr file_getattr flistxattr fstat fstat64 fstatat64 fstatfs fstatfs64 getcwd
     getxattr getxattrat lgetxattr listxattr listxattrat llistxattr lstat lstat64 newfstatat oldfstat oldlstat oldstat
     readlink readlinkat stat stat64 statfs statfs64 statx`,
  ),
  group(
    "file-tree",
    "Changing the file tree",
    "Creating, renaming and deleting files, and making device files with CAP_MKNOD.",
    `chdir fchdir link linkat mkdir mkdirat mknod mknodat rename renameat renameat2 rmdir symlink symlinkat truncate
     truncate64 unlink unlinkat`,
  ),
  group(
    "file-attributes",
    "Owners, permissions and times of files",
    "Making files executable, set-user-ID or somebody else's, and hiding traces by setting times.",
    `chmod chown chown32 fchmod fchmodat fchmodat2 fchown fchown32 fchownat file_setattr fremovexattr fsetxattr
     futimesat lchown lchown32 lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat utime utimensat
     utimensat_time64 utimes`,
  ),
  group("file-sync", "Flushing file systems", "Slowing the machine down by forcing writes.", `sync syncfs`),
  group(
    "waiting",
    "Waiting for events",
    "Little: waiting on what is already open.",
    `_newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old
     eventfd eventfd2 poll ppoll ppoll_time64 pselect6 pselect6_time64 select`,
  ),
  group(
    "file-watch",
    "Watching files",
    "Seeing which files others use; fanotify can also hold up their access.",
    `fanotify_init fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch`,
  ),
  group(
    "time",
    "Reading clocks, sleeping, timers",
    "Measuring time, which side-channel attacks need.",
    `alarm clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 ftime
     getitimer gettimeofday nanosleep setitimer time timer_create timer_delete timer_getoverrun timer_gettime
     timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
     timerfd_settime64`,
  ),
  group("random", "Random numbers", "Nothing worth having.", `getrandom`),
  group(
    "scheduling",
    "Scheduling and priorities",
    "Taking CPU and disk time from others, as far as CAP_SYS_NICE allows.",
    `ioprio_get ioprio_set nice sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr
     sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity
     sched_setattr sched_setparam sched_setscheduler sched_yield setpriority`,
  ),
  group(
    "network",
    "Sockets",
    "Talking to the network and to local services, and reaching the code of every socket family that is allowed.",
    `accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmmsg_time64 recvmsg
     sendmmsg sendmsg sendto setsockopt shutdown socket socketcall socketpair`,
  ),
  group(
    "device-control",
    "Control of devices and files by ioctl",
    "Every driver whose device can be opened: the widest and least tested entry into the kernel.",
    `ioctl`,
  ),
  group(
    "ipc",
    "Shared memory, semaphores and message queues",
    "Touching other processes' shared memory in the same namespace.",
    `ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
     mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`,
  ),
  group(
    "async-io",
    "Asynchronous input and output",
    "Kernel code that has had serious bugs; what is done with it are reads and writes.",
    `io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit`,
  ),
  group(
    "io-uring",
    "io_uring",
    "Opening, connecting and more without a system call that a filter could see, through code with many past exploits.",
    `io_uring_enter io_uring_register io_uring_setup`,
  ),
  group(
    "identity",
    "Changing user and group",
    "Becoming another user, with CAP_SETUID or CAP_SETGID or a program with the set-user-ID bit.",
    `capset setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid setregid32 setresgid
     setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`,
  ),
  group(
    "sandboxing",
    "Restricting oneself",
    "Nothing by itself: these only take rights away, though a filter with notification can watch a child's calls.",
    `landlock_add_rule landlock_create_ruleset landlock_restrict_self lsm_get_self_attr lsm_list_modules
     lsm_set_self_attr seccomp`,
  ),
  group(
    "numa",
    "Placing memory on NUMA nodes",
    "Moving other processes' memory, with CAP_SYS_NICE; little used kernel code.",
    `get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node`,
  ),
  group(
    "keyring",
    "Kernel key rings",
    "Reading keys of others: key rings are not separated by container.",
    `add_key keyctl request_key`,
  ),
  group(
    "secret-memory",
    "Memory hidden from the kernel, page faults handled by the program",
    "Holding the kernel in the middle of a copy, a favourite tool of exploits (userfaultfd).",
    `memfd_secret userfaultfd`,
  ),
  group(
    "inspection",
    "Looking into other processes",
    "Reading and changing the memory and descriptors of other processes of the same user.",
    `kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace`,
  ),
  group(
    "file-handles",
    "Opening files by handle",
    "Opening files outside the container's tree, with CAP_DAC_READ_SEARCH.",
    `name_to_handle_at open_by_handle_at`,
  ),
  group(
    "root-directory",
    "Changing the root directory",
    "Escaping from a chroot; pivot_root also needs CAP_SYS_ADMIN.",
    `chroot fchroot pivot_root`,
  ),
  group(
    "namespaces",
    "Namespaces",
    "With a new user namespace all capabilities inside it, and with them kernel code meant for root; or entering another container.",
    `listns setns unshare`,
  ),
  group(
    "mount",
    "Mounts",
    "Uncovering, replacing and remounting the file tree, and feeding forged disks to file system drivers.",
    `fsconfig fsmount fsopen fspick listmount mount mount_setattr move_mount open_tree open_tree_attr statmount umount
     umount2`,
  ),
  group(
    "tracing",
    "BPF and performance events",
    "Running programs inside the kernel and watching the whole machine.",
    `bpf lookup_dcookie perf_event_open uprobe uretprobe`,
  ),
  group(
    "clock-setting",
    "Setting clocks",
    "Changing the machine's time, which certificates and logs rely on.",
    `adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64 settimeofday stime`,
  ),
  group(
    "administration",
    "Administration of the machine",
    "Host name, swap, quotas, accounting, kernel log: all of it for the machine's administrator.",
    `acct quotactl quotactl_fd setdomainname sethostname swapoff swapon syslog vhangup`,
  ),
  group(
    "kernel-control",
    "Loading and restarting the kernel",
    "Control of the whole machine.",
    `create_module delete_module finit_module init_module kexec_file_load kexec_load reboot`,
  ),
  group(
    "raw-hardware",
    "Hardware and processor modes",
    "I/O ports past the kernel, and processor modes with a history of kernel bugs.",
    `ioperm iopl modify_ldt vm86 vm86old`,
  ),
  group(
    "obsolete",
    "Calls that Linux no longer has, or keeps for programs of the nineties",
    "Old code that nobody looks at; no program of today needs it.",
    `_sysctl afs_syscall bdflush break get_kernel_syms getpmsg gtty idle lock mpx nfsservctl prof profil putpmsg
     query_module security stty sysfs tuxcall ulimit uselib ustat vserver`,
  ),
];

let byCall: Map<string, SyscallGroup> | undefined;

/** The group of a call; undefined for a name that no table has. */
export function groupOf(syscall: string): SyscallGroup | undefined {
  byCall ??= new Map(syscallGroups.flatMap((entry) => entry.syscalls.map((name) => [name, entry] as const)));
  return byCall.get(syscall);
}
