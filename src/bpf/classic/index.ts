/** Classic BPF as values: assembler, disassembler, checker and interpreter, and seccomp profiles as filters. @module */
export { type ClassicOperand, ClassicAssembler } from "./assembler.ts";
export {
  type ClassicAluOp,
  type ClassicInstruction,
  type ClassicJumpOp,
  MAX_CLASSIC_INSTRUCTIONS,
  decodeClassic,
  encodeClassic,
} from "./instruction.ts";
export { type ClassicFinding, checkClassic } from "./check.ts";
export { disassembleClassic } from "./disassemble.ts";
export { runClassic } from "./run.ts";
export {
  AUDIT_ARCH,
  SECCOMP_OFFSET,
  SECCOMP_RETURN,
  type SeccompData,
  type SeccompDecision,
  argumentOffset,
  combineResults,
  decisionOf,
} from "./seccomp.ts";
export { type CompileOptions, type DenyMode, compileSeccomp, compileToInstructions } from "./compile.ts";
export { multiplexers } from "./policy.ts";
export { type CallInQuestion, decide } from "./decide.ts";
