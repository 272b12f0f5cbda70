/**
 * Which macros and enumerators of which headers make a set. The first group of `pattern` is the name. Sets with a
 * header of their own by architecture come once for each.
 */
export const SETS: { set: string; headers: string[]; pattern: RegExp; not?: RegExp }[] = [
  {
    set: "errno",
    headers: ["asm-generic/errno-base.h", "asm-generic/errno.h"],
    pattern: /^#define\s+(E[A-Z0-9]+)\s/gm,
  },
  { set: "capability", headers: ["linux/capability.h"], pattern: /^#define (CAP_[A-Z_]+)\s+\d/gm },
  {
    set: "signal",
    headers: ["asm/signal.h"],
    pattern: /^#define (SIG[A-Z0-9]+)\s+\d+/gm,
    not: /SIGRTMIN|SIGSTKSZ|SIGUNUSED|SIGRTMAX/,
  },
  {
    set: "clone",
    headers: ["linux/sched.h"],
    pattern: /^#define (CLONE_[A-Z_0-9]+)\s/gm,
    not: /CLONE_ARGS_SIZE/,
  },
  { set: "prctl", headers: ["linux/prctl.h"], pattern: /^#define (PR_[A-Z0-9_]+)\s+(?:\d+|0x59616d61)\b/gm },
  { set: "arch_prctl", headers: ["asm/prctl.h"], pattern: /^#define (ARCH_[A-Z0-9_]+)\s/gm },
  { set: "personality", headers: ["linux/personality.h"], pattern: /^\s+([A-Z][A-Z0-9_]+) *=/gm },
  {
    set: "fcntl",
    headers: ["asm-generic/fcntl.h", "linux/fcntl.h"],
    pattern: /^#define (F_[A-Z0-9_]+)\s/gm,
    not: /^F_(RDLCK|WRLCK|UNLCK|EXLCK|SHLCK|OWNER_\w+|SEAL_\w+|LINUX_SPECIFIC_BASE)$/,
  },
  { set: "prot", headers: ["asm-generic/mman-common.h"], pattern: /^#define (PROT_[A-Z0-9]+)\s/gm },
  {
    set: "map",
    headers: ["linux/mman.h", "asm-generic/mman.h", "asm-generic/mman-common.h"],
    pattern: /^#define (MAP_[A-Z_]+)\s+(?:0x|\()/gm,
    not: /MAP_(TYPE|HUGE)_/,
  },
  {
    set: "keyctl",
    headers: ["linux/keyctl.h"],
    pattern: /^#define (KEYCTL_[A-Z0-9_]+)\s+\d/gm,
    not: /KEYCTL_(SUPPORTS|CAPS)/,
  },
  {
    set: "bpf",
    headers: ["linux/bpf.h"],
    pattern: /^\t(BPF_(?:MAP|PROG|OBJ|RAW_TRACEPOINT|BTF|TASK|LINK|ENABLE|ITER|TOKEN)_[A-Z_]+),$/gm,
  },
  {
    set: "ptrace",
    headers: ["linux/ptrace.h", "asm/ptrace-abi.h"],
    pattern: /^#define (PTRACE_[A-Z_0-9]+)\s/gm,
    not: /PTRACE_(EVENT|O_|PEEKSIGINFO_|SYSCALL_INFO)/,
  },
  {
    set: "seccomp",
    headers: ["linux/seccomp.h"],
    pattern: /^#define (SECCOMP_(?:SET_MODE|GET)_[A-Z_]+)\s/gm,
  },
  { set: "madvise", headers: ["asm-generic/mman-common.h"], pattern: /^#define (MADV_[A-Z_]+)\s/gm },
  {
    set: "netlink",
    headers: ["linux/netlink.h"],
    pattern: /^#define (NETLINK_[A-Z_0-9]+)\s+\d+/gm,
    not: /NETLINK_(ADD|DROP|PKTINFO|BROADCAST|NO_|RX_|TX_|LISTEN|CAP_|EXT_|GET_|UNUSED)/,
  },
  { set: "ipproto", headers: ["linux/in.h"], pattern: /^ {2}(IPPROTO_[A-Z0-9]+) =/gm },
  { set: "ethertype", headers: ["linux/if_ether.h"], pattern: /^#define (ETH_P_[A-Z0-9_]+)\s/gm },
  { set: "socketcall", headers: ["linux/net.h"], pattern: /^#define (SYS_[A-Z0-9]+)\s/gm },
  { set: "ipc", headers: ["linux/ipc.h"], pattern: /^#define ((?:SEM|MSG|SHM)[A-Z]+)\s/gm },
  {
    set: "futex",
    headers: ["linux/futex.h"],
    pattern: /^#define (FUTEX_[A-Z_0-9]+)\s+\d/gm,
    not: /FUTEX_(32|WAITERS|OWNER|TID|PRIVATE_FLAG|CLOCK)/,
  },
  {
    set: "at",
    headers: ["linux/fcntl.h"],
    pattern: /^#define (AT_[A-Z_]+)\s/gm,
    not: /AT_STATX_SYNC_TYPE|AT_RENAME|AT_HANDLE|AT_EACCESS|AT_REMOVEDIR/,
  },
  {
    set: "mount",
    headers: ["linux/mount.h"],
    pattern: /^#define (MS_[A-Z]+)\s/gm,
    not: /MS_(RMT_MASK|MGC_\w+)/,
  },
  ...["x86_64", "aarch64"].map((arch) => ({
    set: `open.${arch}`,
    headers: ["asm/fcntl.h", "asm-generic/fcntl.h"],
    pattern: /^#define (O_[A-Z]+)\s/gm,
    not: /O_NDELAY/,
  })),
  {
    set: "ioctl",
    headers: ["asm-generic/ioctls.h"],
    pattern: /^#define ((?:T|FIO|SIOC)[A-Z0-9_]+)\s/gm,
    not: /^(TIOCM_|TIOCPKT_|TIOCSER_|FIOQSIZE$)/,
  },
  {
    set: "ioctl",
    headers: ["linux/sockios.h", "asm-generic/sockios.h"],
    pattern: /^#define (SIOC[A-Z0-9_]+)\s/gm,
    not: /SIOCPROTOPRIVATE|SIOCDEVPRIVATE|SIOCINQ|SIOCOUTQ$|_NEW$/,
  },
  { set: "ioctl", headers: ["linux/fs.h"], pattern: /^#define ((?:BLK|FI|FS_IOC)[A-Z0-9_]+)\s+_?IO/gm },
  ...(
    [
      ["linux/random.h", /^#define (RND[A-Z]+)\s+_IO/gm],
      ["linux/if_tun.h", /^#define (TUN[A-Z]+)\s+_IO/gm],
      ["linux/loop.h", /^#define (LOOP_[A-Z_]+)\s+0x4/gm],
      ["linux/nsfs.h", /^#define (NS_[A-Z_]+)\s+_IO/gm],
      ["linux/seccomp.h", /^#define (SECCOMP_IOCTL_[A-Z_]+)\s/gm],
      ["linux/perf_event.h", /^#define (PERF_EVENT_IOC_[A-Z_]+)\s+_IO/gm],
      ["linux/userfaultfd.h", /^#define (UFFDIO_[A-Z]+)\s+_IO/gm],
      ["linux/fscrypt.h", /^#define (FS_IOC_[A-Z_0-9]+)\s+_IO/gm],
      ["linux/btrfs.h", /^#define (BTRFS_IOC_[A-Z_]+)\s+_IO/gm],
      ["linux/vt.h", /^#define (VT_[A-Z]+)\s+0x56/gm],
      ["linux/kd.h", /^#define (K[DG][A-Z]+)\s+0x4B/gm],
    ] as [string, RegExp][]
  ).map(([header, pattern]) => ({ set: "ioctl", headers: [header], pattern })),
];
