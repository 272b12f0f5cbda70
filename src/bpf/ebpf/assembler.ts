import {
  ALU,
  type AluOp,
  CLASS,
  type Instruction,
  JUMP,
  type JumpOp,
  MODE_ATOMIC,
  MODE_MEM,
  OPCODE,
  PSEUDO_MAP_FD,
  PSEUDO_MAP_VALUE,
  SIZE,
  type Size,
  SOURCE_REGISTER,
} from "./instruction.ts";
import { HELPER, type Helper } from "./helpers.ts";

/**
 * r0: results; r1–r5: arguments, lost by each call; r6–r9: kept over calls; r10: the frame pointer (read only), with
 * 512 bytes of stack below it.
 */
export type Register = "r0" | "r1" | "r2" | "r3" | "r4" | "r5" | "r6" | "r7" | "r8" | "r9" | "r10";
export type Operand = Register | number;

/**
 * Writes an eBPF program so that it reads like its intent:
 *
 *     const a = new Assembler();
 *     a.call("get_current_task_btf");
 *     a.load("u32", "r1", "r0", tgidOffset);
 *     a.jump("eq", "r1", 0, "done");
 *     …
 *     a.label("done").return(0);
 *
 * Labels may be used before they are placed. The kernel's verifier refuses instructions that nothing reaches, so
 * `labelIfUsed` places a shared tail only where something jumps to it.
 */
export class Assembler {
  #program: Instruction[] = [];
  #labels = new Map<string, number>();
  #jumps: { at: number; label: string }[] = [];
  #fresh = 0;

  /** Places a label here. */
  label(name: string): this {
    if (this.#labels.has(name)) throw new RangeError(`label '${name}' is placed twice`);
    this.#labels.set(name, this.#program.length);
    return this;
  }

  /** A label name used nowhere else, for code that is written out several times. */
  fresh(stem: string): string {
    this.#fresh += 1;
    return `${stem}.${this.#fresh}`;
  }

  isUsed(label: string): boolean {
    return this.#jumps.some((jump) => jump.label === label);
  }

  /** Writes a tail (label and body) if something jumps to it. */
  labelIfUsed(name: string, body: () => void): this {
    if (!this.isUsed(name)) return this;
    this.label(name);
    body();
    return this;
  }

  /** dst = operand, all 64 bits (a number is sign-extended from 32). */
  mov(dst: Register, operand: Operand): this {
    return this.alu("mov", dst, operand);
  }

  /** dst = dst op operand, on 64 bits. */
  alu(op: AluOp, dst: Register, operand: Operand): this {
    return this.#arithmetic(CLASS.ALU64, op, dst, operand);
  }

  /** dst = dst op operand, on 32 bits; the upper half becomes zero. */
  alu32(op: AluOp, dst: Register, operand: Operand): this {
    return this.#arithmetic(CLASS.ALU, op, dst, operand);
  }

  /** dst = the 64-bit constant. */
  constant(dst: Register, value: bigint): this {
    const low = Number(BigInt.asIntN(32, value));
    const high = Number(BigInt.asIntN(32, value >> 32n));
    this.#push({ opcode: OPCODE.loadImm64, dst: number(dst), src: 0, offset: 0, imm: low });
    return this.#push({ opcode: 0, dst: 0, src: 0, offset: 0, imm: high });
  }

  /** dst = the map, as helpers take it. */
  map(dst: Register, name: string): this {
    this.#push({
      opcode: OPCODE.loadImm64,
      dst: number(dst),
      src: PSEUDO_MAP_FD,
      offset: 0,
      imm: 0,
      map: name,
    });
    return this.#push({ opcode: 0, dst: 0, src: 0, offset: 0, imm: 0 });
  }

  /** dst = the address `offset` bytes into the only element of an array map: no look-up, no test for null. */
  mapValue(dst: Register, name: string, offset = 0): this {
    this.#push({
      opcode: OPCODE.loadImm64,
      dst: number(dst),
      src: PSEUDO_MAP_VALUE,
      offset: 0,
      imm: 0,
      map: name,
    });
    return this.#push({ opcode: 0, dst: 0, src: 0, offset: 0, imm: offset });
  }

  /** dst = *(size *)(base + offset). */
  load(size: Size, dst: Register, base: Register, offset: number): this {
    return this.#push({
      opcode: CLASS.LDX | SIZE[size] | MODE_MEM,
      dst: number(dst),
      src: number(base),
      offset,
      imm: 0,
    });
  }

  /** *(size *)(base + offset) = operand. */
  store(size: Size, base: Register, offset: number, operand: Operand): this {
    const memory = SIZE[size] | MODE_MEM;
    return typeof operand === "number"
      ? this.#push({ opcode: CLASS.ST | memory, dst: number(base), src: 0, offset, imm: operand })
      : this.#push({ opcode: CLASS.STX | memory, dst: number(base), src: number(operand), offset, imm: 0 });
  }

  /** *(size *)(base + offset) op= src, atomically. */
  atomic(op: "add" | "or", size: "u32" | "u64", base: Register, offset: number, src: Register): this {
    return this.#push({
      opcode: CLASS.STX | SIZE[size] | MODE_ATOMIC,
      dst: number(base),
      src: number(src),
      offset,
      imm: ALU[op],
    });
  }

  /** Atomically adds src to *(base + offset); src becomes the value from before. */
  fetchAdd(size: "u32" | "u64", base: Register, offset: number, src: Register): this {
    const FETCH = 1;
    return this.#push({
      opcode: CLASS.STX | SIZE[size] | MODE_ATOMIC,
      dst: number(base),
      src: number(src),
      offset,
      imm: ALU.add | FETCH,
    });
  }

  /** Goes to the label if `left op right`, on 64 bits (a number is sign-extended). */
  jump(op: Exclude<JumpOp, "always">, left: Register, right: Operand, label: string): this {
    return this.#branch(CLASS.JMP, op, left, right, label);
  }

  /** Goes to the label if `left op right`, on the lower 32 bits. */
  jump32(op: Exclude<JumpOp, "always">, left: Register, right: Operand, label: string): this {
    return this.#branch(CLASS.JMP32, op, left, right, label);
  }

  goto(label: string): this {
    this.#jumps.push({ at: this.#program.length, label });
    return this.#push({ opcode: OPCODE.ja, dst: 0, src: 0, offset: 0, imm: 0 });
  }

  /** r0 = helper(r1 … r5). */
  call(helper: Helper): this {
    return this.#push({ opcode: OPCODE.call, dst: 0, src: 0, offset: 0, imm: HELPER[helper] });
  }

  /** Ends the program with this result. */
  return(value: number): this {
    this.mov("r0", value);
    return this.#push({ opcode: OPCODE.exit, dst: 0, src: 0, offset: 0, imm: 0 });
  }

  /** The program, its jumps filled in. Throws a RangeError for a missing label or a jump over more than 32,767 instructions. */
  assemble(): Instruction[] {
    const program = this.#program.map((insn) => ({ ...insn }));
    for (const { at, label } of this.#jumps) {
      const target = this.#labels.get(label);
      if (target === undefined) throw new RangeError(`label '${label}' is used but never placed`);
      const offset = target - at - 1;
      if (offset > 32_767 || offset < -32_768)
        throw new RangeError(`the jump to '${label}' is too long: ${offset}`);
      program[at]!.offset = offset;
    }
    return program;
  }

  #arithmetic(cls: number, op: AluOp, dst: Register, operand: Operand): this {
    return typeof operand === "number"
      ? this.#push({ opcode: cls | ALU[op], dst: number(dst), src: 0, offset: 0, imm: int32(operand) })
      : this.#push({
          opcode: cls | ALU[op] | SOURCE_REGISTER,
          dst: number(dst),
          src: number(operand),
          offset: 0,
          imm: 0,
        });
  }

  #branch(cls: number, op: JumpOp, left: Register, right: Operand, label: string): this {
    this.#jumps.push({ at: this.#program.length, label });
    return typeof right === "number"
      ? this.#push({ opcode: cls | JUMP[op], dst: number(left), src: 0, offset: 0, imm: int32(right) })
      : this.#push({
          opcode: cls | JUMP[op] | SOURCE_REGISTER,
          dst: number(left),
          src: number(right),
          offset: 0,
          imm: 0,
        });
  }

  #push(insn: Instruction): this {
    this.#program.push(insn);
    return this;
  }
}

function number(register: Register): number {
  return Number(register.slice(1));
}

/** An immediate is 32 bits wide: values up to 2^32-1 are taken as their bit pattern. */
function int32(value: number): number {
  if (!Number.isInteger(value) || value < -0x8000_0000 || value > 0xffff_ffff) {
    throw new RangeError(`${value} does not fit a 32-bit immediate; use constant()`);
  }
  return value | 0;
}
