import { CinchError } from "../base/index.ts";
import { errnoName } from "../linux/index.ts";
import { libc } from "./libc.ts";

const PROCESS_VM_READV = process.arch === "arm64" ? 270 : 310;
/** The smallest page there is: what ends at a boundary of these ends at one of a larger page as well. */
const PAGE = 4096;
/** Nearly all paths are shorter. */
const SHORT = 256;

/** Bytes whose address is asked for once, for calls that are made very often. */
export class Memory {
  readonly bytes: Buffer;
  readonly address: bigint;

  constructor(length: number) {
    this.bytes = Buffer.alloc(length);
    this.address = libc().address(this.bytes);
  }
}

/** struct iovec. */
const IOVEC = 16;
let scratch: { bytes: Memory; local: Memory; remote: Memory } | undefined;

/**
 * Up to `length` bytes of another process's memory, at most a page, as many as can be read (process_vm_readv(2)): none if
 * the address is wrong or the process gone. Throws `hidden-memory` if this process may not look, as into a program
 * without read permission.
 */
export function readMemory(pid: number, address: bigint, length: number): Buffer {
  const { bytes, local, remote } = (scratch ??= {
    bytes: new Memory(PAGE),
    local: new Memory(IOVEC),
    remote: new Memory(2 * IOVEC),
  });
  const wanted = Math.min(length, PAGE);
  local.bytes.writeBigUInt64LE(bytes.address, 0);
  local.bytes.writeBigUInt64LE(BigInt(wanted), 8);
  // A transfer ends between pieces, so each page is one: what lies before an unmapped page still comes.
  const first = Math.min(wanted, PAGE - Number(address & BigInt(PAGE - 1)));
  remote.bytes.writeBigUInt64LE(BigInt.asUintN(64, address), 0);
  remote.bytes.writeBigUInt64LE(BigInt(first), 8);
  remote.bytes.writeBigUInt64LE(BigInt.asUintN(64, address + BigInt(first)), IOVEC);
  remote.bytes.writeBigUInt64LE(BigInt(wanted - first), IOVEC + 8);
  const pieces = first < wanted ? 2 : 1;
  const c = libc();
  const read = c.syscall(PROCESS_VM_READV, pid, local.address, 1, remote.address, pieces, 0);
  if (read < 0 && errnoName(c.errno()) === "EPERM")
    throw new CinchError("hidden-memory", `the memory of process ${pid} is hidden from this user`);
  return Buffer.from(bytes.bytes.subarray(0, Math.max(0, read)));
}

/**
 * A string of another process, up to its NUL and at most `limit` bytes. "unreadable": its address is wrong, so the call
 * that it was for fails as well. "too-long": no NUL within the limit.
 */
export function readString(pid: number, address: bigint, limit: number): Buffer | "unreadable" | "too-long" {
  let bytes = readMemory(pid, address, Math.min(SHORT, limit));
  if (!bytes.includes(0) && bytes.length === SHORT && limit > SHORT) bytes = readMemory(pid, address, limit);
  const end = bytes.indexOf(0);
  if (end !== -1) return bytes.subarray(0, end);
  return bytes.length === limit ? "too-long" : "unreadable";
}
