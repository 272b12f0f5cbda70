/**
 * eBPF instructions as values, and their 8-byte form (Documentation/bpf/standardization/instruction-set.rst, RFC 9669):
 *
 *     +--------+----+----+----------------+--------------------------------+
 *     | opcode | dst| src|  offset (s16)  |        immediate (s32)         |
 *     +--------+----+----+----------------+--------------------------------+
 *       8 bits  4    4        16 bits                 32 bits
 */
export interface Instruction {
  opcode: number;
  dst: number;
  src: number;
  offset: number;
  imm: number;
  /** The immediate is the descriptor of this map, put in by `encodeProgram`. */
  map?: string;
}

/** Instruction classes: the low three bits of an opcode. */
export const CLASS = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, JMP: 5, JMP32: 6, ALU64: 7 } as const;

/** Memory access sizes. */
export const SIZE = { u32: 0x00, u16: 0x08, u8: 0x10, u64: 0x18 } as const;
export type Size = keyof typeof SIZE;

export const ALU = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  mod: 0x90,
  xor: 0xa0,
  mov: 0xb0,
  arsh: 0xc0,
} as const;
export type AluOp = keyof typeof ALU;

export const JUMP = {
  always: 0x00,
  eq: 0x10,
  gt: 0x20,
  ge: 0x30,
  set: 0x40,
  ne: 0x50,
  sgt: 0x60,
  sge: 0x70,
  lt: 0xa0,
  le: 0xb0,
  slt: 0xc0,
  sle: 0xd0,
} as const;
export type JumpOp = keyof typeof JUMP;

export const OPCODE = { call: 0x85, exit: 0x95, ja: 0x05, loadImm64: 0x18 } as const;
/** src of a loadImm64 whose immediate is a map's descriptor. */
export const PSEUDO_MAP_FD = 1;
/** src of a loadImm64 whose immediate is a map's descriptor, and which gives the address of the map's value. */
export const PSEUDO_MAP_VALUE = 2;
/** The bit of an ALU or JMP opcode that says: the operand is a register. */
export const SOURCE_REGISTER = 0x08;
export const MODE_MEM = 0x60;
export const MODE_ATOMIC = 0xc0;

/** The bytes that bpf(2) loads. `maps` gives the descriptor of each map named in the program. */
export function encodeProgram(
  program: readonly Instruction[],
  maps: ReadonlyMap<string, number> = new Map(),
): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  for (const [i, insn] of program.entries()) {
    let imm = insn.imm;
    if (insn.map !== undefined) {
      const fd = maps.get(insn.map);
      if (fd === undefined)
        throw new RangeError(`instruction ${i} names the map '${insn.map}', which was not created`);
      imm = fd;
    }
    bytes.writeUInt8(insn.opcode, i * 8);
    bytes.writeUInt8((insn.src << 4) | insn.dst, i * 8 + 1);
    bytes.writeInt16LE(insn.offset, i * 8 + 2);
    bytes.writeInt32LE(imm | 0, i * 8 + 4);
  }
  return bytes;
}

/** The instructions in bytes that bpf(2) takes or gives back. Throws a RangeError if they are not a multiple of 8 long. */
export function decodeProgram(bytes: Buffer): Instruction[] {
  if (bytes.length % 8 !== 0)
    throw new RangeError(`an eBPF program is a multiple of 8 bytes, not ${bytes.length}`);
  const program: Instruction[] = [];
  for (let at = 0; at < bytes.length; at += 8) {
    const registers = bytes.readUInt8(at + 1);
    program.push({
      opcode: bytes.readUInt8(at),
      dst: registers & 15,
      src: registers >> 4,
      offset: bytes.readInt16LE(at + 2),
      imm: bytes.readInt32LE(at + 4),
    });
  }
  return program;
}
