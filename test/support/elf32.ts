import { chmodSync, writeFileSync } from "node:fs";

/**
 * Writes a static 32-bit x86 program, byte for byte (no 32-bit toolchain is needed): it opens /etc/hostname, asks for its
 * process id, then executes `next` (a 64-bit program), all by int 0x80.
 */
export function writeElf32(path: string, next: string): void {
  const base = 0x0804_8000;
  const header = 52 + 32;
  const strings = Buffer.from(`/etc/hostname\0${next}\0`);
  // mov eax, nr; mov ebx, …; int 0x80 …
  const code = (data: number): Buffer =>
    Buffer.concat([
      mov(0xb8, 5), // open
      mov(0xbb, data),
      mov(0xb9, 0),
      mov(0xba, 0),
      Buffer.from([0xcd, 0x80]),
      mov(0xb8, 20), // getpid
      Buffer.from([0xcd, 0x80]),
      mov(0xb8, 11), // execve(next, [next, NULL], NULL)
      mov(0xbb, data + 14),
      Buffer.from([0x6a, 0x00, 0x53, 0x89, 0xe1]), // push 0; push ebx; mov ecx, esp
      mov(0xba, 0),
      Buffer.from([0xcd, 0x80]),
      mov(0xb8, 1), // exit(3): execve failed
      mov(0xbb, 3),
      Buffer.from([0xcd, 0x80]),
    ]);
  const length = code(0).length;
  const text = code(base + header + length);
  const size = header + text.length + strings.length;
  const elf = Buffer.alloc(header);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  elf.writeUInt16LE(2, 16); // ET_EXEC
  elf.writeUInt16LE(3, 18); // EM_386
  elf.writeUInt32LE(1, 20);
  elf.writeUInt32LE(base + header, 24);
  elf.writeUInt32LE(52, 28);
  elf.writeUInt16LE(52, 40);
  elf.writeUInt16LE(32, 42);
  elf.writeUInt16LE(1, 44);
  elf.writeUInt32LE(1, 52); // PT_LOAD
  elf.writeUInt32LE(base, 60);
  elf.writeUInt32LE(base, 64);
  elf.writeUInt32LE(size, 68);
  elf.writeUInt32LE(size, 72);
  elf.writeUInt32LE(5, 76);
  elf.writeUInt32LE(4096, 80);
  writeFileSync(path, Buffer.concat([elf, text, strings]));
  chmodSync(path, 0o755);
}

function mov(opcode: number, value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt8(opcode);
  bytes.writeUInt32LE(value, 1);
  return bytes;
}
