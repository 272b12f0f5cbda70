import { CinchError } from "../base/index.ts";
import {
  ClassicAssembler,
  SECCOMP_OFFSET,
  SECCOMP_RETURN,
  argumentOffset,
  encodeClassic,
} from "../bpf/index.ts";
import { errnoName } from "../linux/index.ts";
import { libc } from "./libc.ts";
import { Memory } from "./memory.ts";

/** Numbers of the calls made here, by machine. */
const NR = process.arch === "arm64" ? { ioctl: 29, ppoll: 73 } : { ioctl: 16, ppoll: 271 };

/** ioctl(2) requests of a listener, and sizes of what they take (include/uapi/linux/seccomp.h). */
const RECV = 0xc050_2100;
const SEND = 0xc018_2101;
const ID_VALID = 0x4008_2102;
const SET_FLAGS = 0x4008_2104;
const NOTIFICATION_BYTES = 80;
const RESPONSE_BYTES = 24;
const FLAG_CONTINUE = 1;
/** SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP. */
const SYNC_WAKE_UP = 1;
const POLLIN = 1;

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

/** A call that a filter lets pass; with `nullArgument` only if that argument is a null pointer. */
export interface PassedCall {
  nr: number;
  nullArgument?: number;
}

/**
 * A filter that hands every call to us except these, which pass unseen: the hot ones, for which a round trip would
 * cost too much. Calls by other conventions than the machine's own are all handed over.
 */
export function notifyFilter(nativeArch: number, pass: readonly PassedCall[]): Uint8Array {
  const program = new ClassicAssembler();
  program.load(SECCOMP_OFFSET.arch).jump("eq", nativeArch, "native").return(SECCOMP_RETURN.notify);
  program.label("native").load(SECCOMP_OFFSET.nr);
  for (const { nr, nullArgument } of pass)
    program.jump("eq", nr, nullArgument === undefined ? "allow" : `argument ${nullArgument}`);
  program.return(SECCOMP_RETURN.notify);
  for (const place of new Set(pass.flatMap(({ nullArgument }) => nullArgument ?? []))) {
    const high = program.fresh("high");
    program.label(`argument ${place}`).load(argumentOffset(place, "low")).jump("eq", 0, high);
    program.return(SECCOMP_RETURN.notify);
    program.label(high).load(argumentOffset(place, "high")).jump("eq", 0, "allow");
    program.return(SECCOMP_RETURN.notify);
  }
  program.label("allow").return(SECCOMP_RETURN.allow);
  return encodeClassic(program.assemble());
}

/** The supervisor's end of a filter with SECCOMP_RET_USER_NOTIF. All calls block the thread: use it in a worker. */
export class Listener {
  readonly fd: number;
  #notification = new Memory(NOTIFICATION_BYTES);
  #response = new Memory(RESPONSE_BYTES);
  #poll = new Memory(8);
  #timeout = new Memory(16);
  #id = new Memory(8);

  constructor(fd: number) {
    this.fd = fd;
    // Linux 6.6: whoever waits for the answer is woken at once and on this CPU. Without it all is the same, but slower.
    libc().syscall(NR.ioctl, fd, SET_FLAGS, SYNC_WAKE_UP);
    this.#poll.bytes.writeInt32LE(fd, 0);
    this.#poll.bytes.writeUInt16LE(POLLIN, 4);
  }

  /** Waits for a call: it, or "none" after `ms`, or "over" once no process is left under the filter. */
  receive(ms: number): Notification | "none" | "over" {
    const c = libc();
    this.#timeout.bytes.writeBigInt64LE(BigInt(Math.floor(ms / 1000)), 0);
    this.#timeout.bytes.writeBigInt64LE(BigInt((ms % 1000) * 1_000_000), 8);
    this.#poll.bytes.writeUInt16LE(0, 6);
    const ready = c.syscall(NR.ppoll, this.#poll.address, 1, this.#timeout.address, 0, 0);
    if (ready < 0) {
      if (errnoName(c.errno()) === "EINTR") return "none";
      throw new CinchError("notify", `ppoll: ${errnoName(c.errno())}`);
    }
    const events = this.#poll.bytes.readUInt16LE(6);
    if (ready === 0) return "none";
    // POLLHUP alone: the last of them is gone.
    if ((events & POLLIN) === 0) return "over";
    // The kernel demands zeros.
    this.#notification.bytes.fill(0);
    if (c.syscall(NR.ioctl, this.fd, RECV, this.#notification.address) < 0) {
      const errno = errnoName(c.errno());
      // The thread was killed before we looked.
      if (errno === "ENOENT" || errno === "EINTR") return "none";
      throw new CinchError("notify", `receiving a notification: ${errno}`);
    }
    const n = this.#notification.bytes;
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
    this.#id.bytes.writeBigUInt64LE(id);
    return libc().syscall(NR.ioctl, this.fd, ID_VALID, this.#id.address) === 0;
  }

  /** Lets the kernel make the call, or answers with an errno. A thread that is gone meanwhile is no error. */
  answer(id: bigint, errno?: number): void {
    const response = this.#response.bytes.fill(0);
    response.writeBigUInt64LE(id, 0);
    if (errno === undefined) response.writeUInt32LE(FLAG_CONTINUE, 20);
    else response.writeInt32LE(-errno, 16);
    const c = libc();
    if (c.syscall(NR.ioctl, this.fd, SEND, this.#response.address) === 0) return;
    const reason = errnoName(c.errno());
    if (reason !== "ENOENT") throw new CinchError("notify", `answering a notification: ${reason}`);
  }
}
