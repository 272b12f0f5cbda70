import { closeSync } from "node:fs";
import { CinchError, NotSupportedError } from "../../base/index.ts";
import { errnoName } from "../../linux/index.ts";
import { libc } from "../libc.ts";

/** bpf(2): its number, and the commands used here (include/uapi/linux/bpf.h, `enum bpf_cmd`). */
const NR_BPF = process.arch === "arm64" ? 280 : 321;
export const COMMAND = {
  mapCreate: 0,
  mapLookup: 1,
  mapUpdate: 2,
  mapDelete: 3,
  mapNextKey: 4,
  programLoad: 5,
  objectInfo: 15,
  rawTracepointOpen: 17,
  mapLookupBatch: 24,
} as const;

/** A call of bpf(2) that the kernel refused: `errno` by name, "EPERM". */
export class BpfError extends CinchError {
  override readonly name = "BpfError";
  readonly errno: string;

  constructor(what: string, errno: string) {
    super("bpf-refused", `the kernel refused to ${what}: ${errno}`, {
      hint: HINT[errno] ?? "cinch doctor shows what this kernel offers",
      exitCode: errno === "EPERM" || errno === "ENOSYS" || errno === "EACCES" ? 3 : 2,
    });
    this.errno = errno;
  }
}

const HINT: Record<string, string> = {
  EPERM:
    "run as root (CAP_BPF and CAP_PERFMON), or record without eBPF: as another user, with --engine local",
  ENOSYS: "this kernel was built without bpf(2)",
  EINVAL: "the kernel may be too old for this: cinch doctor shows what it offers",
};

/** One bpf(2) call: the result (a descriptor or 0), or -errno. */
export function bpf(command: number, attributes: Buffer): number {
  const c = libc();
  const result = c.syscall(NR_BPF, command, attributes, attributes.length);
  return result < 0 ? -c.errno() : result;
}

/** Like `bpf`, but a failure is a BpfError that says what could not be done. */
export function mustBpf(command: number, attributes: Buffer, what: string): number {
  if (process.platform !== "linux") throw new NotSupportedError("ebpf", "eBPF needs Linux");
  const result = bpf(command, attributes);
  if (result < 0) throw new BpfError(what, errnoName(-result));
  return result;
}

/** A descriptor that is closed when its scope ends. What bpf(2) gives is closed on exec by itself. */
export class Descriptor implements Disposable {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get fd(): number {
    if (this.#fd < 0) throw new RangeError("the descriptor was closed");
    return this.#fd;
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}
