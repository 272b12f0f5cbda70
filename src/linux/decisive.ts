/** An argument that decides what a call may do. `mask`: the bits that matter; a set flag may be all one wants to know. */
export interface DecisiveArgument {
  name: string;
  arg: number;
  mask: bigint;
  /** The argument points to the value (clone3's first field). */
  deref?: boolean;
}

const WORD = 0xffff_ffffn;
const word = (name: string, arg: number, mask = WORD): DecisiveArgument => ({ name, arg, mask });

/** The arguments that decide what a call may do, at most three a call: recordings and analyses tell their values. */
export const decisiveArguments: Readonly<Record<string, readonly DecisiveArgument[]>> = {
  socket: [word("domain", 0), word("type", 1), word("protocol", 2)],
  socketpair: [word("domain", 0), word("type", 1), word("protocol", 2)],
  // The low byte of clone's flags is the signal sent at exit.
  clone: [word("flags", 0, 0xffff_ff00n)],
  clone3: [{ name: "flags", arg: 0, mask: 0xffff_ffff_ffffn, deref: true }],
  unshare: [word("flags", 0)],
  setns: [word("type", 1)],
  personality: [word("persona", 0)],
  prctl: [word("option", 0)],
  arch_prctl: [word("code", 0)],
  ioctl: [word("request", 1)],
  fcntl: [word("command", 1)],
  fcntl64: [word("command", 1)],
  // PROT_READ, PROT_WRITE and PROT_EXEC.
  mmap: [word("protection", 2, 7n)],
  mmap2: [word("protection", 2, 7n)],
  mprotect: [word("protection", 2, 7n)],
  pkey_mprotect: [word("protection", 2, 7n)],
  keyctl: [word("operation", 0)],
  bpf: [word("command", 0)],
  ptrace: [word("request", 0)],
  socketcall: [word("call", 0)],
  ipc: [word("call", 0)],
  seccomp: [word("operation", 0)],
};
