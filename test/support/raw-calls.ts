import { chmodSync, writeFileSync } from "node:fs";

/** A system call of x86_64: its number and arguments; a text is passed by address. */
export interface RawCall {
  nr: number;
  args: (number | bigint | string)[];
}

const BASE = 0x40_0000;
const HEADER = 64 + 56;
const WRITE = 1;
const EXIT_GROUP = 231;

/**
 * Writes a static x86_64 program, byte for byte: it makes the calls one after the other, writes their results to
 * standard output as 64-bit numbers (`readResults`), and exits with 0. It makes no other call, so that it runs where
 * nothing else is: in an image of its own, under any filter that lets it write and exit.
 */
export function writeRawCalls(path: string, calls: readonly RawCall[]): void {
  const texts = Buffer.from(
    calls.flatMap(({ args }) => args.filter((arg) => typeof arg === "string")).join("\0") + "\0",
  );
  // The code's length does not depend on the addresses in it.
  const length = code(calls, 0, 0).length;
  const textsAt = BASE + HEADER + length;
  const resultsAt = (textsAt + texts.length + 15) & ~15;
  const file = HEADER + length + texts.length;
  const elf = Buffer.alloc(HEADER);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  elf.writeUInt16LE(2, 16); // ET_EXEC
  elf.writeUInt16LE(62, 18); // EM_X86_64
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(BigInt(BASE + HEADER), 24);
  elf.writeBigUInt64LE(64n, 32);
  elf.writeUInt16LE(64, 52);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt32LE(1, 64); // PT_LOAD
  elf.writeUInt32LE(7, 68); // read, write, execute
  elf.writeBigUInt64LE(BigInt(BASE), 80);
  elf.writeBigUInt64LE(BigInt(BASE), 88);
  elf.writeBigUInt64LE(BigInt(file), 96);
  elf.writeBigUInt64LE(BigInt(resultsAt + calls.length * 8 - BASE), 104);
  elf.writeBigUInt64LE(4096n, 112);
  writeFileSync(path, Buffer.concat([elf, code(calls, textsAt, resultsAt), texts]));
  chmodSync(path, 0o755);
}

/** What the program wrote: the error number of each call, 0 for those that succeeded. */
export function readResults(output: Buffer, calls: readonly RawCall[]): number[] {
  if (output.length !== calls.length * 8) {
    throw new Error(`the program wrote ${output.length} bytes: ${output.toString("latin1").slice(0, 2000)}`);
  }
  return calls.map((_, i) => {
    const result = output.readBigInt64LE(i * 8);
    return result < 0n && result >= -4095n ? Number(-result) : 0;
  });
}

function code(calls: readonly RawCall[], textsAt: number, resultsAt: number): Buffer {
  let text = textsAt;
  const parts: Buffer[] = [];
  const call = (nr: number, args: (number | bigint)[]): void => {
    const registers = [0xbf48, 0xbe48, 0xba48, 0xba49, 0xb849, 0xb949]; // movabs to rdi, rsi, rdx, r10, r8, r9
    parts.push(movabs(0xb848, BigInt(nr)));
    for (const [i, register] of registers.entries()) parts.push(movabs(register, BigInt(args[i] ?? 0)));
    parts.push(Buffer.from([0x0f, 0x05]));
  };
  for (const [i, { nr, args }] of calls.entries()) {
    const words = args.map((arg) => {
      if (typeof arg !== "string") return arg;
      const at = text;
      text += Buffer.byteLength(arg) + 1;
      return at;
    });
    call(nr, words);
    parts.push(movabs(0xa348, BigInt(resultsAt + i * 8))); // mov [address], rax
  }
  call(WRITE, [1, resultsAt, calls.length * 8]);
  call(EXIT_GROUP, [0]);
  return Buffer.concat(parts);
}

function movabs(opcode: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.writeUInt16LE(opcode);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value), 2);
  return bytes;
}
