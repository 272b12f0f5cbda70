import { CinchError } from "../base/index.ts";
import { ClassicAssembler, SECCOMP_OFFSET, SECCOMP_RETURN, encodeClassic } from "../bpf/index.ts";
import { errnoName } from "../linux/index.ts";
import { libc } from "./libc.ts";

/** Numbers of the calls made here, by machine. */
const NR =
  process.arch === "arm64"
    ? { ioctl: 29, ppoll: 73, process_vm_readv: 270 }
    : { ioctl: 16, ppoll: 271, process_vm_readv: 310 };

/** ioctl(2) requests of a listener, and sizes of what they take (include/uapi/linux/seccomp.h). */
const RECV = 0xc050_2100;
const SEND = 0xc018_2101;
const ID_VALID = 0x4008_2102;
const NOTIFICATION_BYTES = 80;
const RESPONSE_BYTES = 24;
const FLAG_CONTINUE = 1;
const POLLIN = 1;
const PAGE = 4096;

/** A system call that waits for our answer. */
export interface Notification {
  id: bigint;
  /** The thread that made it. */
  pid: number;
  nr: number;
  /** AUDIT_ARCH_*: tells i386 calls. */
  arch: number;
  args: bigint[];
}

/**
 * A filter that hands every call to us except these, which pass unseen: the hot ones, for which a round trip would
 * cost too much. Calls by other conventions than the machine's own are all handed over.
 */
export function notifyFilter(nativeArch: number, pass: readonly number[]): Uint8Array {
  const program = new ClassicAssembler();
  program.load(SECCOMP_OFFSET.arch).jump("eq", nativeArch, "native").return(SECCOMP_RETURN.notify);
  program.label("native").load(SECCOMP_OFFSET.nr);
  for (const nr of pass) program.jump("eq", nr, "allow");
  program.return(SECCOMP_RETURN.notify).label("allow").return(SECCOMP_RETURN.allow);
  return encodeClassic(program.assemble());
}

/** The supervisor's end of a filter with SECCOMP_RET_USER_NOTIF. All calls block the thread: use it in a worker. */
export class Listener {
  readonly fd: number;
  #notification = Buffer.alloc(NOTIFICATION_BYTES);
  #response = Buffer.alloc(RESPONSE_BYTES);
  #poll = Buffer.alloc(8);
  #timeout = Buffer.alloc(16);

  constructor(fd: number) {
    this.fd = fd;
    this.#poll.writeInt32LE(fd, 0);
    this.#poll.writeUInt16LE(POLLIN, 4);
  }

  /** Waits for a call: it, or "none" after `ms`, or "over" once no process is left under the filter. */
  receive(ms: number): Notification | "none" | "over" {
    const c = libc();
    this.#timeout.writeBigInt64LE(BigInt(Math.floor(ms / 1000)), 0);
    this.#timeout.writeBigInt64LE(BigInt((ms % 1000) * 1_000_000), 8);
    this.#poll.writeUInt16LE(0, 6);
    const ready = c.syscall(NR.ppoll, this.#poll, 1, this.#timeout, 0, 0);
    if (ready < 0) {
      if (errnoName(c.errno()) === "EINTR") return "none";
      throw new CinchError("notify", `ppoll: ${errnoName(c.errno())}`);
    }
    const events = this.#poll.readUInt16LE(6);
    if (ready === 0) return "none";
    // POLLHUP alone: the last of them is gone.
    if ((events & POLLIN) === 0) return "over";
    // The kernel demands zeros.
    this.#notification.fill(0);
    if (c.syscall(NR.ioctl, this.fd, RECV, this.#notification) < 0) {
      const errno = errnoName(c.errno());
      // The thread was killed before we looked.
      if (errno === "ENOENT" || errno === "EINTR") return "none";
      throw new CinchError("notify", `receiving a notification: ${errno}`);
    }
    const n = this.#notification;
    return {
      id: n.readBigUInt64LE(0),
      pid: n.readUInt32LE(8),
      nr: n.readInt32LE(16),
      arch: n.readUInt32LE(20),
      args: [0, 1, 2, 3, 4, 5].map((i) => n.readBigUInt64LE(32 + 8 * i)),
    };
  }

  /** Whether the call still waits: what was read of its memory before is then really its own. */
  isValid(id: bigint): boolean {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(id);
    return libc().syscall(NR.ioctl, this.fd, ID_VALID, bytes) === 0;
  }

  /** Lets the kernel make the call, or answers with an errno. A thread that is gone meanwhile is no error. */
  answer(id: bigint, errno?: number): void {
    const response = this.#response.fill(0);
    response.writeBigUInt64LE(id, 0);
    if (errno === undefined) response.writeUInt32LE(FLAG_CONTINUE, 20);
    else response.writeInt32LE(-errno, 16);
    libc().syscall(NR.ioctl, this.fd, SEND, response);
  }
}

/** Up to `length` bytes of another process's memory, as many as can be read (process_vm_readv(2)); empty if none. */
export function readMemory(pid: number, address: bigint, length: number): Buffer {
  const c = libc();
  const bytes = Buffer.alloc(length);
  const local = Buffer.alloc(16);
  local.writeBigUInt64LE(c.address(bytes), 0);
  local.writeBigUInt64LE(BigInt(length), 8);
  // A transfer ends between pieces, so each page is one: what lies before an unmapped page still comes.
  const pieces: Buffer[] = [];
  for (let done = 0; done < length;) {
    const at = address + BigInt(done);
    const size = Math.min(length - done, PAGE - Number(at & BigInt(PAGE - 1)));
    const piece = Buffer.alloc(16);
    piece.writeBigUInt64LE(BigInt.asUintN(64, at), 0);
    piece.writeBigUInt64LE(BigInt(size), 8);
    pieces.push(piece);
    done += size;
  }
  const remote = Buffer.concat(pieces);
  const read = c.syscall(NR.process_vm_readv, pid, local, 1, remote, pieces.length, 0);
  return bytes.subarray(0, Math.max(0, read));
}
