import { Assembler, type Instruction } from "../../bpf/index.ts";
import { COUNTER, PHASE, STATE_MASK } from "./abi.ts";
import { STACK, type Target, addToSet, findAbi, findState } from "./pieces.ts";

/**
 * cap_capable: (state, capability, granted, call) into the set `capabilities`. Checks made with other credentials than
 * the task's own are left out: overlayfs asks with its mounter's, and every container would "need" CAP_SYS_ADMIN.
 * Context: 0 cred, 8 target namespace, 16 capable namespace, 24 capability, 32 result.
 */
export function capable(target: Target): Instruction[] {
  const { layout } = target;
  const a = new Assembler();
  a.mov("r6", "r1").call("get_current_task_btf").mov("r8", "r0");
  a.load("u64", "r1", "r6", 0).load("u64", "r2", "r8", layout.task.realCred);
  a.jump("ne", "r1", "r2", "out");
  findState(a, target, "out");
  a.mov("r1", "r9").alu("and", "r1", 15);
  a.jump("lt", "r1", PHASE.app, "out");
  a.mov("r1", "r8").call("task_pt_regs");
  a.mov("r3", "r0").alu("add", "r3", layout.registers.nr);
  a.mov("r1", "r10").alu("add", "r1", STACK.read).mov("r2", 8).store("u64", "r10", STACK.read, 0);
  a.call("probe_read_kernel");
  a.load("u32", "r7", "r10", STACK.read);
  findAbi(a, layout, "r7", "r2", "out");
  a.alu("lsh", "r2", 16)
    .alu("or", "r2", "r7")
    .store("u32", "r10", STACK.key + 12, "r2");
  a.alu("and", "r9", STATE_MASK).store("u32", "r10", STACK.key, "r9");
  a.load("u32", "r1", "r6", 24).store("u32", "r10", STACK.key + 4, "r1");
  a.load("u32", "r1", "r6", 32);
  a.store("u32", "r10", STACK.key + 8, 1);
  a.jump32("eq", "r1", 0, "granted");
  a.store("u32", "r10", STACK.key + 8, 0);
  a.label("granted");
  addToSet(a, "capabilities", STACK.key, COUNTER.capabilities);
  a.label("out").return(0);
  return a.assemble();
}
