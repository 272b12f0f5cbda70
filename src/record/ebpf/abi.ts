/**
 * What the programs in the kernel and the reader in user space agree on: numbers, not types of the kernel.
 *
 * A process's state is one word, found by its process id (tgid):
 *
 *     bit 15: traced | bits 4–8: slot (which container) | bits 0–3: phase
 *
 * 0 means: not traced, or not yet looked at.
 */
export const TRACED = 0x8000;
export const SLOT_SHIFT = 4;
/** Containers that may start while we look: ours and its neighbours. More are counted as lost. */
export const SLOTS = 32;
export const STATE_MASK = 0x1ff;

export const PHASE = {
  /** Before a filter: the runtime sets the container up; nothing of this is the profile's business. */
  setup: 1,
  /** Between filter and program. */
  runtime: 2,
  app: 3,
  /** 4 to 15: processes that came in later (docker exec, health checks), each by itself; the last is shared. */
  exec: 4,
  last: 15,
} as const;

export const ABI = { native: 0, i386: 1, x32: 2 } as const;
export const X32_BIT = 0x4000_0000;

/** Call numbers below this have a bit in the bitmaps: twice what any table of Linux holds. */
export const MAX_NR = 1024;
export const BITMAP_BYTES = MAX_NR / 8;
/** One bitmap for each state and convention. */
export const BITMAPS_BYTES = (STATE_MASK + 1) * 3 * BITMAP_BYTES;

/** Kinds of record in the ring. */
export const EVENT = { exec: 1, open: 2, path: 3, path2: 4, fd: 5, socket: 6, refused: 7 } as const;

/**
 * A record, the same head for all. `hashed` bytes decide whether it was sent before.
 *
 *     0 u8  kind        1 u8 abi      2 u16 state
 *     4 u32 nr          8 s32 ret (0 or -errno)
 *     12 u32 a          16 u32 b
 *     20 u16 length of the user's string, its NUL included     22 u16 unused
 *     24 u32 tgid (not hashed)        28 u32 unused
 *     32 … the string, then path components from the leaf up, each ended by NUL
 *
 * After the components, `refused` and `exec` have fixed words of their own (see decode.ts).
 */
export const HEAD = {
  kind: 0,
  abi: 1,
  state: 2,
  nr: 4,
  ret: 8,
  a: 12,
  b: 16,
  stringLength: 20,
  tgid: 24,
} as const;
export const HEAD_BYTES = 32;

/** PATH_MAX: what the kernel itself takes from a user. */
export const MAX_STRING = 4096;
/** NAME_MAX and its NUL. */
export const NAME_BYTES = 256;
/** Levels of a path that are walked; a deeper one is cut, counted and said. */
export const MAX_LEVELS = 64;
/** Where a walk stops taking components: PATH_MAX after the longest string. */
export const WALK_LIMIT = HEAD_BYTES + MAX_STRING + 4096;
/**
 * Longer records are sent each time they come up, and told apart in user space: the verifier follows every round of
 * the loop that hashes, and this bound makes loading several times faster.
 */
export const HASH_LIMIT = 1024;
/** Room behind a record for its fixed words. */
export const TAIL_BYTES = 128;
export const SCRATCH_BYTES = WALK_LIMIT + NAME_BYTES + TAIL_BYTES + 112;

/** What could not be kept, by place in the counters. */
export const COUNTER = {
  strings: 0,
  slots: 1,
  args: 2,
  errnos: 3,
  capabilities: 4,
  scopes: 5,
  oddCalls: 6,
  truncated: 7,
  processes: 8,
} as const;
export const COUNTERS = 16;

/** Bits of struct file's f_mode (include/linux/fs.h). */
export const FMODE = { read: 1, write: 2, path: 0x4000, created: 0x10_0000 } as const;

/** How sys_exit treats a call. */
export const EXIT = {
  none: 0,
  open: 1,
  path: 2,
  fd: 3,
  sockaddr: 4,
  socket: 5,
  message: 6,
  chdir: 7,
  chroot: 8,
} as const;

/** No argument. */
export const NO_ARG = 7;

/**
 * Eight bytes a call, in a table of the programs:
 *
 *     0 kind   1 path   2 its dirfd (7: none)   3 second path   4 its dirfd   5 flags or length argument
 *     6 bits: ENTER_*   7 unused
 */
export const SPEC = { kind: 0, path: 1, dirfd: 2, path2: 3, dirfd2: 4, extra: 5, enter: 6 } as const;
export const SPEC_BYTES = 8;
export const SPECS_BYTES = 3 * MAX_NR * SPEC_BYTES;
export const ENTER = {
  /** Its arguments are kept. */
  args: 1,
  /** It may install a filter. */
  filter: 2,
  /** Only its failures are looked at: what a success did is a record of its own (execve). */
  failuresOnly: 4,
} as const;
