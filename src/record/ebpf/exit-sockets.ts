import type { Assembler } from "../../bpf/index.ts";
import { EVENT, HEAD, HEAD_BYTES, SPEC } from "./abi.ts";
import { NEXT, argument, fileOf, result } from "./exit-pieces.ts";
import { SCRATCH, STACK, type Target, beginRecord, readKernel } from "./pieces.ts";

/** struct sockaddr_storage. */
const SOCKADDR_BYTES = 128;

/** Addresses of bind, connect, sendto and sendmsg, and what kind of socket they and listen and accept were called on. */
export function sockets(a: Assembler, target: Target): void {
  a.label("message");
  // struct msghdr: name pointer, then its length.
  argument(a, "r3", SPEC.path, "refusals");
  a.mov("r1", "r10").alu("add", "r1", STACK.read).mov("r2", 16).call("probe_read_user");
  a.jump("ne", "r0", 0, "refusals");
  a.load("u64", "r3", "r10", STACK.read).load("u32", "r4", "r10", STACK.read + 8);
  a.goto("address");

  a.label("sockaddr");
  argument(a, "r3", SPEC.path, "refusals");
  argument(a, "r4", SPEC.extra, "refusals");
  a.label("address");
  a.jump("eq", "r3", 0, "refusals");
  a.jump("le", "r4", SOCKADDR_BYTES, "address.fits");
  a.mov("r4", SOCKADDR_BYTES);
  a.label("address.fits");
  a.jump("lt", "r4", 2, "refusals");
  a.store("u64", "r10", STACK.place, "r3").store("u64", "r10", STACK.count, "r4");
  beginRecord(a, EVENT.socket);
  result(a);
  a.load("u64", "r3", "r10", STACK.place).load("u64", "r2", "r10", STACK.count);
  a.jump("gt", "r2", SOCKADDR_BYTES, "refusals");
  a.jump("lt", "r2", 2, "refusals");
  a.mov("r1", "r6").alu("add", "r1", HEAD_BYTES).call("probe_read_user");
  a.jump("ne", "r0", 0, "refusals");
  // libc passes the whole struct sockaddr_un: behind a path's NUL is whatever lay on the stack.
  a.load("u16", "r1", "r6", HEAD_BYTES);
  const AF_UNIX = 1;
  a.jump("ne", "r1", AF_UNIX, "address.whole");
  a.load("u8", "r1", "r6", HEAD_BYTES + 2);
  a.jump("eq", "r1", 0, "address.whole");
  a.mov("r1", "r6")
    .alu("add", "r1", HEAD_BYTES + 2)
    .mov("r2", SOCKADDR_BYTES - 2);
  a.load("u64", "r3", "r10", STACK.place).alu("add", "r3", 2).call("probe_read_user_str");
  a.jump("sle", "r0", 0, "address.whole");
  a.jump("gt", "r0", SOCKADDR_BYTES - 2, "address.whole");
  a.alu("add", "r0", 2).store("u64", "r10", STACK.count, "r0");
  a.label("address.whole");
  a.load("u64", "r2", "r10", STACK.count).store("u16", "r6", HEAD.stringLength, "r2");
  a.jump("gt", "r2", SOCKADDR_BYTES, "refusals");
  a.alu("add", "r2", HEAD_BYTES).store("u64", "r6", SCRATCH.length, "r2");
  a.goto("socket.kind");

  a.label("socket");
  beginRecord(a, EVENT.socket);
  result(a);
  a.label("socket.kind");
  argument(a, "r2", SPEC.dirfd, "refusals");
  socketKind(a, target);
  a.store("u64", "r10", STACK.next, NEXT.refusals);
  a.goto("send");
}

/** The record's a = family | type << 16, b = protocol | local port << 16, of the socket behind descriptor r2. */
function socketKind(a: Assembler, target: Target): void {
  const { layout } = target;
  const unknown = a.fresh("nosocket");
  fileOf(a, target, unknown);
  a.load("u64", "r9", "r10", STACK.place);
  // Descriptors of other things have other private data: only a socket's inode says so.
  readKernel(a, 8, "r9", layout.file.inode);
  a.load("u64", "r7", "r10", STACK.read);
  readKernel(a, 2, "r7", layout.inodeMode);
  a.load("u16", "r1", "r10", STACK.read).alu("and", "r1", 0xf000);
  const S_IFSOCK = 0xc000;
  a.jump("ne", "r1", S_IFSOCK, unknown);
  readKernel(a, 8, "r9", layout.file.data);
  a.load("u64", "r9", "r10", STACK.read);
  readKernel(a, 2, "r9", layout.socket.type);
  a.load("u16", "r1", "r10", STACK.read).store("u16", "r6", HEAD.a + 2, "r1");
  readKernel(a, 8, "r9", layout.socket.sk);
  a.load("u64", "r9", "r10", STACK.read);
  readKernel(a, 2, "r9", layout.sock.family);
  a.load("u16", "r1", "r10", STACK.read).store("u16", "r6", HEAD.a, "r1");
  readKernel(a, 2, "r9", layout.sock.protocol);
  a.load("u16", "r1", "r10", STACK.read).store("u16", "r6", HEAD.b, "r1");
  readKernel(a, 2, "r9", layout.sock.num);
  a.load("u16", "r1", "r10", STACK.read).store("u16", "r6", HEAD.b + 2, "r1");
  a.label(unknown);
}
