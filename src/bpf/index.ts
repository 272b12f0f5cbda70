/** eBPF and classic BPF as values: nothing here calls the kernel. @module */
export { Assembler, type Operand, type Register } from "./ebpf/assembler.ts";
export { decodeProgram, encodeProgram, type Instruction, type Size } from "./ebpf/instruction.ts";
export { disassemble } from "./ebpf/disassemble.ts";
export { Btf, KIND, type Member } from "./btf/btf.ts";
