import type { InstructionInfoFactory, OpAccess, UsedMemory, UsedRegister } from "iced-x86";
import type { Effect, Expr, Flow, Insn } from "../model.ts";
import { FORM, type IcedInstruction, forms } from "./codes.ts";
import { iced } from "./iced.ts";
import {
  RSP,
  UNKNOWN,
  addressOf,
  placeOf,
  readMemory,
  readOperand,
  registerBits,
  registerNumber,
  writeMemory,
  writeOperand,
  writeRegister,
} from "./operands.ts";

const FLOWS: Readonly<Record<number, Flow>> = {
  [FORM.call]: "call",
  [FORM.jump]: "jump",
  [FORM.branch]: "branch",
  [FORM.callThrough]: "call",
  [FORM.jumpThrough]: "jump",
  [FORM.returns]: "return",
  [FORM.syscall]: "syscall",
  [FORM.stop]: "stop",
  [FORM.invalid]: "invalid",
};

/** Reads x86-64 code exactly: what `Machine.lower` promises. Stops at what cannot be decoded. */
export function lower(code: Uint8Array, address: number): Insn[] {
  const { Decoder, DecoderOptions, Instruction } = iced();
  const decoder = new Decoder(64, code, DecoderOptions.None);
  decoder.ip = BigInt(address);
  const instruction = new Instruction();
  const insns: Insn[] = [];
  try {
    while (decoder.position < code.length) {
      const before = decoder.position;
      decoder.decodeOut(instruction);
      const insn = lowerOne(instruction, address + before, decoder.position - before);
      insns.push(insn);
      if (insn.flow === "invalid") break;
    }
  } finally {
    instruction.free();
    decoder.free();
  }
  return insns;
}

function lowerOne(instruction: IcedInstruction, address: number, size: number): Insn {
  const form = forms()[instruction.code]!;
  const flow = FLOWS[form] ?? "next";
  switch (form) {
    case FORM.call:
    case FORM.jump:
      return { address, size, flow, target: Number(instruction.nearBranchTarget), effects: [] };
    case FORM.branch:
      return {
        address,
        size,
        flow,
        target: Number(instruction.nearBranchTarget),
        effects: instruction.mnemonic === iced().Mnemonic.Loop ? generic(instruction) : [],
      };
    case FORM.callThrough:
    case FORM.jumpThrough:
      return { address, size, flow, through: readOperand(instruction, 0), effects: [] };
    case FORM.padding:
    case FORM.returns:
    case FORM.syscall:
    case FORM.stop:
    case FORM.invalid:
      return { address, size, flow, effects: [] };
    case FORM.lea:
      return { address, size, flow, effects: writeOperand(instruction, 0, addressOf(instruction)) };
    default:
      return { address, size, flow, effects: effectsOf(instruction) };
  }
}

type Arithmetic = "add" | "sub" | "and" | "or" | "xor" | "shl" | "shr";

/** Mnemonics by what they do, made when the first code is read. */
interface Mnemonics {
  /** Two-operand arithmetic that expressions know. */
  arithmetic: ReadonlyMap<number, Arithmetic>;
  readsOnly: ReadonlySet<number>;
  conditionalMoves: ReadonlySet<number>;
  conditionalSets: ReadonlySet<number>;
}

let known: Mnemonics | undefined;

function mnemonics(): Mnemonics {
  return (known ??= sortMnemonics());
}

function sortMnemonics(): Mnemonics {
  const { Mnemonic } = iced();
  const matching = (pattern: RegExp): Set<number> =>
    new Set(
      Object.entries(Mnemonic).flatMap(([name, value]) =>
        typeof value === "number" && pattern.test(name) ? [value] : [],
      ),
    );
  return {
    arithmetic: new Map<number, Arithmetic>([
      [Mnemonic.Add, "add"],
      [Mnemonic.Sub, "sub"],
      [Mnemonic.And, "and"],
      [Mnemonic.Or, "or"],
      [Mnemonic.Xor, "xor"],
      [Mnemonic.Shl, "shl"],
      [Mnemonic.Shr, "shr"],
    ]),
    readsOnly: matching(/^(Cmp|Test|Bt|Prefetch[a-z0-9]+|Pause)$/),
    conditionalMoves: matching(/^Cmov/),
    conditionalSets: matching(/^Set(o|no|b|ae|e|ne|be|a|s|ns|p|np|l|ge|le|g)$/),
  };
}

function effectsOf(instruction: IcedInstruction): Effect[] {
  const { Mnemonic, OpKind, Register } = iced();
  const { arithmetic, readsOnly, conditionalMoves, conditionalSets } = mnemonics();
  const { mnemonic } = instruction;
  if (readsOnly.has(mnemonic)) return [];
  const isGeneral =
    instruction.opCount === 0 ||
    instruction.op0Kind !== OpKind.Register ||
    registerNumber(instruction.op0Register) !== undefined;
  if (!isGeneral) return generic(instruction);
  const operation = arithmetic.get(mnemonic);
  if (operation !== undefined && instruction.opCount === 2) return compute(instruction, operation);
  if (conditionalMoves.has(mnemonic))
    return writeOperand(instruction, 0, {
      kind: "either",
      a: readOperand(instruction, 0),
      b: readOperand(instruction, 1),
    });
  if (conditionalSets.has(mnemonic)) return writeOperand(instruction, 0, oneOf(0, 1));
  switch (mnemonic) {
    case Mnemonic.Mov:
      return isSystemMove(instruction)
        ? generic(instruction)
        : writeOperand(instruction, 0, readOperand(instruction, 1));
    case Mnemonic.Movzx:
      return writeOperand(instruction, 0, readOperand(instruction, 1));
    case Mnemonic.Movsx:
    case Mnemonic.Movsxd:
      return writeOperand(instruction, 0, signExtended(instruction));
    case Mnemonic.Cdqe:
      return writeRegister(Register.RAX, low({ kind: "register", register: 0 }, 32, true));
    case Mnemonic.Inc:
      return writeOperand(instruction, 0, plus(readOperand(instruction, 0), 1));
    case Mnemonic.Dec:
      return writeOperand(instruction, 0, plus(readOperand(instruction, 0), -1));
    case Mnemonic.Neg:
      return writeOperand(instruction, 0, {
        kind: "sub",
        a: { kind: "const", value: 0 },
        b: readOperand(instruction, 0),
      });
    case Mnemonic.Not:
      return writeOperand(instruction, 0, {
        kind: "xor",
        a: readOperand(instruction, 0),
        b: { kind: "const", value: -1 },
      });
    case Mnemonic.Sbb:
      if (isSameRegister(instruction)) return writeOperand(instruction, 0, oneOf(0, -1));
      return generic(instruction);
    case Mnemonic.Push:
      return push(instruction);
    case Mnemonic.Pop:
      return pop(instruction);
    case Mnemonic.Leave:
      return [
        { to: { register: RSP }, value: plus({ kind: "register", register: 5 }, 8) },
        { to: { register: 5 }, value: { kind: "memory", base: 5, offset: 0, size: 8, signed: false } },
      ];
    case Mnemonic.Xchg:
      return exchange(instruction);
    default:
      return generic(instruction);
  }
}

function compute(instruction: IcedInstruction, operation: Arithmetic): Effect[] {
  if ((operation === "xor" || operation === "sub") && isSameRegister(instruction))
    return writeOperand(instruction, 0, { kind: "const", value: 0 });
  const value: Expr = { kind: operation, a: readOperand(instruction, 0), b: readOperand(instruction, 1) };
  return writeOperand(instruction, 0, value);
}

function isSameRegister(instruction: IcedInstruction): boolean {
  const { OpKind } = iced();
  return (
    instruction.op0Kind === OpKind.Register &&
    instruction.op1Kind === OpKind.Register &&
    instruction.op0Register === instruction.op1Register
  );
}

/** Moves from and to segment and control registers. */
function isSystemMove(instruction: IcedInstruction): boolean {
  const { OpKind } = iced();
  return instruction.op1Kind === OpKind.Register && registerNumber(instruction.op1Register) === undefined;
}

function signExtended(instruction: IcedInstruction): Expr {
  const { OpKind } = iced();
  if (instruction.op1Kind === OpKind.Memory) return readMemory(instruction, true);
  const number = registerNumber(instruction.op1Register);
  const bits = registerBits(instruction.op1Register);
  if (number === undefined || (bits !== 8 && bits !== 16 && bits !== 32)) return UNKNOWN;
  return low({ kind: "register", register: number }, bits, true);
}

function low(a: Expr, bits: 8 | 16 | 32, signed: boolean): Expr {
  return { kind: "low", a, bits, signed };
}

function oneOf(a: number, b: number): Expr {
  return { kind: "either", a: { kind: "const", value: a }, b: { kind: "const", value: b } };
}

function plus(a: Expr, value: number): Expr {
  return { kind: "add", a, b: { kind: "const", value } };
}

const STACK: Expr = { kind: "register", register: RSP };

function push(instruction: IcedInstruction): Effect[] {
  const { OpKind } = iced();
  const value = instruction.op0Kind === OpKind.Memory ? readMemory(instruction) : readOperand(instruction, 0);
  return [
    { to: { register: RSP }, value: plus(STACK, -8) },
    { to: { base: RSP, offset: -8, size: 8 }, value },
  ];
}

function pop(instruction: IcedInstruction): Effect[] {
  const { OpKind } = iced();
  const value: Expr = { kind: "memory", base: RSP, offset: 0, size: 8, signed: false };
  const written =
    instruction.op0Kind === OpKind.Register
      ? writeRegister(instruction.op0Register, value)
      : writeMemory(instruction, UNKNOWN);
  return [{ to: { register: RSP }, value: plus(STACK, 8) }, ...written];
}

function exchange(instruction: IcedInstruction): Effect[] {
  const { OpKind } = iced();
  const isRegisters = instruction.op0Kind === OpKind.Register && instruction.op1Kind === OpKind.Register;
  const a = isRegisters ? readOperand(instruction, 1) : UNKNOWN;
  const b = isRegisters ? readOperand(instruction, 0) : UNKNOWN;
  return [...writeOperand(instruction, 0, a), ...writeOperand(instruction, 1, b)];
}

let factory: InstructionInfoFactory | undefined;

/** Any other instruction: what it writes becomes unknown, by iced's own account of it. */
function generic(instruction: IcedInstruction): Effect[] {
  const { InstructionInfoFactory, Register } = iced();
  factory ??= new InstructionInfoFactory();
  const info = factory.info(instruction);
  const effects: Effect[] = [];
  const registers = info.usedRegisters() as UsedRegister[];
  for (const used of registers) {
    const number = registerNumber(used.register);
    if (number !== undefined && isWrite(used.access))
      effects.push({ to: { register: number }, value: UNKNOWN });
    used.free();
  }
  const memory = info.usedMemory() as UsedMemory[];
  const isOwn = placeOf(instruction).kind === "base" && memory.length === 1;
  for (const used of memory) {
    const isThreadLocal = used.segment === Register.FS || used.segment === Register.GS;
    if (isWrite(used.access) && !isThreadLocal) {
      if (isOwn) effects.push(...writeMemory(instruction, UNKNOWN));
      else effects.push({ to: "memory", value: UNKNOWN });
    }
    used.free();
  }
  info.free();
  return effects;
}

function isWrite(access: OpAccess): boolean {
  const { OpAccess: kinds } = iced();
  return (
    access === kinds.Write ||
    access === kinds.CondWrite ||
    access === kinds.ReadWrite ||
    access === kinds.ReadCondWrite
  );
}
