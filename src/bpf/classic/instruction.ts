import { CinchError } from "../../base/index.ts";

/**
 * Classic BPF instructions as values, and their form in memory, `struct sock_filter` (linux/filter.h):
 *
 *     +----------------+--------+--------+--------------------------------+
 *     |      code      |   jt   |   jf   |               k                |
 *     +----------------+--------+--------+--------------------------------+
 *          16 bits       8 bits   8 bits              32 bits
 *
 * The machine has an accumulator A, an index register X and sixteen words of memory, all of 32 bits and unsigned.
 * `jt` and `jf` say how many instructions a conditional jump skips if its test holds and if it does not.
 */
export interface ClassicInstruction {
  code: number;
  jt: number;
  jf: number;
  k: number;
}

/** Instruction classes: the low three bits of a code. */
export const CLASSIC_CLASS = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, JMP: 5, RET: 6, MISC: 7 } as const;

/** Where a load takes its word from. `abs`: the data under test; for seccomp, `struct seccomp_data`. */
export const CLASSIC_MODE = { imm: 0x00, abs: 0x20, mem: 0x60, len: 0x80 } as const;

export const CLASSIC_ALU = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  xor: 0xa0,
} as const;
export type ClassicAluOp = keyof typeof CLASSIC_ALU;

export const CLASSIC_JUMP = { always: 0x00, eq: 0x10, gt: 0x20, ge: 0x30, set: 0x40 } as const;
export type ClassicJumpOp = Exclude<keyof typeof CLASSIC_JUMP, "always">;

/** The bit of an ALU or JMP code that says: the operand is X, not k. */
export const OPERAND_X = 0x08;
/** The bits of a RET code that say: return A, not k. */
export const RETURN_A = 0x10;
/** The bit of a MISC code that says: A = X (txa); without it X = A (tax). */
export const MISC_TXA = 0x80;

/** The most instructions that one program may have (linux/bpf_common.h: BPF_MAXINSNS). */
export const MAX_CLASSIC_INSTRUCTIONS = 4096;
/** Words of memory (linux/filter.h: BPF_MEMWORDS). */
export const MEMORY_WORDS = 16;

const INSTRUCTION_BYTES = 8;

/** The bytes that seccomp(2) and SO_ATTACH_FILTER take, little-endian as all machines that cinch knows. */
export function encodeClassic(program: readonly ClassicInstruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * INSTRUCTION_BYTES);
  for (const [i, { code, jt, jf, k }] of program.entries()) {
    const at = i * INSTRUCTION_BYTES;
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt8(jt, at + 2);
    bytes.writeUInt8(jf, at + 3);
    bytes.writeUInt32LE(k >>> 0, at + 4);
  }
  return bytes;
}

/**
 * The instructions in bytes that somebody else made. Any instruction decodes; `checkClassic` says whether the kernel
 * would take the program. Throws `bad-filter` for a length that no program has.
 */
export function decodeClassic(bytes: Uint8Array): ClassicInstruction[] {
  const length = bytes.byteLength / INSTRUCTION_BYTES;
  if (!Number.isInteger(length) || length > MAX_CLASSIC_INSTRUCTIONS) {
    throw new CinchError(
      "bad-filter",
      `a classic BPF program is a multiple of 8 bytes and at most ${MAX_CLASSIC_INSTRUCTIONS} instructions, ` +
        `but this one has ${bytes.byteLength} bytes`,
    );
  }
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length }, (_, i) => {
    const at = i * INSTRUCTION_BYTES;
    return {
      code: view.readUInt16LE(at),
      jt: view.readUInt8(at + 2),
      jf: view.readUInt8(at + 3),
      k: view.readUInt32LE(at + 4),
    };
  });
}
