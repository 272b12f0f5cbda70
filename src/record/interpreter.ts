import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { Cursor } from "../base/index.ts";
import { resolveInside } from "./files.ts";

/** Program headers lie at the start of a file: 64 KiB hold a thousand of them. */
const HEAD_BYTES = 64 * 1024;
const PT_INTERP = 3;
/** PATH_MAX. */
const MAX_PATH = 4096;

/**
 * The interpreter that the kernel loads for an executable (PT_INTERP: ld.so), or undefined for a static one, a script,
 * or a file that cannot be read or is no ELF. `root` is the folder that the path starts from.
 */
export function interpreterOf(root: string, path: string): string | undefined {
  let bytes: Buffer;
  try {
    const fd = openSync(join(root, resolveInside(root, path)), "r");
    try {
      bytes = Buffer.alloc(HEAD_BYTES);
      bytes = bytes.subarray(0, readSync(fd, bytes, 0, HEAD_BYTES, 0));
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
  try {
    return parseInterpreter(bytes);
  } catch {
    return undefined;
  }
}

/** PT_INTERP of an ELF file's first bytes (elf(5)). Throws CinchError `truncated` where the headers end too early. */
export function parseInterpreter(bytes: Buffer): string | undefined {
  const elf = new Cursor(bytes, "ELF header");
  if (elf.remaining < 20 || elf.u32() !== 0x464c_457f) return undefined;
  const is64 = elf.u8() === 2;
  if (elf.u8() !== 1) return undefined;
  elf.offset = is64 ? 32 : 28;
  const table = is64 ? Number(elf.u64()) : elf.u32();
  elf.offset = is64 ? 54 : 42;
  const size = elf.u16();
  const count = elf.u16();
  for (let i = 0; i < count; i += 1) {
    elf.offset = table + i * size;
    if (elf.u32() !== PT_INTERP) continue;
    elf.offset = table + i * size + (is64 ? 8 : 4);
    const offset = is64 ? Number(elf.u64()) : elf.u32();
    return elf.stringAt(offset, MAX_PATH);
  }
  return undefined;
}
