import { CinchError } from "../base/index.ts";
import { hex, type Memory } from "./memory.ts";
import type { Elf, Segment } from "./model.ts";

export interface Header extends Pick<Elf, "machine" | "machineNumber" | "bits" | "type" | "entry"> {
  programHeaders: { offset: number; count: number };
  sectionHeaders: { offset: number; count: number; entrySize: number; names: number };
}

const HEADER_SIZE = 64;
export const SEGMENT_SIZE = 56;
/** The kernel reads at most this much of a program header table (load_elf_phdrs in fs/binfmt_elf.c). */
const MAX_SEGMENT_TABLE = 65536;

const MACHINES: Record<number, Elf["machine"]> = { 3: "i386", 62: "x86_64", 183: "aarch64" };

/** Whether the bytes begin as an ELF file does. */
export function isElf(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46
  );
}

/** The file header (System V gABI, chapter 4), with only what is the same in both classes for 32 bits. */
export function parseHeader(memory: Memory): Header {
  const { bytes, name } = memory;
  if (!isElf(bytes)) {
    const found = Buffer.from(bytes.subarray(0, 4)).toString("hex");
    throw new CinchError("not-elf", `${name} is no ELF file: it starts with "${found}", expected "7f454c46"`);
  }
  memory.need(0, 52, "the ELF header");
  const [bits, order] = [bytes[4], bytes[5]];
  if (bits !== 1 && bits !== 2) memory.malformed(`the class in the ELF header is ${bits}, expected 1 or 2`);
  if (order === 2)
    throw new CinchError(
      "elf-unsupported",
      `${name} is big-endian; little-endian files for x86_64 and aarch64 are read`,
    );
  if (order !== 1) memory.malformed(`the byte order in the ELF header is ${order}, expected 1 or 2`);
  const type = memory.u16(16);
  const machineNumber = memory.u16(18);
  const known = {
    // x32 has the machine of x86_64 in files of 32 bits.
    machine: bits === 1 && machineNumber === 62 ? ("other" as const) : (MACHINES[machineNumber] ?? "other"),
    machineNumber,
    type: type === 2 ? ("executable" as const) : type === 3 ? ("shared" as const) : ("other" as const),
  };
  const none = { offset: 0, count: 0 };
  if (bits === 1)
    return {
      ...known,
      bits: 32,
      entry: memory.u32(24),
      programHeaders: none,
      sectionHeaders: { ...none, entrySize: 0, names: 0 },
    };
  memory.need(0, HEADER_SIZE, "the ELF header");
  const programHeaders = { offset: memory.u64(32), count: memory.u16(56) };
  if (programHeaders.count > 0) {
    const size = memory.u16(54);
    if (size !== SEGMENT_SIZE)
      memory.malformed(`program headers have ${size} bytes, expected ${SEGMENT_SIZE}`);
    if (programHeaders.count * SEGMENT_SIZE > MAX_SEGMENT_TABLE)
      memory.malformed(`it has ${programHeaders.count} program headers, more than Linux reads`);
    memory.need(programHeaders.offset, programHeaders.count * SEGMENT_SIZE, "the program header table");
  }
  return {
    ...known,
    bits: 64,
    entry: memory.u64(24),
    programHeaders,
    sectionHeaders: {
      offset: memory.u64(40),
      entrySize: memory.u16(58),
      count: memory.u16(60),
      names: memory.u16(62),
    },
  };
}

const SEGMENT_KINDS: Record<number, string> = {
  1: "load",
  2: "dynamic",
  3: "interp",
  4: "note",
  6: "headers",
  7: "tls",
  0x6474e550: "eh-frame",
  0x6474e551: "stack",
  0x6474e552: "relro",
  0x6474e553: "property",
};

/** The program headers. Segments that are loaded must be in the file, below 2^53. */
export function parseSegments(memory: Memory, { programHeaders }: Header): Segment[] {
  return Array.from({ length: programHeaders.count }, (_, i) => {
    const at = programHeaders.offset + i * SEGMENT_SIZE;
    const [type, flags] = [memory.u32(at), memory.u32(at + 4)];
    const segment = {
      kind: SEGMENT_KINDS[type] ?? hex(type),
      flags: { read: (flags & 4) !== 0, write: (flags & 2) !== 0, execute: (flags & 1) !== 0 },
      offset: memory.u64(at + 8),
      address: memory.u64(at + 16),
      fileSize: memory.u64(at + 32),
      memorySize: memory.u64(at + 40),
    };
    if (segment.kind === "load") {
      if (segment.address + segment.memorySize > Number.MAX_SAFE_INTEGER)
        memory.malformed(`segment ${i} ends at ${hex(segment.address + segment.memorySize)}, above 2^53`);
      if (segment.fileSize > segment.memorySize)
        memory.malformed(
          `segment ${i} has ${segment.fileSize} bytes in the file, but ${segment.memorySize} in memory`,
        );
      memory.need(segment.offset, segment.fileSize, `segment ${i}`);
    }
    return segment;
  });
}
