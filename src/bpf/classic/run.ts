import { CinchError } from "../../base/index.ts";
import {
  CLASSIC_ALU,
  CLASSIC_CLASS,
  CLASSIC_JUMP,
  CLASSIC_MODE,
  type ClassicInstruction,
  MAX_CLASSIC_INSTRUCTIONS,
  MEMORY_WORDS,
  MISC_TXA,
  OPERAND_X,
  RETURN_A,
} from "./instruction.ts";
import { SECCOMP_DATA_BYTES, type SeccompData } from "./seccomp.ts";

/**
 * What the kernel would get from this filter for one system call: the 32-bit result, whose meaning `decisionOf`
 * gives. Meant for programs that `checkClassic` found nothing against; on any other it throws `bad-filter` where the
 * kernel would have refused to install it. Jumps only go forward, so it ends after at most one step an instruction.
 */
export function runClassic(program: readonly ClassicInstruction[], data: SeccompData): number {
  if (program.length > MAX_CLASSIC_INSTRUCTIONS) throw bad(program.length, "the program is too long");
  const words = wordsOf(data);
  const memory = new Uint32Array(MEMORY_WORDS);
  let a = 0;
  let x = 0;
  for (let at = 0; at < program.length; at += 1) {
    const { code, jt, jf, k } = program[at]!;
    const operand = code & OPERAND_X ? x : k;
    switch (code & 7) {
      case CLASSIC_CLASS.LD:
        a = load(at, code, k, words, memory);
        break;
      case CLASSIC_CLASS.LDX:
        x = load(at, code, k, words, memory);
        break;
      case CLASSIC_CLASS.ST:
        memory[word(at, k)] = a;
        break;
      case CLASSIC_CLASS.STX:
        memory[word(at, k)] = x;
        break;
      case CLASSIC_CLASS.ALU:
        // Since the time of BSD a division by zero in X ends the program with 0, which for seccomp is "kill".
        if ((code & 0xf0) === CLASSIC_ALU.div && operand === 0) return 0;
        a = compute(at, code, a, operand);
        break;
      case CLASSIC_CLASS.JMP:
        if ((code & 0xf0) === CLASSIC_JUMP.always) at += k;
        else at += holds(at, code, a, operand) ? jt : jf;
        break;
      case CLASSIC_CLASS.MISC:
        if (code & MISC_TXA) a = x;
        else x = a;
        break;
      case CLASSIC_CLASS.RET:
        return (code & RETURN_A ? a : k) >>> 0;
    }
  }
  throw bad(program.length, "the program ends without a return");
}

/** `struct seccomp_data` as the sixteen words that a filter can load. */
function wordsOf({ nr, arch, instructionPointer, args }: SeccompData): Uint32Array {
  const words = new Uint32Array(SECCOMP_DATA_BYTES / 4);
  words[0] = nr;
  words[1] = arch;
  for (const [i, value] of [instructionPointer, ...args].entries()) {
    if (i > 6) break;
    words[2 + i * 2] = Number(BigInt.asUintN(32, value));
    words[3 + i * 2] = Number(BigInt.asUintN(32, value >> 32n));
  }
  return words;
}

function load(at: number, code: number, k: number, words: Uint32Array, memory: Uint32Array): number {
  switch (code & ~7) {
    case CLASSIC_MODE.imm:
      return k;
    case CLASSIC_MODE.mem:
      return memory[word(at, k)]!;
    case CLASSIC_MODE.len:
      return SECCOMP_DATA_BYTES;
    case CLASSIC_MODE.abs: {
      const value = (code & 7) === CLASSIC_CLASS.LD ? words[k / 4] : undefined;
      if (value !== undefined) return value;
    }
  }
  throw bad(at, `no load with code 0x${code.toString(16)} of ${k}`);
}

function word(at: number, k: number): number {
  if (k >= MEMORY_WORDS) throw bad(at, `there is no memory word ${k}`);
  return k;
}

function compute(at: number, code: number, a: number, operand: number): number {
  switch (code & 0xf0) {
    case CLASSIC_ALU.add:
      return (a + operand) >>> 0;
    case CLASSIC_ALU.sub:
      return (a - operand) >>> 0;
    case CLASSIC_ALU.mul:
      return Math.imul(a, operand) >>> 0;
    case CLASSIC_ALU.div:
      return Math.floor(a / operand);
    case CLASSIC_ALU.or:
      return (a | operand) >>> 0;
    case CLASSIC_ALU.and:
      return (a & operand) >>> 0;
    // The kernel's eBPF machine, to which it translates filters, takes shifts modulo 32, as JavaScript does.
    case CLASSIC_ALU.lsh:
      return (a << operand) >>> 0;
    case CLASSIC_ALU.rsh:
      return a >>> operand;
    case CLASSIC_ALU.neg:
      return -a >>> 0;
    case CLASSIC_ALU.xor:
      return (a ^ operand) >>> 0;
  }
  throw bad(at, `no arithmetic with code 0x${code.toString(16)}`);
}

function holds(at: number, code: number, a: number, operand: number): boolean {
  switch (code & 0xf0) {
    case CLASSIC_JUMP.eq:
      return a === operand;
    case CLASSIC_JUMP.gt:
      return a > operand;
    case CLASSIC_JUMP.ge:
      return a >= operand;
    case CLASSIC_JUMP.set:
      return (a & operand) !== 0;
  }
  throw bad(at, `no jump with code 0x${code.toString(16)}`);
}

function bad(at: number, text: string): CinchError {
  return new CinchError("bad-filter", `classic BPF, instruction ${at}: ${text}`);
}
