import {
  CLASSIC_ALU,
  CLASSIC_CLASS,
  CLASSIC_JUMP,
  CLASSIC_MODE,
  type ClassicAluOp,
  type ClassicInstruction,
  type ClassicJumpOp,
  MAX_CLASSIC_INSTRUCTIONS,
  MISC_TXA,
  OPERAND_X,
  RETURN_A,
} from "./instruction.ts";

/** A constant, or the index register. */
export type ClassicOperand = number | "x";

type Side = "jt" | "jf";

interface Line extends ClassicInstruction {
  /** Where a jump goes; undefined: to the next instruction. */
  target?: { jt?: string; jf?: string } | string;
}

/**
 * Writes a classic BPF program so that it reads like its intent:
 *
 *     const program = new ClassicAssembler()
 *       .load(SECCOMP_OFFSET.nr)
 *       .jump("eq", 59, "allow")
 *       .return(SECCOMP_RETURN.errno | 1)
 *       .label("allow")
 *       .return(SECCOMP_RETURN.allow)
 *       .assemble();
 *
 * Jumps go forward only, as the kernel demands. A conditional jump reaches 255 instructions; `assemble` puts an
 * unconditional one in between where the way is longer.
 */
export class ClassicAssembler {
  #lines: Line[] = [];
  #labels = new Map<string, number>();
  #fresh = 0;

  /** Places a label here. */
  label(name: string): this {
    if (this.#labels.has(name)) throw new RangeError(`label '${name}' is placed twice`);
    this.#labels.set(name, this.#lines.length);
    return this;
  }

  /** A label name used nowhere else, for code that is written out several times. */
  fresh(stem: string): string {
    this.#fresh += 1;
    return `${stem}.${this.#fresh}`;
  }

  /** A = the 32-bit word at this offset of the data. */
  load(offset: number): this {
    return this.#push(CLASSIC_CLASS.LD | CLASSIC_MODE.abs, offset);
  }

  /** A or X = the constant. */
  set(register: "a" | "x", value: number): this {
    return this.#push(loadClass(register) | CLASSIC_MODE.imm, value);
  }

  /** A or X = a word of memory. */
  recall(register: "a" | "x", word: number): this {
    return this.#push(loadClass(register) | CLASSIC_MODE.mem, word);
  }

  /** A word of memory = A or X. */
  store(register: "a" | "x", word: number): this {
    return this.#push(register === "a" ? CLASSIC_CLASS.ST : CLASSIC_CLASS.STX, word);
  }

  /** X = A, or A = X. */
  copy(to: "a" | "x"): this {
    return this.#push(CLASSIC_CLASS.MISC | (to === "a" ? MISC_TXA : 0), 0);
  }

  /** A = A op operand. */
  alu(op: ClassicAluOp, operand: ClassicOperand = 0): this {
    const source = operand === "x" ? OPERAND_X : 0;
    return this.#push(CLASSIC_CLASS.ALU | CLASSIC_ALU[op] | source, operand === "x" ? 0 : operand);
  }

  /** Goes to `then` if `A op operand` (`set`: if they share a bit), else to `otherwise`; one left out is the next line. */
  jump(op: ClassicJumpOp, operand: ClassicOperand, then?: string, otherwise?: string): this {
    const source = operand === "x" ? OPERAND_X : 0;
    return this.#push(CLASSIC_CLASS.JMP | CLASSIC_JUMP[op] | source, operand === "x" ? 0 : operand, {
      jt: then,
      jf: otherwise,
    });
  }

  goto(label: string): this {
    return this.#push(CLASSIC_CLASS.JMP | CLASSIC_JUMP.always, 0, label);
  }

  /** Ends the program with a constant, or with A. */
  return(value: number | "a"): this {
    return value === "a" ? this.#push(CLASSIC_CLASS.RET | RETURN_A, 0) : this.#push(CLASSIC_CLASS.RET, value);
  }

  /**
   * The program, its jumps filled in. Throws a RangeError for a missing label, a jump backwards, a constant that does
   * not fit 32 bits, or more instructions than the kernel takes.
   */
  assemble(): ClassicInstruction[] {
    const lines = this.#lines;
    // Sides of conditional jumps that need an unconditional jump behind them. Putting one in can make other ways too
    // long, so this is repeated; the set only grows, so it ends.
    const far = lines.map(() => new Set<Side>());
    for (;;) {
      const starts = startsOf(far);
      let grew = false;
      for (const [i, line] of lines.entries()) {
        if (typeof line.target !== "object") continue;
        for (const side of ["jt", "jf"] as const) {
          if (far[i]!.has(side)) continue;
          const distance = this.#distance(line.target[side], i, starts[i]!, starts);
          if (distance > 255) {
            far[i]!.add(side);
            grew = true;
          }
        }
      }
      if (!grew) return this.#write(far, starts);
    }
  }

  #write(far: Set<Side>[], starts: number[]): ClassicInstruction[] {
    const program: ClassicInstruction[] = [];
    for (const [i, line] of this.#lines.entries()) {
      const { code, k, target } = line;
      const at = starts[i]!;
      if (target === undefined) {
        program.push({ code, jt: 0, jf: 0, k });
        continue;
      }
      if (typeof target === "string") {
        program.push({ code, jt: 0, jf: 0, k: this.#distance(target, i, at, starts) });
        continue;
      }
      const hops = [...far[i]!];
      const skip = (side: Side): number =>
        hops.includes(side) ? hops.indexOf(side) : this.#distance(target[side], i, at, starts);
      program.push({ code, jt: skip("jt"), jf: skip("jf"), k });
      for (const [n, side] of hops.entries()) {
        const way = this.#distance(target[side], i, at + 1 + n, starts);
        program.push({ code: CLASSIC_CLASS.JMP | CLASSIC_JUMP.always, jt: 0, jf: 0, k: way });
      }
    }
    if (program.length > MAX_CLASSIC_INSTRUCTIONS) {
      throw new RangeError(
        `the program has ${program.length} instructions, the kernel takes ${MAX_CLASSIC_INSTRUCTIONS}`,
      );
    }
    return program;
  }

  /** How many instructions lie between the one at `from` (part of line `i`) and its target. */
  #distance(label: string | undefined, i: number, from: number, starts: number[]): number {
    const line = label === undefined ? i + 1 : this.#labels.get(label);
    if (line === undefined) throw new RangeError(`label '${label}' is used but never placed`);
    const distance = starts[line]! - from - 1;
    if (line <= i) throw new RangeError(`the jump to '${label}' goes backwards`);
    return distance;
  }

  #push(code: number, k: number, target?: Line["target"]): this {
    if (!Number.isInteger(k) || k < -0x8000_0000 || k > 0xffff_ffff) {
      throw new RangeError(`${k} does not fit 32 bits`);
    }
    this.#lines.push({ code, jt: 0, jf: 0, k: k >>> 0, target });
    return this;
  }
}

function loadClass(register: "a" | "x"): number {
  return register === "a" ? CLASSIC_CLASS.LD : CLASSIC_CLASS.LDX;
}

/** The place of each line's first instruction, and behind them the program's length. */
function startsOf(far: readonly Set<Side>[]): number[] {
  const starts = [0];
  for (const sides of far) starts.push(starts.at(-1)! + 1 + sides.size);
  return starts;
}
