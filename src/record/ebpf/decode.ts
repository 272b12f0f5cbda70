import { Cursor } from "../../base/index.ts";
import { EVENT, HEAD, HEAD_BYTES } from "./abi.ts";

/** A record from the ring, its strings taken apart. Paths are absolute, as seen from the root of the mount namespace. */
export interface TraceRecord {
  kind: keyof typeof EVENT;
  /** 0 native, 1 i386, 2 x32. */
  abi: number;
  state: number;
  nr: number;
  /** 0, or a negative errno. */
  ret: number;
  a: number;
  b: number;
  tgid: number;
  /** exec: the cgroup's name; path: as the caller wrote it; socket: the address, in bytes. */
  string: Buffer;
  /** exec: the file's name as the caller gave it; of a script, its own. */
  filename: Buffer;
  /** What was walked: an opened or executed file, a path's starting directory, a refused caller's executable. */
  walked: string;
  /** refused: the six arguments. */
  args: bigint[];
  /** exec: who it runs as. */
  identity: { uid: number; gid: number; euid: number; egid: number; permitted: bigint } | undefined;
}

const KINDS = new Map<number, keyof typeof EVENT>(
  Object.entries(EVENT).map(([name, value]) => [value, name as keyof typeof EVENT]),
);
const TAIL: Partial<Record<keyof typeof EVENT, number>> = { exec: 24, refused: 48 };

/** Takes a record apart (layout: abi.ts). Throws CinchError `truncated`; undefined for an unknown kind. */
export function decodeRecord(bytes: Buffer): TraceRecord | undefined {
  const head = new Cursor(bytes, "trace record");
  const whole = head.take(HEAD_BYTES);
  const kind = KINDS.get(whole.readUInt8(HEAD.kind));
  if (kind === undefined) return undefined;
  const string = head.take(whole.readUInt16LE(HEAD.stringLength));
  const walked = head.take(head.remaining - (TAIL[kind] ?? 0));
  const tail = head.take(head.remaining);
  return {
    kind,
    abi: whole.readUInt8(HEAD.abi),
    state: whole.readUInt16LE(HEAD.state),
    nr: whole.readUInt32LE(HEAD.nr),
    ret: whole.readInt32LE(HEAD.ret),
    a: whole.readUInt32LE(HEAD.a),
    b: whole.readUInt32LE(HEAD.b),
    tgid: whole.readUInt32LE(HEAD.tgid),
    // Copies: the ring's memory is the kernel's again after this.
    string: Buffer.from(kind === "socket" ? string : withoutNul(string)),
    filename:
      kind === "exec" ? Buffer.from(withoutNul(string.subarray(string.indexOf(0) + 1))) : Buffer.alloc(0),
    walked: joinWalked(walked),
    args: kind === "refused" ? words(tail) : [],
    identity:
      kind === "exec"
        ? {
            uid: tail.readUInt32LE(0),
            gid: tail.readUInt32LE(4),
            euid: tail.readUInt32LE(8),
            egid: tail.readUInt32LE(12),
            permitted: tail.readBigUInt64LE(16),
          }
        : undefined,
  };
}

function withoutNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

function words(tail: Buffer): bigint[] {
  return Array.from({ length: tail.length >> 3 }, (_, i) => tail.readBigUInt64LE(i * 8));
}

/** "nginx\0sbin\0usr\0" → "/usr/sbin/nginx". The root of a file system that is mounted nowhere is named "/". */
function joinWalked(bytes: Buffer): string {
  const parts = bytes.toString("utf8").split("\0");
  parts.pop();
  return `/${parts
    .reverse()
    .filter((part) => part !== "/")
    .join("/")}`;
}
