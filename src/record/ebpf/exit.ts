import { Assembler, type Instruction } from "../../bpf/index.ts";
import {
  COUNTER,
  ENTER,
  EVENT,
  EXIT,
  HEAD,
  HEAD_BYTES,
  MAX_NR,
  MAX_STRING,
  PHASE,
  SPEC,
  SPEC_BYTES,
  STATE_MASK,
  X32_BIT,
} from "./abi.ts";
import { NEXT, argument, directory, fileOf, finish, modes, result } from "./exit-pieces.ts";
import { sockets } from "./exit-sockets.ts";
import {
  SCRATCH,
  STACK,
  type Target,
  addToSet,
  beginRecord,
  count,
  findAbi,
  findState,
  readKernel,
  scratch,
  sendOnce,
  walk,
} from "./pieces.ts";

const AT_FDCWD = -100;
/** Errors that say "not allowed" or "no such call": what an enforcer answers. */
const REFUSALS = [-1, -13, -38];

/**
 * sys_exit: errors, paths and addresses. Strings are read here and not at sys_enter, because the call has brought the
 * pages in, and because a descriptor says more than a string: what was opened is walked from the file itself.
 * tp_btf context: 0 pt_regs, 8 result.
 *
 * Registers: r6 context, then the scratch buffer; r7 result; r8 task; the rest comes from the stack.
 */
export function sysExit(target: Target): Instruction[] {
  const { layout } = target;
  const a = new Assembler();
  a.mov("r6", "r1").load("u64", "r7", "r1", 8);
  // Most calls succeed and carry no path: they leave here, before anything else is looked at.
  a.load("u64", "r1", "r6", 0).load("u32", "r9", "r1", layout.registers.nr);
  a.mov("r1", "r9").alu("and", "r1", ~X32_BIT);
  a.jump("ge", "r1", MAX_NR, "out");
  a.mapValue("r2", "quick").alu("add", "r2", "r1").load("u8", "r2", "r2", 0);
  a.jump("ne", "r2", 0, "look");
  a.jump("sge", "r7", 0, "out");
  a.jump("slt", "r7", -4095, "out");
  a.label("look");
  a.store("u64", "r10", STACK.nr, "r9").store("u64", "r10", STACK.ctx, "r6");
  a.call("get_current_task_btf").mov("r8", "r0");
  a.store("u64", "r10", STACK.task, "r8");
  findState(a, target, "out");
  a.mov("r1", "r9").alu("and", "r1", 15);
  a.jump("lt", "r1", PHASE.runtime, "out");
  a.alu("and", "r9", STATE_MASK);
  scratch(a, "exitScratch", "out");
  a.store("u64", "r6", SCRATCH.state, "r9").store("u64", "r6", SCRATCH.ret, "r7");
  a.load("u64", "r9", "r10", STACK.nr);
  findAbi(a, layout, "r9", "r2", "out");
  a.store("u64", "r6", SCRATCH.nr, "r9").store("u64", "r6", SCRATCH.abi, "r2");

  a.jump("sge", "r7", 0, "succeeded");
  a.jump("slt", "r7", -4095, "succeeded");
  keepError(a);
  a.label("succeeded");
  copyArguments(a, target);

  // Strings of the runtime's own are not kept, its refusals are.
  a.load("u64", "r1", "r6", SCRATCH.state).alu("and", "r1", 15);
  a.jump("lt", "r1", PHASE.app, "refusals");
  loadSpec(a);
  a.load("u8", "r2", "r1", SPEC.kind);
  for (const [kind, label] of [
    [EXIT.open, "open"],
    [EXIT.path, "path"],
    [EXIT.fd, "fd"],
    [EXIT.sockaddr, "sockaddr"],
    [EXIT.socket, "socket"],
    [EXIT.message, "message"],
    [EXIT.chdir, "chdir"],
    [EXIT.chroot, "chroot"],
  ] as const) {
    a.jump("eq", "r2", kind, label);
  }
  a.goto("refusals");

  openFile(a, target);
  onePath(a, target);
  descriptor(a, target);
  changedRoot(a, target);
  sockets(a, target);

  a.label("refusals");
  refusal(a, target);
  walkAndSend(a, target);
  a.label("out").return(0);
  return a.assemble();
}

function walkAndSend(a: Assembler, target: Target): void {
  a.label("walk");
  a.load("u64", "r7", "r6", SCRATCH.dentry).load("u64", "r8", "r6", SCRATCH.mount);
  walk(a, target.layout);
  a.label("send");
  // A refusal, the only record after which nothing follows, carries the call's arguments.
  sendOnce(a, () => {
    a.load("u64", "r1", "r10", STACK.next);
    a.jump("ne", "r1", NEXT.out, "send.bare");
    a.mov("r1", "r6").alu("add", "r1", "r9");
    for (let i = 0; i < 6; i += 1) {
      a.load("u64", "r2", "r6", SCRATCH.args + 8 * i).store("u64", "r1", 8 * i, "r2");
    }
    a.alu("add", "r9", 48);
    a.label("send.bare");
  });
  a.load("u64", "r1", "r10", STACK.next);
  a.jump("eq", "r1", NEXT.out, "out");
  a.load("u64", "r7", "r6", SCRATCH.ret);
  a.jump("eq", "r1", NEXT.second, "second");
  a.goto("refusals");
}

/** r1 = the call's row of the table `specs`, also kept on the stack. Uses r2. */
function loadSpec(a: Assembler): void {
  a.load("u64", "r1", "r6", SCRATCH.abi).alu("mul", "r1", MAX_NR);
  a.load("u64", "r2", "r6", SCRATCH.nr).alu("add", "r1", "r2").alu("mul", "r1", SPEC_BYTES);
  a.jump("gt", "r1", (3 * MAX_NR - 1) * SPEC_BYTES, "out");
  a.mapValue("r2", "specs").alu("add", "r1", "r2");
  a.store("u64", "r10", STACK.spec, "r1");
}

/** Adds (state, call, errno) to the set `errnos`. r7 is the result. */
function keepError(a: Assembler): void {
  a.load("u64", "r1", "r6", SCRATCH.state).store("u32", "r10", STACK.key, "r1");
  a.load("u64", "r1", "r6", SCRATCH.abi).alu("lsh", "r1", 16);
  a.load("u64", "r2", "r6", SCRATCH.nr)
    .alu("or", "r1", "r2")
    .store("u32", "r10", STACK.key + 4, "r1");
  a.mov("r1", 0)
    .alu("sub", "r1", "r7")
    .store("u32", "r10", STACK.key + 8, "r1");
  a.store("u32", "r10", STACK.key + 12, 0);
  addToSet(a, "errnos", STACK.key, COUNTER.errnos);
}

/** Copies the six arguments into the scratch buffer, where they can be taken by number. */
function copyArguments(a: Assembler, target: Target): void {
  const { native, i386 } = target.layout.registers;
  const copy = (registers: number[]): void => {
    for (const [i, offset] of registers.entries()) {
      a.load("u64", "r2", "r1", offset).store("u64", "r6", SCRATCH.args + 8 * i, "r2");
    }
  };
  a.load("u64", "r1", "r10", STACK.ctx).load("u64", "r1", "r1", 0);
  if (i386 === undefined) {
    copy(native);
    return;
  }
  a.load("u64", "r2", "r6", SCRATCH.abi);
  a.jump("eq", "r2", 1, "copy.i386");
  copy(native);
  a.goto("copied");
  a.label("copy.i386");
  copy(i386);
  a.label("copied");
}

function openFile(a: Assembler, target: Target): void {
  a.label("open");
  a.jump("slt", "r7", 0, "path");
  a.mov("r2", "r7");
  fileOf(a, target, "refusals");
  beginRecord(a, EVENT.open);
  modes(a, target);
  // A pipe opened through /dev/stdout or /proc/self/fd has no path of its own: the string is all there is.
  a.load("u32", "r1", "r6", HEAD.b).alu("and", "r1", 0xf000);
  const S_IFIFO = 0x1000;
  a.jump("ne", "r1", S_IFIFO, "open.walk");
  a.goto("failed");
  a.label("open.walk");
  finish(a, NEXT.refusals);
}

/** A record a path argument: the string as given, and the directory it starts from. */
function onePath(a: Assembler, target: Target): void {
  a.label("path");
  a.jump("slt", "r7", 0, "failed");
  a.load("u64", "r1", "r10", STACK.spec).load("u8", "r1", "r1", SPEC.enter);
  a.jump("set", "r1", ENTER.failuresOnly, "refusals");
  a.label("failed");
  pathRecord(a, target, "path");
  a.label("second");
  pathRecord(a, target, "path2");
}

function pathRecord(a: Assembler, target: Target, which: "path" | "path2"): void {
  const first = which === "path";
  const next = first ? "second" : "refusals";
  const [absolute, current, descriptorBase, base, noFlags, unread] = [
    a.fresh("absolute"),
    a.fresh("current"),
    a.fresh("dirfd"),
    a.fresh("base"),
    a.fresh("noflags"),
    a.fresh("unread"),
  ];
  argument(a, "r3", SPEC[which], next);
  a.jump("eq", "r3", 0, next);
  a.store("u64", "r10", STACK.place, "r3");
  beginRecord(a, EVENT[which]);
  a.load("u64", "r3", "r10", STACK.place);
  a.mov("r1", "r6").alu("add", "r1", HEAD_BYTES).mov("r2", MAX_STRING).call("probe_read_user_str");
  a.jump("sle", "r0", 0, unread);
  a.jump("gt", "r0", MAX_STRING, unread);
  // An empty string: the call was about a descriptor (AT_EMPTY_PATH).
  a.jump("eq", "r0", 1, next);
  a.store("u16", "r6", HEAD.stringLength, "r0");
  a.alu("add", "r0", HEAD_BYTES).store("u64", "r6", SCRATCH.length, "r0");
  result(a);
  argument(a, "r2", SPEC.extra, noFlags);
  a.store("u32", "r6", HEAD.a, "r2");
  a.label(noFlags);

  a.load("u8", "r1", "r6", HEAD_BYTES);
  a.jump("eq", "r1", "/".charCodeAt(0), absolute);
  argument(a, "r2", first ? SPEC.dirfd : SPEC.dirfd2, current);
  a.alu("lsh", "r2", 32).alu("arsh", "r2", 32);
  a.jump("ne", "r2", AT_FDCWD, descriptorBase);
  a.label(current);
  directory(a, target, "pwd");
  a.goto(base);
  a.label(absolute);
  directory(a, target, "root");
  a.goto(base);
  a.label(descriptorBase);
  fileOf(a, target, base);
  a.label(base);
  finish(a, first ? NEXT.second : NEXT.refusals);

  // EFAULT is the caller's doing; any other unreadable string is a loss.
  a.label(unread);
  a.load("u64", "r1", "r6", SCRATCH.ret);
  a.jump("eq", "r1", -14, next);
  count(a, COUNTER.strings);
  a.goto(next);
}

function descriptor(a: Assembler, target: Target): void {
  a.label("fd");
  a.jump("slt", "r7", 0, "refusals");
  argument(a, "r2", SPEC.dirfd, "refusals");
  fileOf(a, target, "refusals");
  beginRecord(a, EVENT.fd);
  modes(a, target);
  finish(a, NEXT.refusals);
}

/** After a successful chdir or chroot a relative string would be joined to the new directory: walk that instead. */
function changedRoot(a: Assembler, target: Target): void {
  for (const [label, which] of [
    ["chdir", "pwd"],
    ["chroot", "root"],
  ] as const) {
    a.label(label);
    a.jump("slt", "r7", 0, "failed");
    beginRecord(a, EVENT.fd);
    directory(a, target, which);
    const S_IFDIR = 0x4000;
    a.store("u32", "r6", HEAD.b, S_IFDIR);
    finish(a, NEXT.refusals);
  }
}

/**
 * A call that was answered EPERM, EACCES or ENOSYS: sent with its arguments and the executable that made it. A call
 * that a seccomp filter answers reaches sys_exit without having passed sys_enter, so this is how denials show.
 */
function refusal(a: Assembler, target: Target): void {
  const { layout } = target;
  a.load("u64", "r7", "r6", SCRATCH.ret);
  for (const errno of REFUSALS) a.jump("eq", "r7", errno, "refused");
  a.goto("out");
  a.label("refused");
  beginRecord(a, EVENT.refused);
  result(a);
  // Two calls that differ in the arguments that matter are two refusals; elsewhere arguments are mostly pointers.
  a.load("u64", "r1", "r6", SCRATCH.abi).alu("mul", "r1", MAX_NR);
  a.load("u64", "r2", "r6", SCRATCH.nr).alu("add", "r1", "r2").alu("mul", "r1", SPEC_BYTES);
  a.jump("gt", "r1", (3 * MAX_NR - 1) * SPEC_BYTES, "out");
  a.mapValue("r2", "specs")
    .alu("add", "r1", "r2")
    .load("u8", "r1", "r1", SPEC.enter)
    .alu("and", "r1", ENTER.args);
  a.jump("eq", "r1", 0, "refused.where");
  a.load("u64", "r1", "r6", SCRATCH.args).store("u32", "r6", HEAD.a, "r1");
  a.load("u64", "r1", "r6", SCRATCH.args + 8).store("u32", "r6", HEAD.b, "r1");
  a.label("refused.where");
  a.load("u64", "r1", "r10", STACK.task)
    .load("u64", "r1", "r1", layout.task.mm)
    .store("u64", "r6", SCRATCH.tmp, "r1");
  a.load("u64", "r7", "r6", SCRATCH.tmp);
  readKernel(a, 8, "r7", layout.mmExe);
  a.load("u64", "r9", "r10", STACK.read);
  readKernel(a, 8, "r9", layout.file.mnt);
  a.load("u64", "r8", "r10", STACK.read);
  readKernel(a, 8, "r9", layout.file.dentry);
  a.load("u64", "r7", "r10", STACK.read);
  finish(a, NEXT.out);
}
