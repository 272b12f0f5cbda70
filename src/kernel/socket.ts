import { closeSync, readFileSync } from "node:fs";
import { libc } from "./libc.ts";

/** Numbers of the calls made here, by machine; the pidfd calls have the same everywhere. */
const NR =
  process.arch === "arm64" ? { getsockname: 204, getsockopt: 209 } : { getsockname: 51, getsockopt: 55 };
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;

/** socket(7). */
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_PROTOCOL = 38;
const SO_DOMAIN = 39;
/** sizeof(struct sockaddr_storage). */
const ADDRESS_BYTES = 128;

/** What a descriptor's socket is, and where it is bound. */
export interface SocketFacts {
  domain: number;
  type: number;
  protocol: number;
  /** struct sockaddr, as long as the kernel gave it. */
  bound: Buffer;
}

/**
 * The socket behind another process's descriptor, which is taken for a moment (pidfd_getfd(2)). `pid` may be any of its
 * threads. undefined: it is no socket, the process is gone, or its descriptors may not be taken.
 */
export function socketOf(pid: number, fd: number): SocketFacts | undefined {
  const c = libc();
  const leader = leaderOf(pid);
  if (leader === undefined) return undefined;
  const pidfd = c.syscall(PIDFD_OPEN, leader, 0);
  if (pidfd < 0) return undefined;
  let socket = -1;
  try {
    socket = c.syscall(PIDFD_GETFD, pidfd, fd, 0);
    if (socket < 0) return undefined;
    const [domain, type, protocol] = [SO_DOMAIN, SO_TYPE, SO_PROTOCOL].map((name) => option(socket, name));
    if (domain === undefined || type === undefined || protocol === undefined) return undefined;
    return { domain, type, protocol, bound: nameOf(socket) };
  } finally {
    if (socket >= 0) closeSync(socket);
    closeSync(pidfd);
  }
}

/** Only a thread group's leader has a pidfd (before Linux 6.9). */
function leaderOf(pid: number): number | undefined {
  try {
    const found = /^Tgid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
    return found === null ? undefined : Number(found[1]);
  } catch {
    return undefined;
  }
}

function option(socket: number, name: number): number | undefined {
  const value = Buffer.alloc(4);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(4);
  const failed = libc().syscall(NR.getsockopt, socket, SOL_SOCKET, name, value, length) !== 0;
  return failed ? undefined : value.readUInt32LE();
}

function nameOf(socket: number): Buffer {
  const address = Buffer.alloc(ADDRESS_BYTES);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(ADDRESS_BYTES);
  if (libc().syscall(NR.getsockname, socket, address, length) !== 0) return Buffer.alloc(0);
  return address.subarray(0, Math.min(length.readUInt32LE(), ADDRESS_BYTES));
}
