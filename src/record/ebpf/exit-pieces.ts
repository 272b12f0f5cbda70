import type { Assembler } from "../../bpf/index.ts";
import { HEAD } from "./abi.ts";
import { SCRATCH, STACK, type Target, readKernel } from "./pieces.ts";

/** What follows once a record is sent. */
export const NEXT = { refusals: 0, second: 1, out: 2 } as const;

/** dst = the argument whose number stands in the spec at `field`; to `none` if there is no such argument. Uses r1. */
export function argument(a: Assembler, dst: "r2" | "r3" | "r4", field: number, none: string): void {
  a.load("u64", "r1", "r10", STACK.spec).load("u8", "r1", "r1", field);
  a.jump("ge", "r1", 6, none);
  a.alu("lsh", "r1", 3).alu("add", "r1", "r6").load("u64", dst, "r1", SCRATCH.args);
}

/** r7, r8 = dentry and mount of the file behind descriptor r2; STACK.place = the file. To `none` if there is none. */
export function fileOf(a: Assembler, target: Target, none: string): void {
  const { layout } = target;
  a.load("u64", "r1", "r10", STACK.task).load("u64", "r1", "r1", layout.task.files);
  a.load("u64", "r1", "r1", layout.filesTable);
  a.load("u32", "r3", "r1", layout.tableMax);
  a.alu("lsh", "r2", 32).alu("rsh", "r2", 32);
  a.jump("ge", "r2", "r3", none);
  a.load("u64", "r7", "r1", layout.tableFd).alu("lsh", "r2", 3).alu("add", "r7", "r2");
  readKernel(a, 8, "r7", 0);
  a.load("u64", "r9", "r10", STACK.read);
  a.jump("eq", "r9", 0, none);
  a.store("u64", "r10", STACK.place, "r9");
  readKernel(a, 8, "r9", layout.file.mnt);
  a.load("u64", "r8", "r10", STACK.read);
  readKernel(a, 8, "r9", layout.file.dentry);
  a.load("u64", "r7", "r10", STACK.read);
}

/** The record's a = f_mode and b = i_mode of the file in STACK.place. */
export function modes(a: Assembler, target: Target): void {
  const { file } = target.layout;
  a.load("u64", "r9", "r10", STACK.place);
  readKernel(a, 4, "r9", file.mode);
  a.load("u32", "r1", "r10", STACK.read).store("u32", "r6", HEAD.a, "r1");
  readKernel(a, 8, "r9", file.inode);
  a.load("u64", "r9", "r10", STACK.read);
  readKernel(a, 2, "r9", target.layout.inodeMode);
  a.load("u16", "r1", "r10", STACK.read).store("u32", "r6", HEAD.b, "r1");
}

/** r7, r8 = dentry and mount of the current directory or root. The types the verifier knows are dropped on the way. */
export function directory(a: Assembler, target: Target, which: "pwd" | "root"): void {
  const { layout } = target;
  a.load("u64", "r1", "r10", STACK.task)
    .load("u64", "r1", "r1", layout.task.fs)
    .store("u64", "r6", SCRATCH.tmp, "r1");
  a.load("u64", "r9", "r6", SCRATCH.tmp);
  readKernel(a, 8, "r9", layout.fs[which] + layout.path.mnt);
  a.load("u64", "r8", "r10", STACK.read);
  readKernel(a, 8, "r9", layout.fs[which] + layout.path.dentry);
  a.load("u64", "r7", "r10", STACK.read);
}

/** The record's ret: 0 for success, so that descriptors do not make records differ. */
export function result(a: Assembler): void {
  const [good, done] = [a.fresh("good"), a.fresh("result")];
  a.load("u64", "r1", "r6", SCRATCH.ret);
  a.jump("sge", "r1", 0, good);
  a.store("u32", "r6", HEAD.ret, "r1").goto(done);
  a.label(good).store("u32", "r6", HEAD.ret, 0);
  a.label(done);
}

/**
 * Hands the record over to the one place that walks (r7, r8) and sends. All records share it, and what it is given goes
 * through memory: the verifier then checks the two loops three times (once for each of NEXT) instead of once for every
 * way that leads there, which was measured at 880,000 steps of its 1,000,000.
 */
export function finish(a: Assembler, next: number): void {
  a.store("u64", "r6", SCRATCH.dentry, "r7").store("u64", "r6", SCRATCH.mount, "r8");
  a.store("u64", "r10", STACK.next, next);
  a.goto("walk");
}
