import { type Machine, type Step, assembleSteps } from "./machine.ts";

/** Where the file is mapped: the usual place of programs with a fixed address. */
const BASE = 0x40_0000;
const HEADERS = 64 + 56;

/**
 * A static ELF executable that makes these steps: one segment, read and execute, code and data behind the headers
 * (elf(5)). It uses no memory but the stack the kernel gives it.
 */
export function launcherElf(machine: Machine, steps: readonly Step[]): Buffer {
  // The code's length does not depend on where its data lies: the first pass measures it.
  const length = assembleSteps(machine, steps, 0).code.length;
  const codeEnd = Math.ceil((HEADERS + length) / 8) * 8;
  const { code, data } = assembleSteps(machine, steps, BASE + codeEnd);
  const size = codeEnd + data.length;
  const elf = Buffer.alloc(size);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  elf.writeUInt16LE(2, 16); // ET_EXEC
  elf.writeUInt16LE(machine === "x64" ? 62 : 183, 18);
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(BigInt(BASE + HEADERS), 24);
  elf.writeBigUInt64LE(64n, 32);
  elf.writeUInt16LE(64, 52);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt32LE(1, 64); // PT_LOAD
  elf.writeUInt32LE(5, 68); // read, execute
  elf.writeBigUInt64LE(BigInt(BASE), 80);
  elf.writeBigUInt64LE(BigInt(BASE), 88);
  elf.writeBigUInt64LE(BigInt(size), 96);
  elf.writeBigUInt64LE(BigInt(size), 104);
  // 64 KiB: the largest page of arm64.
  elf.writeBigUInt64LE(0x1_0000n, 112);
  code.copy(elf, HEADERS);
  data.copy(elf, codeEnd);
  return elf;
}
