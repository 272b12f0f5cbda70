import { createRequire } from "node:module";
import { NotSupportedError } from "../base/index.ts";

/** Anything that a system call takes: integers, or a Buffer, passed by address. */
export type SyscallArg = number | bigint | Buffer;

/** The few functions of the C library that cinch calls, through koffi. */
export interface Libc {
  /** syscall(2): the result, or -1 with `errno()` set. Buffers are passed by address and must outlive the kernel's use. */
  syscall(nr: number, ...args: SyscallArg[]): number;
  mmap(length: number, protection: number, flags: number, fd: number, offset: number): bigint;
  munmap(address: bigint, length: number): void;
  /** errno of the last call on this thread: read it right after the call. */
  errno(): number;
  /** Memory at an address as an ArrayBuffer, without a copy. Touching it after munmap ends the process. */
  view(address: bigint, length: number): ArrayBuffer;
  /** The address of a buffer's bytes; hold a reference to it for as long as the kernel uses it. */
  address(buffer: Buffer): bigint;
}

let loaded: Libc | undefined;

/**
 * The C library of the running process. Loaded at the first call, so that everything that needs no kernel (derive,
 * emit, diff) works where koffi has no binary. Throws NotSupportedError.
 */
export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

function load(): Libc {
  let koffi: typeof import("koffi");
  try {
    koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
  } catch (cause) {
    throw new NotSupportedError(
      "koffi",
      `cannot load the native part of koffi on ${process.platform}/${process.arch}`,
      {
        cause,
        hint: "run npm ci on this machine; system calls need Linux on x86_64 or aarch64",
      },
    );
  }
  // null: the symbols of the running process, the same on glibc and musl.
  const process_ = koffi.load(null);
  // Not declared variadic: on x86-64 and arm64 Linux the calling convention for integers is the same.
  const call = process_.func("long syscall(long, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t)");
  const mmap = process_.func("void *mmap(void *, size_t, int, int, int, int64_t)");
  const munmap = process_.func("int munmap(int64_t, size_t)");
  const address = (buffer: Buffer): bigint => koffi.address(buffer);
  const words = (args: SyscallArg[]): (number | bigint)[] => {
    const out: (number | bigint)[] = [0, 0, 0, 0, 0, 0];
    for (const [i, arg] of args.entries()) out[i] = Buffer.isBuffer(arg) ? address(arg) : arg;
    return out;
  };
  return {
    syscall: (nr, ...args) => Number(call(nr, ...words(args))),
    mmap: (length, protection, flags, fd, offset) => {
      const result = mmap(null, length, protection, flags, fd, offset) as bigint;
      return BigInt.asIntN(64, result);
    },
    munmap: (at, length) => void munmap(at, length),
    errno: () => koffi.errno(),
    view: (at, length) => koffi.view(at, length),
    address,
  };
}
