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
import { SECCOMP_DATA_BYTES } from "./seccomp.ts";

/** Something for which the kernel would refuse a program. */
export interface ClassicFinding {
  /** The instruction, counted from 0; undefined where the whole program is meant. */
  at?: number;
  text: string;
}

const ALLOWED = new Set<number>([
  CLASSIC_CLASS.LD | CLASSIC_MODE.abs,
  CLASSIC_CLASS.RET,
  CLASSIC_CLASS.RET | RETURN_A,
  CLASSIC_CLASS.ST,
  CLASSIC_CLASS.STX,
  CLASSIC_CLASS.MISC,
  CLASSIC_CLASS.MISC | MISC_TXA,
  CLASSIC_CLASS.JMP | CLASSIC_JUMP.always,
  ...[CLASSIC_MODE.imm, CLASSIC_MODE.mem, CLASSIC_MODE.len].flatMap((mode) => [
    CLASSIC_CLASS.LD | mode,
    CLASSIC_CLASS.LDX | mode,
  ]),
  ...Object.values(CLASSIC_ALU).flatMap((op) =>
    // There is only one way to negate A.
    op === CLASSIC_ALU.neg
      ? [CLASSIC_CLASS.ALU | op]
      : [CLASSIC_CLASS.ALU | op, CLASSIC_CLASS.ALU | op | OPERAND_X],
  ),
  ...[CLASSIC_JUMP.eq, CLASSIC_JUMP.gt, CLASSIC_JUMP.ge, CLASSIC_JUMP.set].flatMap((op) => [
    CLASSIC_CLASS.JMP | op,
    CLASSIC_CLASS.JMP | op | OPERAND_X,
  ]),
]);

/**
 * Everything for which the kernel would refuse the program as a seccomp filter; empty if it takes it. The rules are
 * those of bpf_check_classic and check_load_and_stores (net/core/filter.c) and seccomp_check_filter
 * (kernel/seccomp.c); compared with the kernel's own answers in test/kernel/classic.test.ts.
 */
export function checkClassic(program: readonly ClassicInstruction[]): ClassicFinding[] {
  const { length } = program;
  if (length === 0 || length > MAX_CLASSIC_INSTRUCTIONS) {
    return [{ text: `a program has 1 to ${MAX_CLASSIC_INSTRUCTIONS} instructions, not ${length}` }];
  }
  const findings: ClassicFinding[] = [];
  for (const [at, insn] of program.entries()) {
    const text = problemOf(insn, length - at - 1);
    if (text !== undefined) findings.push({ at, text });
  }
  if ((program.at(-1)!.code & 7) !== CLASSIC_CLASS.RET) {
    findings.push({ at: length - 1, text: "the last instruction is not a return" });
  }
  // Which words were stored can only be followed along jumps that stay inside.
  return findings.length > 0 ? findings : checkMemory(program);
}

/** What is wrong with one instruction that has `behind` others behind it. */
function problemOf({ code, jt, jf, k }: ClassicInstruction, behind: number): string | undefined {
  if (!ALLOWED.has(code)) return `code 0x${code.toString(16)} is none that seccomp allows`;
  if (code === (CLASSIC_CLASS.LD | CLASSIC_MODE.abs) && (k % 4 !== 0 || k >= SECCOMP_DATA_BYTES)) {
    return `offset ${k} is not that of a 32-bit word in the ${SECCOMP_DATA_BYTES} bytes of seccomp_data`;
  }
  if (touchesMemory(code) && k >= MEMORY_WORDS) return `there is no memory word ${k}, only ${MEMORY_WORDS}`;
  if (code === (CLASSIC_CLASS.ALU | CLASSIC_ALU.div) && k === 0) return "division by the constant 0";
  const isShift =
    code === (CLASSIC_CLASS.ALU | CLASSIC_ALU.lsh) || code === (CLASSIC_CLASS.ALU | CLASSIC_ALU.rsh);
  if (isShift && k >= 32) return `shift by ${k}, more than a word has`;
  if ((code & 7) === CLASSIC_CLASS.JMP) {
    const farthest = code === CLASSIC_CLASS.JMP ? k : Math.max(jt, jf);
    if (farthest >= behind) return `jump over ${farthest} instructions where ${behind} follow`;
  }
  return undefined;
}

function touchesMemory(code: number): boolean {
  const cls = code & 7;
  if (cls === CLASSIC_CLASS.ST || cls === CLASSIC_CLASS.STX) return true;
  return code === (CLASSIC_CLASS.LD | CLASSIC_MODE.mem) || code === (CLASSIC_CLASS.LDX | CLASSIC_MODE.mem);
}

/** A word of memory must have been stored on every way to a load of it. */
function checkMemory(program: readonly ClassicInstruction[]): ClassicFinding[] {
  const findings: ClassicFinding[] = [];
  const ALL = 0xffff;
  // Bit n of incoming[i]: word n was stored on every way to i that comes by a jump.
  const incoming = program.map(() => ALL);
  let stored = 0;
  for (const [at, { code, jt, jf, k }] of program.entries()) {
    stored &= incoming[at]!;
    const cls = code & 7;
    if (cls === CLASSIC_CLASS.ST || cls === CLASSIC_CLASS.STX) {
      stored |= 1 << k;
    } else if (touchesMemory(code)) {
      if ((stored & (1 << k)) === 0)
        findings.push({ at, text: `memory word ${k} may not have been stored yet` });
    } else if (cls === CLASSIC_CLASS.JMP) {
      const skips = code === CLASSIC_CLASS.JMP ? [k] : [jt, jf];
      for (const skip of skips) incoming[at + 1 + skip]! &= stored;
      // The next line is reached by jumps alone.
      stored = ALL;
    }
  }
  return findings;
}
