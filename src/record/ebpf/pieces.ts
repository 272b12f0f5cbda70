import type { Assembler, Register } from "../../bpf/index.ts";
import {
  ABI,
  COUNTER,
  HASH_LIMIT,
  HEAD,
  HEAD_BYTES,
  MAX_LEVELS,
  MAX_NR,
  NAME_BYTES,
  PHASE,
  SCRATCH_BYTES,
  SLOTS,
  SLOT_SHIFT,
  TRACED,
  WALK_LIMIT,
  X32_BIT,
} from "./abi.ts";
import type { Layout } from "./layout.ts";

/** What the programs of one tracer are written for. */
export interface Target {
  layout: Layout;
  /** Process ids are below this power of two. */
  processes: number;
  /**
   * The tracer's own mount namespace: everything in other, unknown ones is traced. undefined: only processes whose
   * state was set, and their children.
   */
  hostNamespace: number | undefined;
}

/** Places on the stack that several pieces use; the rest of a program stays above -200. */
export const STACK = {
  /** u64, walk's count of levels. */
  count: -8,
  /** 24 bytes, what probe_read_kernel brings. */
  read: -40,
  hash: -48,
  /** 40 bytes: keys. */
  key: -88,
  nr: -120,
  ctx: -128,
  task: -136,
  spec: -144,
  place: -152,
  /** 16 bytes: uid, gid, euid, egid. */
  ids: -168,
  /** What follows a record: see exit.ts. */
  next: -176,
} as const;

/**
 * Places at the end of the scratch buffer. What is kept here and not on the stack is unknown to the verifier when it
 * is read back, so that the ways that lead to a piece of code look the same to it, and it checks the code once.
 */
export const SCRATCH = {
  state: SCRATCH_BYTES - 112,
  abi: SCRATCH_BYTES - 104,
  nr: SCRATCH_BYTES - 96,
  ret: SCRATCH_BYTES - 88,
  dentry: SCRATCH_BYTES - 80,
  mount: SCRATCH_BYTES - 72,
  args: SCRATCH_BYTES - 64,
  tmp: SCRATCH_BYTES - 16,
  length: SCRATCH_BYTES - 8,
} as const;

const BPF_NOEXIST = 1;
const BPF_RB_NO_WAKEUP = 1;

/** Adds one to a counter. Uses r1, r2. */
export function count(a: Assembler, counter: number): void {
  a.mov("r1", 1)
    .mapValue("r2", "counters", counter * 8)
    .atomic("add", "u64", "r2", 0, "r1");
}

/**
 * r9 = the state of the current process (task in r8); its place is kept on the stack. Goes to `out` if it is not
 * traced. With a host namespace, a process first seen in another one gets a slot here. Uses r0–r5.
 */
export function findState(a: Assembler, target: Target, out: string): void {
  const { layout } = target;
  a.load("u32", "r1", "r8", layout.task.tgid);
  a.jump("ge", "r1", target.processes, out);
  a.alu("lsh", "r1", 2);
  a.mapValue("r2", "states").alu("add", "r2", "r1");
  a.load("u32", "r9", "r2", 0);
  if (target.hostNamespace === undefined) {
    a.jump("eq", "r9", 0, out);
    return;
  }
  const [known, fresh, assign, full] = [a.fresh("known"), a.fresh("new"), a.fresh("assign"), a.fresh("full")];
  const key = STACK.key;
  a.jump("ne", "r9", 0, known);
  a.store("u64", "r10", STACK.place, "r2");
  a.load("u64", "r1", "r8", layout.task.nsproxy);
  a.load("u64", "r1", "r1", layout.nsproxyMnt);
  a.load("u32", "r1", "r1", layout.mntInum);
  a.jump32("eq", "r1", target.hostNamespace, out);
  // A process on its way out has no namespaces any more.
  a.jump("eq", "r1", 0, out);
  a.store("u32", "r10", key, "r1");
  lookUp(a, "namespaces", key);
  a.jump("eq", "r0", 0, fresh);
  a.load("u32", "r9", "r0", 0);
  a.jump("eq", "r9", 0, out);
  a.goto(assign);

  a.label(fresh);
  a.mov("r1", 1)
    .mapValue("r2", "counters", COUNTER.slots * 8)
    .fetchAdd("u64", "r2", 0, "r1");
  a.jump("ge", "r1", SLOTS, full);
  a.alu("lsh", "r1", SLOT_SHIFT)
    .alu("or", "r1", TRACED | PHASE.setup)
    .mov("r9", "r1");
  a.store("u32", "r10", key + 8, "r9");
  a.map("r1", "namespaces")
    .mov("r2", "r10")
    .alu("add", "r2", key)
    .mov("r3", "r10")
    .alu("add", "r3", key + 8);
  a.mov("r4", BPF_NOEXIST).call("map_update_elem");
  a.jump("eq", "r0", 0, assign);
  // Another thread of it was here first: its slot counts, ours stays empty.
  lookUp(a, "namespaces", key);
  a.jump("eq", "r0", 0, out);
  a.load("u32", "r9", "r0", 0);
  a.jump("ne", "r9", 0, assign);
  a.goto(out);

  a.label(full);
  count(a, COUNTER.scopes);
  a.goto(out);

  a.label(assign);
  a.load("u64", "r2", "r10", STACK.place);
  a.store("u32", "r2", 0, "r9");
  a.label(known);
}

/** r0 = the value of the key on the stack, or 0. */
export function lookUp(a: Assembler, map: string, keyAt: number): void {
  a.map("r1", map).mov("r2", "r10").alu("add", "r2", keyAt).call("map_lookup_elem");
}

/**
 * Puts a key into a set, if it is not there; a set that is full is counted. Uses r0–r5 and the hash's place on the
 * stack for the value.
 */
export function addToSet(a: Assembler, map: string, keyAt: number, lost: number): void {
  const done = a.fresh("done");
  lookUp(a, map, keyAt);
  a.jump("ne", "r0", 0, done);
  a.store("u64", "r10", STACK.hash, 1);
  a.map("r1", map).mov("r2", "r10").alu("add", "r2", keyAt).mov("r3", "r10").alu("add", "r3", STACK.hash);
  a.mov("r4", 0).call("map_update_elem");
  a.jump("eq", "r0", 0, done);
  count(a, lost);
  a.label(done);
}

/** dst = the convention of the current call (task in r8, number in `nr`, which loses x32's bit); to `odd` beyond the tables. */
export function findAbi(a: Assembler, layout: Layout, nr: Register, dst: Register, odd: string): void {
  const have = a.fresh("have");
  if (layout.task.status !== undefined) {
    const [compat, x32] = [a.fresh("compat"), a.fresh("x32")];
    const TS_COMPAT = 2;
    a.load("u32", dst, "r8", layout.task.status);
    a.alu("and", dst, TS_COMPAT);
    a.jump("ne", dst, 0, compat);
    a.jump("set", nr, X32_BIT, x32);
    a.mov(dst, ABI.native).goto(have);
    a.label(x32).alu("and", nr, ~X32_BIT).mov(dst, ABI.x32).goto(have);
    a.label(compat).mov(dst, ABI.i386);
    a.label(have);
  } else {
    a.mov(dst, ABI.native);
  }
  a.jump("ge", nr, MAX_NR, odd);
}

/**
 * Appends the path of (dentry r7, mount r8) to the record in r6, from the leaf up, each name ended by NUL; the length
 * so far is in the scratch buffer. Follows mounts up to the root of the mount namespace. r6 stays; r0–r5, r7, r8 go.
 *
 * The length lives in memory, not in a register, so that the verifier sees the same state in every round of the loop
 * and does not follow each combination of turns by itself.
 */
export function walk(a: Assembler, layout: Layout): void {
  const { dentry, mount } = layout;
  const [loop, mountRoot, done, cut] = [a.fresh("loop"), a.fresh("mount"), a.fresh("walked"), a.fresh("cut")];
  const nameFromParent = dentry.name - dentry.parent;
  if (nameFromParent < 0 || nameFromParent > 16 || mount.mountpoint - mount.parent !== 8) {
    throw new RangeError("struct dentry or struct mount is laid out differently than the walk expects");
  }
  a.store("u64", "r10", STACK.count, 0);
  a.label(loop);
  a.load("u64", "r1", "r10", STACK.count);
  a.jump("ge", "r1", MAX_LEVELS, cut);
  a.alu("add", "r1", 1).store("u64", "r10", STACK.count, "r1");
  readKernel(a, 8, "r8", layout.mntRoot);
  a.load("u64", "r1", "r10", STACK.read);
  a.jump("eq", "r1", "r7", mountRoot);

  readKernel(a, nameFromParent + 8, "r7", dentry.parent);
  a.jump("ne", "r0", 0, done);
  a.load("u64", "r3", "r10", STACK.read + nameFromParent);
  a.load("u64", "r4", "r6", SCRATCH.length);
  a.jump("gt", "r4", WALK_LIMIT, cut);
  a.mov("r1", "r6").alu("add", "r1", "r4").mov("r2", NAME_BYTES).call("probe_read_kernel_str");
  a.jump("sle", "r0", 0, cut);
  a.jump("gt", "r0", NAME_BYTES, cut);
  a.load("u64", "r4", "r6", SCRATCH.length).alu("add", "r4", "r0").store("u64", "r6", SCRATCH.length, "r4");
  a.load("u64", "r1", "r10", STACK.read);
  // The root of a file system that is mounted nowhere is its own parent.
  a.jump("eq", "r1", "r7", done);
  a.mov("r7", "r1").goto(loop);

  a.label(mountRoot);
  // r8 is the vfsmount inside a struct mount.
  readKernel(a, 16, "r8", mount.parent - mount.mnt);
  a.jump("ne", "r0", 0, done);
  a.load("u64", "r1", "r10", STACK.read).alu("add", "r1", mount.mnt);
  a.jump("eq", "r1", "r8", done);
  a.load("u64", "r7", "r10", STACK.read + 8)
    .mov("r8", "r1")
    .goto(loop);

  a.label(cut);
  count(a, COUNTER.truncated);
  a.label(done);
}

/** Reads `size` bytes at base + offset into the stack; r0 is not 0 if that failed. Uses r1–r5. */
export function readKernel(a: Assembler, size: number, base: Register, offset: number): void {
  a.mov("r3", base);
  if (offset !== 0) a.alu("add", "r3", offset);
  a.mov("r1", "r10").alu("add", "r1", STACK.read).mov("r2", size).call("probe_read_kernel");
}

/** r6 = this processor's scratch buffer for records; to `out` if there is none (which cannot be). */
export function scratch(a: Assembler, map: string, out: string): void {
  a.store("u32", "r10", STACK.key, 0);
  lookUp(a, map, STACK.key);
  a.jump("eq", "r0", 0, out);
  a.mov("r6", "r0");
}

/** Begins a record in r6 of this kind; a, b, the string and the rest are still to come. Uses r1. */
export function beginRecord(a: Assembler, kind: number): void {
  a.store("u64", "r6", 0, 0).store("u64", "r6", 8, 0).store("u64", "r6", 16, 0).store("u64", "r6", 24, 0);
  a.store("u8", "r6", HEAD.kind, kind);
  a.load("u64", "r1", "r6", SCRATCH.abi).store("u8", "r6", HEAD.abi, "r1");
  a.load("u64", "r1", "r6", SCRATCH.state).store("u16", "r6", HEAD.state, "r1");
  a.load("u64", "r1", "r6", SCRATCH.nr).store("u32", "r6", HEAD.nr, "r1");
  a.store("u64", "r6", SCRATCH.length, HEAD_BYTES);
}

/**
 * Sends the record in r6 unless one with the same bytes went before. `tail` writes words behind it that do not make it
 * another record, at r6 + r9, and adds their length to r9. Uses r0–r5, r9.
 */
export function sendOnce(a: Assembler, tail: () => void): void {
  const [hash, hashed, send, sent, lost] = [
    a.fresh("hash"),
    a.fresh("hashed"),
    a.fresh("send"),
    a.fresh("sent"),
    a.fresh("lost"),
  ];
  a.load("u64", "r1", "r6", SCRATCH.length);
  a.store("u64", "r10", STACK.hash, 0);
  a.jump("gt", "r1", HASH_LIMIT, send);
  // Zeros up to the next whole word, so that old bytes do not count.
  a.mov("r2", "r6").alu("add", "r2", "r1").store("u64", "r2", 0, 0);
  // FNV-1a's constants, a word at a time, with a shift that brings high bits down.
  a.constant("r3", 0xcbf2_9ce4_8422_2325n).constant("r5", 0x100_0000_01b3n).mov("r2", 0);
  a.label(hash);
  a.jump("ge", "r2", "r1", hashed);
  a.jump("gt", "r2", HASH_LIMIT, hashed);
  a.mov("r4", "r6").alu("add", "r4", "r2").load("u64", "r4", "r4", 0);
  a.alu("xor", "r3", "r4").alu("mul", "r3", "r5");
  a.mov("r4", "r3").alu("rsh", "r4", 29).alu("xor", "r3", "r4");
  a.alu("add", "r2", 8).goto(hash);
  a.label(hashed);
  a.store("u64", "r10", STACK.hash, "r3");
  lookUp(a, "seen", STACK.hash);
  a.jump("ne", "r0", 0, sent);

  a.label(send);
  a.call("get_current_pid_tgid").alu("rsh", "r0", 32).store("u32", "r6", HEAD.tgid, "r0");
  a.load("u64", "r9", "r6", SCRATCH.length);
  a.jump("gt", "r9", WALK_LIMIT + NAME_BYTES, lost);
  tail();
  a.map("r1", "ring").mov("r2", "r6").mov("r3", "r9").mov("r4", BPF_RB_NO_WAKEUP).call("ringbuf_output");
  a.jump("ne", "r0", 0, lost);
  // Only what was sent counts as seen. If this set is full, the record may come again: more work, nothing lost.
  a.load("u64", "r1", "r10", STACK.hash);
  a.jump("eq", "r1", 0, sent);
  a.store("u64", "r10", STACK.key, 1);
  a.map("r1", "seen")
    .mov("r2", "r10")
    .alu("add", "r2", STACK.hash)
    .mov("r3", "r10")
    .alu("add", "r3", STACK.key);
  a.mov("r4", 0).call("map_update_elem");
  a.goto(sent);
  a.label(lost);
  count(a, COUNTER.strings);
  a.label(sent);
}
