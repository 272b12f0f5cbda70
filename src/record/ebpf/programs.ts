import { Assembler, type Instruction } from "../../bpf/index.ts";
import {
  BITMAP_BYTES,
  COUNTER,
  ENTER,
  EVENT,
  HEAD,
  HEAD_BYTES,
  MAX_NR,
  NAME_BYTES,
  PHASE,
  SLOT_SHIFT,
  SPEC,
  SPEC_BYTES,
  STATE_MASK,
} from "./abi.ts";
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
import type { Specs } from "./spec.ts";

/**
 * sys_enter: marks the call in the bitmap of its state and convention, keeps the arguments that matter, and notices
 * the moment the runtime installs its filter. tp_btf context: 0 pt_regs, 8 number.
 */
export function sysEnter(target: Target, specs: Specs, records: { args: boolean }): Instruction[] {
  const { layout } = target;
  const a = new Assembler();
  a.mov("r6", "r1").load("u64", "r7", "r1", 8);
  a.call("get_current_task_btf").mov("r8", "r0");
  findState(a, target, "out");
  findAbi(a, layout, "r7", "r2", "odd");

  a.mov("r1", "r9").alu("and", "r1", STATE_MASK).alu("mul", "r1", 3).alu("add", "r1", "r2");
  a.alu("mul", "r1", BITMAP_BYTES);
  a.mov("r3", "r7").alu("rsh", "r3", 6).alu("lsh", "r3", 3).alu("add", "r1", "r3");
  a.mapValue("r4", "bitmaps").alu("add", "r4", "r1");
  a.mov("r3", "r7").alu("and", "r3", 63).mov("r5", 1).alu("lsh", "r5", "r3");
  a.load("u64", "r3", "r4", 0);
  a.jump("set", "r3", "r5", "seen");
  a.atomic("or", "u64", "r4", 0, "r5");
  a.label("seen");

  a.mov("r3", "r2").alu("mul", "r3", MAX_NR).alu("add", "r3", "r7").alu("mul", "r3", SPEC_BYTES);
  a.mapValue("r4", "specs").alu("add", "r4", "r3").load("u8", "r3", "r4", SPEC.enter);
  a.alu("and", "r3", records.args ? ENTER.args | ENTER.filter : ENTER.filter);
  a.jump("eq", "r3", 0, "out");
  // r5 = convention and number as one word.
  a.alu("lsh", "r2", 16).alu("or", "r2", "r7").store("u64", "r10", STACK.nr, "r2");
  a.store("u64", "r10", STACK.spec, "r3");
  a.jump("set", "r3", ENTER.filter, "filter");
  a.label("arguments");
  if (records.args) keepArguments(a, target, specs);
  a.goto("out");

  a.label("filter");
  noticeFilter(a, target, specs);
  if (records.args) {
    a.load("u64", "r3", "r10", STACK.spec);
    a.jump("set", "r3", ENTER.args, "arguments");
  }
  a.goto("out");

  a.label("odd");
  count(a, COUNTER.oddCalls);
  a.label("out").return(0);
  return a.assemble();
}

/** Registers of the six arguments for a call key: i386 has its own. */
function registersOf(target: Target, key: number): number[] {
  const { native, i386 } = target.layout.registers;
  return key >>> 16 === 1 && i386 !== undefined ? i386 : native;
}

/**
 * A process that sets its container up passes to `runtime` once it has a filter: seccomp(SECCOMP_SET_MODE_FILTER, _,
 * program) or prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program). libseccomp probes with a null program first.
 */
function noticeFilter(a: Assembler, target: Target, specs: Specs): void {
  a.mov("r1", "r9").alu("and", "r1", 15);
  a.jump("ne", "r1", PHASE.setup, "filtered");
  a.load("u64", "r1", "r6", 0).load("u64", "r5", "r10", STACK.nr);
  for (const { key, call } of specs.filters) {
    const next = a.fresh("next");
    const registers = registersOf(target, key);
    const tests = call === "seccomp" ? [1] : [22, 2];
    a.jump("ne", "r5", key, next);
    for (const [i, value] of tests.entries()) {
      a.load("u64", "r2", "r1", registers[i]!);
      a.jump32("ne", "r2", value, "filtered");
    }
    a.load("u64", "r2", "r1", registers[2]!);
    a.jump("eq", "r2", 0, "filtered");
    a.goto("install");
    a.label(next);
  }
  a.goto("filtered");
  a.label("install");
  a.alu("and", "r9", ~15).alu("or", "r9", PHASE.runtime);
  setState(a, target);
  a.label("filtered");
}

/** states[task r8] = r9. Uses r1, r2. */
function setState(a: Assembler, target: Target): void {
  a.load("u32", "r1", "r8", target.layout.task.tgid);
  a.jump("ge", "r1", target.processes, "out");
  a.alu("lsh", "r1", 2).mapValue("r2", "states").alu("add", "r2", "r1").store("u32", "r2", 0, "r9");
}

/** Adds (state, call, up to three values) to the set `args`. */
function keepArguments(a: Assembler, target: Target, specs: Specs): void {
  const key = STACK.key;
  a.load("u64", "r5", "r10", STACK.nr);
  a.alu("and", "r9", STATE_MASK);
  a.store("u32", "r10", key, "r9").store("u32", "r10", key + 4, "r5");
  for (let i = 0; i < 3; i += 1) a.store("u64", "r10", key + 8 + i * 8, 0);
  a.load("u64", "r4", "r6", 0);
  for (const { key: call, args } of specs.args) {
    const next = a.fresh("next");
    const registers = registersOf(target, call);
    a.jump("ne", "r5", call, next);
    for (const [i, { arg, mask, deref }] of args.entries()) {
      if (deref === true) {
        a.load("u64", "r3", "r4", registers[arg]!);
        a.mov("r1", "r10")
          .alu("add", "r1", key + 8 + i * 8)
          .mov("r2", 8)
          .call("probe_read_user");
        continue;
      }
      a.load("u64", "r1", "r4", registers[arg]!);
      a.constant("r2", mask)
        .alu("and", "r1", "r2")
        .store("u64", "r10", key + 8 + i * 8, "r1");
    }
    a.goto("kept");
    a.label(next);
  }
  a.goto("out");
  a.label("kept");
  addToSet(a, "args", key, COUNTER.args);
}

/** sched_process_fork: a child begins in its parent's state. Context: 0 parent, 8 child. */
export function processFork(target: Target): Instruction[] {
  const { task } = target.layout;
  const a = new Assembler();
  a.load("u64", "r2", "r1", 0).load("u64", "r3", "r1", 8);
  a.load("u32", "r4", "r2", task.tgid).load("u32", "r5", "r3", task.tgid);
  // A thread shares its process's state.
  a.jump("eq", "r4", "r5", "out");
  a.jump("ge", "r4", target.processes, "high");
  a.jump("ge", "r5", target.processes, "high");
  a.alu("lsh", "r4", 2).mapValue("r1", "states").alu("add", "r1", "r4").load("u32", "r1", "r1", 0);
  // Written even when 0: the process id may have been somebody else's.
  a.alu("lsh", "r5", 2).mapValue("r2", "states").alu("add", "r2", "r5").store("u32", "r2", 0, "r1");
  a.goto("out");
  a.label("high");
  count(a, COUNTER.processes);
  a.label("out").return(0);
  return a.assemble();
}

/**
 * sched_process_exec: the first program of a container is the application; programs of processes that came in later
 * begin a phase of their own. Each executed file is sent with its real path, the identity it runs under and the name of
 * its cgroup. Context: 0 task, 8 old pid, 16 linux_binprm.
 */
export function processExec(target: Target): Instruction[] {
  const { layout } = target;
  const a = new Assembler();
  a.store("u64", "r10", STACK.ctx, "r1");
  a.call("get_current_task_btf").mov("r8", "r0");
  findState(a, target, "out");
  a.mov("r1", "r9").alu("and", "r1", 15);
  a.jump("ge", "r1", PHASE.app, "running");
  // r1 = how many programs this slot has started before.
  a.mov("r2", "r9").alu("rsh", "r2", SLOT_SHIFT).alu("and", "r2", 31).alu("lsh", "r2", 3);
  a.mapValue("r3", "slots").alu("add", "r3", "r2").mov("r1", 1).fetchAdd("u64", "r3", 0, "r1");
  a.jump("le", "r1", PHASE.last - PHASE.app, "room");
  a.mov("r1", PHASE.last - PHASE.app);
  a.label("room").alu("add", "r1", PHASE.app);
  a.alu("and", "r9", ~15).alu("or", "r9", "r1");
  setState(a, target);
  a.label("running");
  a.alu("and", "r9", STATE_MASK);
  scratch(a, "execScratch", "out");
  a.store("u64", "r6", SCRATCH.state, "r9")
    .store("u64", "r6", SCRATCH.abi, 0)
    .store("u64", "r6", SCRATCH.nr, 0);
  beginRecord(a, EVENT.exec);
  // Who it runs as: uids and gids in a and b would not fit, so they follow the path (see `tail`).
  a.load("u64", "r1", "r8", layout.task.cred);
  for (const [i, offset] of [
    layout.cred.uid,
    layout.cred.gid,
    layout.cred.euid,
    layout.cred.egid,
  ].entries()) {
    a.load("u32", "r2", "r1", offset).store("u32", "r10", STACK.ids + 4 * i, "r2");
  }
  a.load("u64", "r2", "r1", layout.cred.permitted).store("u64", "r10", STACK.spec, "r2");
  execStrings(a, target);
  a.load("u64", "r1", "r10", STACK.ctx)
    .load("u64", "r1", "r1", 16)
    .load("u64", "r7", "r1", layout.binprm.file);
  readKernel(a, 8, "r7", layout.file.mnt);
  a.load("u64", "r8", "r10", STACK.read);
  readKernel(a, 8, "r7", layout.file.dentry);
  a.load("u64", "r7", "r10", STACK.read);
  walk(a, layout);
  sendOnce(a, () => {
    a.mov("r1", "r6").alu("add", "r1", "r9");
    for (let i = 0; i < 4; i += 1) {
      a.load("u32", "r2", "r10", STACK.ids + 4 * i).store("u32", "r1", 4 * i, "r2");
    }
    a.load("u64", "r2", "r10", STACK.spec).store("u64", "r1", 16, "r2");
    a.alu("add", "r9", 24);
  });
  a.label("out").return(0);
  return a.assemble();
}

/** Of the name a file was executed by: longer ones are cut, which only matters for scripts. */
const MAX_FILENAME = 1024;

/**
 * The record's string: the name of the process's cgroup, which for a container holds its id, then that by which the
 * file was executed. Task in r8.
 */
function execStrings(a: Assembler, target: Target): void {
  const { layout } = target;
  const done = a.fresh("named");
  a.load("u64", "r7", "r8", layout.task.cgroups);
  // The first controller's cgroup: on cgroup v2 all controllers share one.
  readKernel(a, 8, "r7", layout.cgroup.subsys);
  a.load("u64", "r7", "r10", STACK.read);
  for (const offset of [layout.cgroup.fromState, layout.cgroup.node, layout.cgroup.name]) {
    a.jump("eq", "r7", 0, done);
    readKernel(a, 8, "r7", offset);
    a.load("u64", "r7", "r10", STACK.read);
  }
  a.label(done);
  // Without a name the string is empty: the file's name has to come second in any case.
  a.store("u8", "r6", HEAD_BYTES, 0)
    .mov("r1", "r6")
    .alu("add", "r1", HEAD_BYTES)
    .mov("r2", NAME_BYTES)
    .mov("r3", "r7");
  a.call("probe_read_kernel_str");
  appended(a);
  a.load("u64", "r1", "r10", STACK.ctx)
    .load("u64", "r1", "r1", 16)
    .load("u64", "r3", "r1", layout.binprm.filename);
  a.load("u64", "r1", "r6", SCRATCH.length);
  a.jump("gt", "r1", HEAD_BYTES + NAME_BYTES, "out");
  a.alu("add", "r1", "r6").mov("r2", MAX_FILENAME).call("probe_read_kernel_str");
  appended(a);
  a.load("u64", "r1", "r6", SCRATCH.length)
    .alu("sub", "r1", HEAD_BYTES)
    .store("u16", "r6", HEAD.stringLength, "r1");
}

/** Takes r0 bytes that were just read as part of the record; a string that could not be read is an empty one. */
function appended(a: Assembler): void {
  const [good, done] = [a.fresh("good"), a.fresh("appended")];
  a.jump("sgt", "r0", 0, good);
  a.mov("r0", 1);
  a.label(good);
  a.jump("gt", "r0", MAX_FILENAME, done);
  a.load("u64", "r1", "r6", SCRATCH.length).alu("add", "r1", "r0").store("u64", "r6", SCRATCH.length, "r1");
  a.label(done);
}
