import { posix } from "node:path";
import type { Abi, FileAccess, Note, PhaseName, RecordedFile, RecordedSocket } from "../../profile/index.ts";
import { constants, errnoName, socketDomainName, socketTypeName } from "../../linux/index.ts";
import { formatAddress } from "../address.ts";
import { CALLS } from "../calls.ts";
import { FileSet, resolveInside } from "../files.ts";
import { interpreterOf } from "../interpreter.ts";
import { FMODE, PHASE, SLOT_SHIFT } from "./abi.ts";
import { ABIS, nameOf, phaseName } from "./collect.ts";
import type { TraceRecord } from "./decode.ts";

/** A call that was answered EPERM, EACCES or ENOSYS. A filter's answer and the kernel's look alike here. */
export interface RefusedCall {
  name: string;
  nr: number;
  abi: Abi;
  phase: PhaseName;
  errno: string;
  args: bigint[];
  executable: string;
}

/** Gathers the records of one slot as they come: files, executables, sockets, refusals. */
export class Assembly {
  readonly files: FileSet;
  readonly executables = new Set<string>();
  readonly refused: RefusedCall[] = [];
  readonly notes = new Map<string, Note>();
  /** State of an exec phase → the program it began with. */
  readonly labels = new Map<number, string>();
  user: { uid: number; gid: number } | undefined;
  #sockets = new Map<string, RecordedSocket>();
  #bound = new Map<string, string>();
  #relativeScripts: string[] = [];
  #arch: "x86_64" | "aarch64";
  #root: () => string | undefined;

  /** `root` gives the folder that the target sees as /, while it is there. */
  constructor(arch: "x86_64" | "aarch64", root: () => string | undefined) {
    this.#arch = arch;
    this.#root = root;
    this.files = new FileSet(root);
  }

  add(record: TraceRecord): void {
    if (record.kind === "exec") {
      this.#exec(record);
      return;
    }
    const name = nameOf(this.#arch, record.abi, record.nr);
    const phase = record.state & 15;
    if (record.kind === "refused") {
      this.refused.push({
        name,
        nr: record.nr,
        abi: ABIS[record.abi] ?? "native",
        phase: phaseName(phase),
        errno: errnoName(-record.ret),
        args: record.args,
        executable: record.walked,
      });
      return;
    }
    if (phase < PHASE.app) return;
    if (record.kind === "socket") this.#socket(record, name);
    else if (record.kind === "open")
      this.files.add(record.walked, openedFor(record.a), { type: typeOf(record.b) });
    else if (record.kind === "fd") this.#descriptor(record, name);
    else this.#path(record, name);
  }

  sockets(): RecordedSocket[] {
    return [...this.#sockets.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, socket]) => socket);
  }

  addSocket(socket: RecordedSocket): void {
    this.#sockets.set(
      `${socket.op} ${socket.domain} ${socket.type} ${socket.protocol} ${socket.address}`,
      socket,
    );
  }

  #exec(record: TraceRecord): void {
    const phase = record.state & 15;
    this.executables.add(record.walked);
    this.files.add(record.walked, ["execute"], { type: "file" });
    this.#script(record);
    const root = this.#root();
    const interpreter = root === undefined ? undefined : interpreterOf(root, record.walked);
    if (root !== undefined && interpreter !== undefined) {
      // The kernel opens it by itself, whatever links lead there.
      const real = resolveInside(root, interpreter);
      this.files.add(real, ["execute", "read"], { type: "file" });
      this.executables.add(real);
    }
    if (phase >= PHASE.exec && !this.labels.has(record.state)) this.labels.set(record.state, record.walked);
    const who = record.identity;
    if (who === undefined) return;
    if (phase === PHASE.app) this.user ??= { uid: who.uid, gid: who.gid };
    if (who.uid !== who.euid || who.gid !== who.egid) {
      this.#note(
        "setuid-exec",
        `${record.walked} gained privileges when it was executed (set-user-ID or set-group-ID)`,
      );
    }
  }

  /**
   * A script is executed as well as its interpreter, which is what the kernel ends up with. Its name is the caller's: if
   * it is relative, the interpreter's own opening of it tells where it lies.
   */
  #script(record: TraceRecord): void {
    const name = record.filename.toString("utf8");
    const root = this.#root();
    if (name === "" || root === undefined || /^\/dev\/fd\/\d+/.test(name)) return;
    if (!name.startsWith("/")) {
      this.#relativeScripts.push(posix.normalize(name));
      return;
    }
    const real = resolveInside(root, name);
    if (real !== record.walked) this.files.add(real, ["execute"], { type: "file" });
  }

  /** Once all is read: scripts that were executed by a relative name. */
  finish(): void {
    for (const name of this.#relativeScripts) {
      for (const path of this.files.readEndingIn(`/${name.replace(/^(\.\.\/)+/, "")}`)) {
        this.files.add(path, ["execute"], { type: "file" });
      }
    }
  }

  #descriptor(record: TraceRecord, name: string): void {
    const type = typeOf(record.b);
    // Pipes and sockets have no path.
    if (type === undefined || type === "fifo" || type === "socket") return;
    const spec = CALLS[name];
    this.files.add(record.walked, [spec?.kind === "fd" ? spec.access : "stat"], { type });
  }

  #path(record: TraceRecord, name: string): void {
    const spec = CALLS[name];
    if (spec === undefined) return;
    const string = record.string.toString("utf8");
    const path = string.startsWith("/")
      ? posix.join(record.walked, string)
      : posix.join(record.walked, "/", string);
    const errno = record.ret < 0 ? errnoName(-record.ret) : undefined;
    let access: readonly FileAccess[];
    if (spec.kind === "path")
      access = [(spec.paths[record.kind === "path2" ? 1 : 0] ?? spec.paths[0]).access];
    else if (spec.kind === "open")
      access = spec.flags === undefined ? [spec.path.access] : wantedBy(record.a);
    else access = ["stat"];
    this.files.add(path, access, { errno, resolve: true });
  }

  #socket(record: TraceRecord, name: string): void {
    const spec = CALLS[name];
    if (spec === undefined || !("op" in spec)) return;
    const { family, address } = formatAddress(record.string);
    const domain = record.a & 0xffff || family;
    // In progress is how a connection of a non-blocking socket begins.
    const failed = record.ret < 0 && errnoName(-record.ret) !== "EINPROGRESS";
    if (failed && spec.op !== "connect" && spec.op !== "send") return;
    const socket: RecordedSocket = {
      domain: socketDomainName(domain),
      type: socketTypeName(record.a >>> 16),
      protocol: record.b & 0xffff,
      op: spec.op,
      address,
    };
    const port = record.b >>> 16;
    if (spec.op === "bind") {
      if (port !== 0) this.#bound.set(`${domain}:${port}`, address);
    } else if (spec.op === "listen" && port !== 0) {
      const { AF_INET, AF_INET6 } = constants.AF;
      const any = domain === AF_INET6 ? `[::]:${port}` : domain === AF_INET ? `0.0.0.0:${port}` : "";
      socket.address = this.#bound.get(`${domain}:${port}`) ?? any;
    }
    this.addSocket(socket);
    if (address.startsWith("/")) {
      this.files.add(address, [spec.op === "bind" ? "create" : "write"], {
        type: "socket",
        errno: failed ? errnoName(-record.ret) : undefined,
        resolve: true,
      });
    }
  }

  #note(code: string, text: string): void {
    this.notes.set(`${code} ${text}`, { code, text });
  }
}

/** From f_mode, which the kernel sets: what the descriptor can be used for. */
function openedFor(mode: number): FileAccess[] {
  const access: FileAccess[] = [];
  if (mode & FMODE.read) access.push("read");
  if (mode & FMODE.write) access.push("write");
  if (mode & FMODE.created) access.push("create");
  return access.length === 0 ? ["stat"] : access;
}

/** From open's flags: what a call that failed wanted (O_ACCMODE, O_CREAT, O_PATH: the same on x86 and arm64). */
function wantedBy(flags: number): FileAccess[] {
  const O_PATH = 0x20_0000;
  const O_CREAT = 0x40;
  if (flags & O_PATH) return ["stat"];
  const access: FileAccess[] = [];
  if ((flags & 3) !== 1) access.push("read");
  if ((flags & 3) !== 0) access.push("write");
  if (flags & O_CREAT) access.push("create");
  return access;
}

/** From i_mode's S_IFMT (inode(7)). */
function typeOf(mode: number): RecordedFile["type"] {
  switch (mode & 0xf000) {
    case 0x8000:
      return "file";
    case 0x4000:
      return "directory";
    case 0x2000:
    case 0x6000:
      return "device";
    case 0x1000:
      return "fifo";
    case 0xc000:
      return "socket";
    default:
      return undefined;
  }
}

/** The slot of a state. */
export function slotOf(state: number): number {
  return (state >> SLOT_SHIFT) & 31;
}
