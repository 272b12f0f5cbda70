import type { Register } from "iced-x86";
import type { Effect, Expr } from "../model.ts";
import type { IcedInstruction } from "./codes.ts";
import { iced } from "./iced.ts";

export const RSP = 4;

export const UNKNOWN: Expr = { kind: "unknown" };

/** 0–15 for rax … r15 and their parts; undefined for others. */
export function registerNumber(register: Register): number | undefined {
  const { Register: names, RegisterExt } = iced();
  const full = RegisterExt.fullRegister(register);
  return full >= names.RAX && full <= names.R15 ? full - names.RAX : undefined;
}

/** Bits of a general register's part: 64, 32, 16, 8; 0 for the high bytes ah, ch, dh, bh. */
export function registerBits(register: Register): number {
  const { Register: names, RegisterExt } = iced();
  if (register >= names.AH && register <= names.BH) return 0;
  return RegisterExt.size(register) * 8;
}

export function constant(value: bigint): Expr {
  const number = Number(BigInt.asIntN(64, value));
  return Number.isSafeInteger(number) ? { kind: "const", value: number } : UNKNOWN;
}

/** The value of a general register's part, extended by zeros. */
export function readRegister(register: Register): Expr {
  const number = registerNumber(register);
  if (number === undefined) return UNKNOWN;
  const whole: Expr = { kind: "register", register: number };
  const bits = registerBits(register);
  if (bits === 64) return whole;
  return bits === 32 || bits === 16 || bits === 8 ? { kind: "low", a: whole, bits, signed: false } : UNKNOWN;
}

/** What a write to a part of a register leaves in the whole: 32 bits clear the upper half, fewer keep the rest. */
export function writeRegister(register: Register, value: Expr): Effect[] {
  const number = registerNumber(register);
  if (number === undefined) return [];
  const to = { register: number };
  const bits = registerBits(register);
  if (bits === 64) return [{ to, value }];
  if (bits === 32) return [{ to, value: { kind: "low", a: value, bits, signed: false } }];
  if (bits === 16 || bits === 8)
    return [{ to, value: { kind: "insert", a: { kind: "register", register: number }, b: value, bits } }];
  return [{ to, value: UNKNOWN }];
}

/** Where the memory operand is, as far as the analysis follows memory. */
export type Place =
  | { kind: "base"; base: number; offset: number }
  | { kind: "global"; address: number }
  /** Thread-local: none that the stack or a global shares. */
  | { kind: "segment" }
  | { kind: "somewhere" };

export function placeOf(instruction: IcedInstruction): Place {
  const { Register: names, RegisterExt } = iced();
  if (instruction.isIpRelMemoryOperand)
    return { kind: "global", address: Number(instruction.ipRelMemoryAddress) };
  if (instruction.memorySegment === names.FS || instruction.memorySegment === names.GS)
    return { kind: "segment" };
  const offset = Number(BigInt.asIntN(64, instruction.memoryDisplacement));
  if (instruction.memoryIndex !== names.None) return { kind: "somewhere" };
  if (instruction.memoryBase === names.None) return { kind: "global", address: offset };
  const base = registerNumber(instruction.memoryBase);
  if (base === undefined || RegisterExt.size(instruction.memoryBase) !== 8) return { kind: "somewhere" };
  return { kind: "base", base, offset };
}

export function readMemory(instruction: IcedInstruction, signed = false): Expr {
  const { MemorySizeExt } = iced();
  const size = MemorySizeExt.size(instruction.memorySize);
  const place = placeOf(instruction);
  if (size !== 1 && size !== 2 && size !== 4 && size !== 8) return UNKNOWN;
  if (place.kind === "base") return { kind: "memory", base: place.base, offset: place.offset, size, signed };
  if (place.kind === "global") return { kind: "global", address: place.address, size, signed };
  return UNKNOWN;
}

export function writeMemory(instruction: IcedInstruction, value: Expr): Effect[] {
  const { MemorySizeExt } = iced();
  const size = MemorySizeExt.size(instruction.memorySize);
  const place = placeOf(instruction);
  switch (place.kind) {
    case "base":
      return size === 0
        ? [{ to: "memory", value: UNKNOWN }]
        : [{ to: { base: place.base, offset: place.offset, size }, value }];
    case "global":
      return [{ to: { global: place.address, size }, value }];
    case "segment":
      return [];
    case "somewhere":
      return [{ to: "memory", value: UNKNOWN }];
  }
}

/** The address that a memory operand names, for lea. */
export function addressOf(instruction: IcedInstruction): Expr {
  const { Register: names } = iced();
  if (instruction.isIpRelMemoryOperand)
    return { kind: "address", value: Number(instruction.ipRelMemoryAddress) };
  let sum: Expr = { kind: "const", value: Number(BigInt.asIntN(64, instruction.memoryDisplacement)) };
  const base = instruction.memoryBase;
  if (base !== names.None) sum = { kind: "add", a: readRegister(base), b: sum };
  const index = instruction.memoryIndex;
  if (index !== names.None) {
    const scale = Math.log2(instruction.memoryIndexScale);
    const scaled: Expr = { kind: "shl", a: readRegister(index), b: { kind: "const", value: scale } };
    sum = { kind: "add", a: sum, b: scale === 0 ? readRegister(index) : scaled };
  }
  return sum;
}

/** An operand's value, extended by zeros where it is narrow. */
export function readOperand(instruction: IcedInstruction, operand: number): Expr {
  const { OpKind } = iced();
  const kind = instruction.opKind(operand);
  if (kind === OpKind.Register) return readRegister(instruction.opRegister(operand));
  if (kind === OpKind.Memory) return readMemory(instruction);
  if (kind >= OpKind.Immediate8 && kind <= OpKind.Immediate32to64)
    return constant(instruction.immediate(operand));
  return UNKNOWN;
}

export function writeOperand(instruction: IcedInstruction, operand: number, value: Expr): Effect[] {
  const { OpKind } = iced();
  const kind = instruction.opKind(operand);
  if (kind === OpKind.Register) return writeRegister(instruction.opRegister(operand), value);
  if (kind === OpKind.Memory) return writeMemory(instruction, value);
  return [{ to: "memory", value: UNKNOWN }];
}
