import type { ScanSink } from "../model.ts";
import { FORM, type IcedInstruction, forms, memoryUse } from "./codes.ts";
import { iced } from "./iced.ts";

/** One instruction for all decoding: iced's objects live in its own memory and are dear to make. */
let shared: IcedInstruction | undefined;

/**
 * The fast pass over x86-64 code. What `Machine.scan` promises; the decoder is iced's.
 */
export function scan(
  code: Uint8Array,
  address: number,
  sink: ScanSink,
  absolute?: { from: number; to: number },
): undefined {
  const { Decoder, DecoderOptions, Instruction } = iced();
  const form = forms();
  shared ??= new Instruction();
  const instruction = shared;
  const decoder = new Decoder(64, code, DecoderOptions.None);
  decoder.ip = BigInt(address);
  const { length } = code;
  let at = address;
  let last: number = FORM.plain;
  try {
    while (decoder.position < length) {
      const before = decoder.position;
      at = address + before;
      decoder.decodeOut(instruction);
      const kind = form[instruction.code]!;
      if (kind !== FORM.padding) last = kind;
      switch (kind) {
        case FORM.padding:
          continue;
        case FORM.call:
          sink.branch(at, Number(instruction.nearBranchTarget), "call");
          continue;
        case FORM.jump:
          sink.branch(at, Number(instruction.nearBranchTarget), "jump");
          continue;
        case FORM.branch:
          sink.branch(at, Number(instruction.nearBranchTarget), "branch");
          continue;
        case FORM.returns:
          sink.returns(at);
          continue;
        case FORM.syscall:
          sink.syscall(at);
          continue;
        case FORM.foreign:
          // Of the interrupts only 0x80 leads to a system call.
          if (code[before + 1] === 0x80 || code[before] !== 0xcd) sink.foreign(at);
          else sink.invalid(at);
          continue;
        case FORM.stop:
          continue;
        case FORM.invalid:
          sink.invalid(at);
          continue;
        case FORM.callThrough:
        case FORM.jumpThrough: {
          const way = kind === FORM.callThrough ? "call" : "jump";
          const slot = fixedAddress(instruction);
          if (slot !== undefined) sink.load(at, slot, 8, way);
          else {
            sink.indirect(at, way);
            if (absolute !== undefined) reportConstants(instruction, at, sink, absolute);
          }
          continue;
        }
        default:
          if (instruction.isIpRelMemoryOperand) {
            const target = Number(instruction.ipRelMemoryAddress);
            if (kind === FORM.lea) sink.address(at, target);
            else reportUse(instruction, at, target, sink);
          }
          if (absolute !== undefined) reportConstants(instruction, at, sink, absolute);
      }
    }
    const falls =
      last !== FORM.jump &&
      last !== FORM.jumpThrough &&
      last !== FORM.returns &&
      last !== FORM.stop &&
      last !== FORM.invalid;
    sink.end(address + length, falls, last === FORM.call || last === FORM.callThrough);
  } finally {
    decoder.free();
  }
}

function reportUse(instruction: IcedInstruction, at: number, target: number, sink: ScanSink): void {
  const { reads, writes, size } = memoryUse(instruction);
  // Without a size of its own (fxsave, prefetch) it may touch what follows: the address counts.
  if (size === 0) sink.address(at, target);
  if (reads) sink.load(at, target, size, "value");
  if (writes) sink.store(at, target, size);
}

/** The address of a memory operand that depends on no register. */
function fixedAddress(instruction: IcedInstruction): number | undefined {
  const { OpKind, Register } = iced();
  if (instruction.isIpRelMemoryOperand) return Number(instruction.ipRelMemoryAddress);
  if (
    instruction.op0Kind === OpKind.Memory &&
    instruction.memoryBase === Register.None &&
    instruction.memoryIndex === Register.None &&
    instruction.segmentPrefix === Register.None
  )
    return Number(instruction.memoryDisplacement);
  return undefined;
}

/** In code that is not position-independent: displacements and immediates that may be addresses. */
function reportConstants(
  instruction: IcedInstruction,
  at: number,
  sink: ScanSink,
  { from, to }: { from: number; to: number },
): void {
  const { OpKind, Register } = iced();
  for (let operand = 0; operand < instruction.opCount; operand += 1) {
    const kind = instruction.opKind(operand);
    if (kind === OpKind.Memory) {
      if (instruction.isIpRelMemoryOperand) continue;
      const target = Number(instruction.memoryDisplacement);
      if (target < from || target >= to) continue;
      const isFixed = instruction.memoryBase === Register.None && instruction.memoryIndex === Register.None;
      if (isFixed && forms()[instruction.code] !== FORM.lea) reportUse(instruction, at, target, sink);
      else sink.address(at, target);
    } else if (
      kind === OpKind.Immediate32 ||
      kind === OpKind.Immediate64 ||
      // mov $address,%rdi, as position-dependent start code has it.
      kind === OpKind.Immediate32to64
    ) {
      const value = instruction.immediate(operand);
      if (value >= BigInt(from) && value < BigInt(to)) sink.address(at, Number(value));
    }
  }
}
