import {
  CLASSIC_ALU,
  CLASSIC_CLASS,
  CLASSIC_JUMP,
  CLASSIC_MODE,
  type ClassicInstruction,
  MISC_TXA,
  OPERAND_X,
  RETURN_A,
} from "./instruction.ts";
import { SECCOMP_OFFSET, SECCOMP_RETURN, argumentOffset } from "./seccomp.ts";

const SIGN: Record<keyof typeof CLASSIC_ALU, string> = {
  add: "+=",
  sub: "-=",
  mul: "*=",
  div: "/=",
  or: "|=",
  and: "&=",
  lsh: "<<=",
  rsh: ">>=",
  neg: "-",
  xor: "^=",
};
const COMPARE: Record<keyof typeof CLASSIC_JUMP, string> = {
  always: "",
  eq: "==",
  gt: ">",
  ge: ">=",
  set: "&",
};

const FIELD = new Map<number, string>([
  [SECCOMP_OFFSET.nr, "nr"],
  [SECCOMP_OFFSET.arch, "arch"],
  [SECCOMP_OFFSET.instructionPointer, "ip.low"],
  [SECCOMP_OFFSET.instructionPointer + 4, "ip.high"],
  ...[0, 1, 2, 3, 4, 5].flatMap((i): [number, string][] => [
    [argumentOffset(i, "low"), `args[${i}].low`],
    [argumentOffset(i, "high"), `args[${i}].high`],
  ]),
]);

/**
 * A seccomp filter for people: one line an instruction, each with its index, jumps with the index they go to.
 *
 *     0: a = nr
 *     1: if a == 59 goto 3
 *     2: return errno 1
 *     3: return allow
 */
export function disassembleClassic(program: readonly ClassicInstruction[]): string[] {
  return program.map((insn, at) => `${at}: ${line(insn, at)}`);
}

function line({ code, jt, jf, k }: ClassicInstruction, at: number): string {
  const operand = code & OPERAND_X ? "x" : number(k);
  switch (code & 7) {
    case CLASSIC_CLASS.LD:
    case CLASSIC_CLASS.LDX:
      return `${(code & 7) === CLASSIC_CLASS.LD ? "a" : "x"} = ${source(code & ~7, k)}`;
    case CLASSIC_CLASS.ST:
      return `memory[${k}] = a`;
    case CLASSIC_CLASS.STX:
      return `memory[${k}] = x`;
    case CLASSIC_CLASS.ALU: {
      const op = nameOf(CLASSIC_ALU, code & 0xf0);
      if (op === undefined) break;
      return op === "neg" ? "a = -a" : `a ${SIGN[op]} ${operand}`;
    }
    case CLASSIC_CLASS.JMP: {
      const op = nameOf(CLASSIC_JUMP, code & 0xf0);
      if (op === undefined) break;
      if (op === "always") return `goto ${at + 1 + k}`;
      const test = `a ${COMPARE[op]} ${operand}`;
      if (jf === 0) return `if ${test} goto ${at + 1 + jt}`;
      if (jt === 0) return `unless ${test} goto ${at + 1 + jf}`;
      return `if ${test} goto ${at + 1 + jt} else ${at + 1 + jf}`;
    }
    case CLASSIC_CLASS.MISC:
      return code & MISC_TXA ? "a = x" : "x = a";
    case CLASSIC_CLASS.RET:
      return `return ${code & RETURN_A ? "a" : result(k)}`;
  }
  return `unknown code 0x${code.toString(16)}`;
}

function source(mode: number, k: number): string {
  switch (mode) {
    case CLASSIC_MODE.imm:
      return number(k);
    case CLASSIC_MODE.mem:
      return `memory[${k}]`;
    case CLASSIC_MODE.len:
      return "length";
    case CLASSIC_MODE.abs:
      return FIELD.get(k) ?? `data[${k}]`;
    default:
      return `unknown mode 0x${mode.toString(16)} of ${k}`;
  }
}

/** `errno 1`, `kill-process`: the action, and what it carries along where that is anything. */
function result(k: number): string {
  const action = nameOf(SECCOMP_RETURN, (k & 0xffff_0000) >>> 0);
  if (action === undefined) return `0x${k.toString(16)}`;
  const name = action.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`);
  const data = k & 0xffff;
  return data === 0 && action !== "errno" ? name : `${name} ${data}`;
}

/** Numbers of calls stay decimal; what is a mask or an architecture reads better in hexadecimal. */
function number(k: number): string {
  return k < 0x1_0000 ? String(k) : `0x${k.toString(16)}`;
}

function nameOf<T extends Record<string, number>>(table: T, value: number): (keyof T & string) | undefined {
  return Object.entries(table).find(([, v]) => v === value)?.[0];
}
