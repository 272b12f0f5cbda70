/** eBPF and classic BPF as values: nothing here calls the kernel. @module */
export { Assembler, type Operand, type Register } from "./ebpf/assembler.ts";
export { decodeProgram, encodeProgram, type Instruction, type Size } from "./ebpf/instruction.ts";
export { disassemble } from "./ebpf/disassemble.ts";
export { Btf, KIND, type Member } from "./btf/btf.ts";
export { type ClassicOperand, ClassicAssembler } from "./classic/assembler.ts";
export {
  type ClassicAluOp,
  type ClassicInstruction,
  type ClassicJumpOp,
  MAX_CLASSIC_INSTRUCTIONS,
  decodeClassic,
  encodeClassic,
} from "./classic/instruction.ts";
export { type ClassicFinding, checkClassic } from "./classic/check.ts";
export { disassembleClassic } from "./classic/disassemble.ts";
export { runClassic } from "./classic/run.ts";
export {
  AUDIT_ARCH,
  SECCOMP_OFFSET,
  SECCOMP_RETURN,
  type SeccompData,
  type SeccompDecision,
  argumentOffset,
  combineResults,
  decisionOf,
} from "./classic/seccomp.ts";
export {
  type CompileOptions,
  type DenyMode,
  compileSeccomp,
  compileToInstructions,
} from "./classic/compile.ts";
export { multiplexers } from "./classic/policy.ts";
export { type CallInQuestion, decide } from "./classic/decide.ts";
