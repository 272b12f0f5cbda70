import type { Instruction, InstructionInfoFactory } from "iced-x86";
import { iced } from "./iced.ts";

/** What the scan makes of an instruction, by its form (iced's `Code`), so that one look-up decides. */
export const FORM = {
  plain: 0,
  padding: 1,
  call: 2,
  jump: 3,
  branch: 4,
  callThrough: 5,
  jumpThrough: 6,
  returns: 7,
  syscall: 8,
  foreign: 9,
  stop: 10,
  invalid: 11,
  lea: 12,
} as const;

let table: Uint8Array | undefined;

/** `FORM` by iced's `Code`. */
export function forms(): Uint8Array {
  return (table ??= makeForms());
}

function makeForms(): Uint8Array {
  const names = Object.entries(iced().Code).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  const made = new Uint8Array(Math.max(...names.map(([, code]) => code)) + 1);
  for (const [name, code] of names) made[code] = formOf(name);
  return made;
}

function formOf(name: string): number {
  if (/^(Nop[wdq]|Nop_rm\d\d|Int3|Endbr64)$/.test(name)) return FORM.padding;
  if (name.startsWith("Call_rel")) return FORM.call;
  if (name.startsWith("Jmp_rel")) return FORM.jump;
  if (/^(J[a-z]+_rel|Loop[a-z]*_rel|Xbegin_rel)/.test(name)) return FORM.branch;
  if (name.startsWith("Call_")) return FORM.callThrough;
  if (name.startsWith("Jmp_")) return FORM.jumpThrough;
  if (/^Ret[nf]/.test(name)) return FORM.returns;
  if (name === "Syscall") return FORM.syscall;
  if (name === "Int_imm8" || name === "Sysenter") return FORM.foreign;
  if (/^(Ud[012](_|$)|Hlt$)/.test(name)) return FORM.stop;
  // Privileged, or gone in 64-bit mode: no user program executes them, data that looks like code has them.
  if (
    /^(INVALID|In_|Out_|Ins[bwd]_|Outs[bwd]_|Cli|Sti|Iret|Wrmsr|Rdmsr|Lgdt|Lidt|Sysret|Sysexit|Jmpe_|Into|Int1$)/.test(
      name,
    )
  )
    return FORM.invalid;
  if (name.startsWith("Lea_")) return FORM.lea;
  return FORM.plain;
}

export interface MemoryUse {
  reads: boolean;
  writes: boolean;
  /** Bytes; 0 where it has none of its own (prefetch, fxsave). */
  size: number;
}

const uses = new Map<number, MemoryUse>();
let factory: InstructionInfoFactory | undefined;

/** How an instruction uses its memory operand; looked up once for each form and size. */
export function memoryUse(instruction: Instruction): MemoryUse {
  const { InstructionInfoFactory, MemorySizeExt, OpAccess, OpKind } = iced();
  const key = instruction.code * 1024 + instruction.memorySize;
  let use = uses.get(key);
  if (use === undefined) {
    factory ??= new InstructionInfoFactory();
    const info = factory.info(instruction);
    let access = OpAccess.None;
    for (let operand = 0; operand < instruction.opCount; operand += 1)
      if (instruction.opKind(operand) >= OpKind.MemorySegSI) access = info.opAccess(operand);
    info.free();
    use = {
      reads: access !== OpAccess.Write && access !== OpAccess.CondWrite && access !== OpAccess.NoMemAccess,
      writes:
        access === OpAccess.Write ||
        access === OpAccess.CondWrite ||
        access === OpAccess.ReadWrite ||
        access === OpAccess.ReadCondWrite,
      size: MemorySizeExt.size(instruction.memorySize),
    };
    uses.set(key, use);
  }
  return use;
}

export type IcedInstruction = Instruction;
