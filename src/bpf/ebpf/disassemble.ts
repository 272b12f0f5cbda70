import {
  ALU,
  CLASS,
  type Instruction,
  JUMP,
  MODE_ATOMIC,
  OPCODE,
  PSEUDO_MAP_FD,
  PSEUDO_MAP_VALUE,
  SIZE,
  SOURCE_REGISTER,
} from "./instruction.ts";
import { helperName } from "./helpers.ts";

const SIGN: Record<string, string> = {
  add: "+=",
  sub: "-=",
  mul: "*=",
  div: "/=",
  or: "|=",
  and: "&=",
  lsh: "<<=",
  rsh: ">>=",
  mod: "%=",
  xor: "^=",
  mov: "=",
  arsh: "s>>=",
};
const COMPARE: Record<string, string> = {
  eq: "==",
  gt: ">",
  ge: ">=",
  set: "&",
  ne: "!=",
  sgt: "s>",
  sge: "s>=",
  lt: "<",
  le: "<=",
  slt: "s<",
  sle: "s<=",
};

/** One line an instruction, in the verifier's notation, each with its index: for error messages and tests. */
export function disassemble(program: readonly Instruction[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < program.length; i += 1) {
    lines.push(`${i}: ${line(program, i)}`);
    if (program[i]!.opcode === OPCODE.loadImm64) i += 1;
  }
  return lines;
}

function line(program: readonly Instruction[], i: number): string {
  const insn = program[i]!;
  const { opcode, offset, imm } = insn;
  const dst = `r${insn.dst}`;
  const src = `r${insn.src}`;
  const cls = opcode & 7;
  if (opcode === OPCODE.loadImm64) {
    const high = program[i + 1]?.imm ?? 0;
    if (insn.src === PSEUDO_MAP_FD) return `${dst} = map[${insn.map ?? imm}]`;
    if (insn.src === PSEUDO_MAP_VALUE) return `${dst} = map[${insn.map ?? imm}].value + ${high}`;
    return `${dst} = ${hex((BigInt(high) << 32n) | BigInt(imm >>> 0))} ll`;
  }
  if (opcode === OPCODE.call) return `call ${helperName.get(imm) ?? imm}`;
  if (opcode === OPCODE.exit) return "exit";
  if (opcode === OPCODE.ja) return `goto ${i + 1 + offset}`;
  if (cls === CLASS.ALU || cls === CLASS.ALU64) {
    const op = nameOf(ALU, opcode & 0xf0);
    const operand = opcode & SOURCE_REGISTER ? src : String(imm);
    const w = cls === CLASS.ALU ? "w" : "r";
    if (op === "neg") return `${w}${insn.dst} = -${w}${insn.dst}`;
    return `${w}${insn.dst} ${SIGN[op ?? ""] ?? `?${opcode}`} ${operand}`;
  }
  if (cls === CLASS.JMP || cls === CLASS.JMP32) {
    const op = COMPARE[nameOf(JUMP, opcode & 0xf0) ?? ""] ?? `?${opcode}`;
    const left = cls === CLASS.JMP32 ? `w${insn.dst}` : dst;
    return `if ${left} ${op} ${opcode & SOURCE_REGISTER ? src : imm} goto ${i + 1 + offset}`;
  }
  const size = nameOf(SIZE, opcode & 0x18) ?? "?";
  const at = (base: string): string => `*(${size} *)(${base} ${offset < 0 ? "-" : "+"} ${Math.abs(offset)})`;
  if (cls === CLASS.LDX) return `${dst} = ${at(src)}`;
  if (cls === CLASS.ST) return `${at(dst)} = ${imm}`;
  if (cls === CLASS.STX && (opcode & 0xe0) === MODE_ATOMIC) {
    return `lock ${at(dst)} ${SIGN[nameOf(ALU, imm & 0xf0) ?? ""] ?? `?${imm}`} ${src}${imm & 1 ? " (fetch)" : ""}`;
  }
  if (cls === CLASS.STX) return `${at(dst)} = ${src}`;
  return `.8byte opcode ${opcode}`;
}

function nameOf(table: Record<string, number>, value: number): string | undefined {
  return Object.entries(table).find(([, v]) => v === value)?.[0];
}

function hex(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}
