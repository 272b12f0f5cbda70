import { type Notification, privilegeOf, readMemory, readString } from "../../kernel/index.ts";
import { decisiveArguments, syscallName } from "../../linux/index.ts";
import type { SocketOp } from "../../profile/index.ts";
import { CALLS, type CallSpec, type PathArg } from "../calls.ts";
import { tableOf } from "../ebpf/collect.ts";
import { openFlags, pathIntent } from "./intent.ts";
import type { SeenCall, SeenFile } from "./messages.ts";
import { type Outcome, followsLink, foreseeOpen, foreseePath } from "./outcome.ts";
import { successorOf } from "./programs.ts";
import { Sockets } from "./sockets.ts";
import { type SeenPath, View } from "./view.ts";

const PATH_MAX = 4096;
/** sizeof(struct sockaddr_storage). */
const SOCKADDR_MAX = 128;
const AT_FDCWD = -100;
/** Distinct rows of a call's arguments that are kept: as the eBPF recorder, more than make a set one would filter by. */
const MAX_ROWS = 256;
/** Distinct paths that are kept: ten times what a large build reads; each takes some 200 bytes. */
const MAX_FILES = 200_000;
/** Scripts whose interpreter is a script: the kernel's own limit is 5 (exec_binprm). */
const MAX_SCRIPTS = 5;
/** Calls after which a process may see other files by the same name. clone: those with CLONE_NEWNS or CLONE_NEWUSER. */
const MOVES = new Set(["chroot", "pivot_root", "setns", "unshare", "mount", "move_mount"]);
const CLONES = new Set(["clone", "clone3"]);
const NAMESPACES = 0x1002_0000n;

/** Notes what calls are about to do, while their threads wait. Every call is noted before it is made. */
export class Observer {
  readonly calls = new Map<number, SeenCall>();
  readonly files = new Map<string, SeenFile>();
  readonly sockets = new Sockets();
  readonly executables = new Set<string>();
  /** Programs that would have gained privilege, with what kind of it. */
  readonly privileged = new Map<string, string>();
  lostStrings = 0;
  #rows = new Set<string>();
  #view = new View();
  #arch: "x86_64" | "aarch64";
  #isValid: (id: bigint) => boolean;

  /** `isValid`: whether a call still waits, so that what was read was its own. */
  constructor(arch: "x86_64" | "aarch64", isValid: (id: bigint) => boolean) {
    this.#arch = arch;
    this.#isValid = isValid;
  }

  note(call: Notification, abi: number, nr: number): void {
    const key = abi * 65_536 + nr;
    let seen = this.calls.get(key);
    if (seen === undefined) {
      seen = { abi, nr, count: 0, rows: [] };
      this.calls.set(key, seen);
    }
    seen.count += 1;
    const name = syscallName(tableOf(this.#arch, abi), nr);
    if (name === undefined) return;
    const row = this.#arguments(call, name, seen);
    const spec = CALLS[name];
    if (spec !== undefined) this.#spec(call, abi, name, spec);
    else if (name === "socket" || name === "socketpair")
      this.sockets.created(int(call, 0), int(call, 1), int(call, 2));
    if (MOVES.has(name) || (CLONES.has(name) && (row![0]! & NAMESPACES) !== 0n)) this.#view.moved();
  }

  #arguments(call: Notification, name: string, seen: SeenCall): bigint[] | undefined {
    const specs = decisiveArguments[name];
    if (specs === undefined) return undefined;
    const row = specs.map(({ arg, mask, deref }) => {
      if (deref !== true) return call.args[arg]! & mask;
      const value = readMemory(call.pid, call.args[arg]!, 8);
      return value.length === 8 ? value.readBigUInt64LE() & mask : 0n;
    });
    if (seen.rows.length >= MAX_ROWS) return row;
    const key = `${seen.abi} ${seen.nr} ${row.join(" ")}`;
    if (!this.#rows.has(key) && this.#isValid(call.id)) {
      this.#rows.add(key);
      seen.rows.push(row);
    }
    return row;
  }

  #spec(call: Notification, abi: number, name: string, spec: CallSpec): void {
    switch (spec.kind) {
      case "open":
        this.#open(call, name, spec.path);
        break;
      case "path":
        for (const path of spec.paths) this.#path(call, name, path);
        break;
      case "chdir":
      case "chroot":
        if (spec.path !== undefined) this.#path(call, name, spec.path);
        break;
      case "fd": {
        const seen = this.#view.file(call.pid, int(call, spec.fd));
        if (seen !== undefined && this.#isValid(call.id))
          this.#file(seen, foreseePath(seen.here, spec.access, false));
        break;
      }
      case "sockaddr": {
        const given = this.#address(call, call.args[spec.address]!, int(call, spec.length));
        if (given !== undefined) this.#socket(call, int(call, spec.fd), spec.op, given);
        break;
      }
      case "message": {
        const given = this.#message(call, call.args[spec.message]!, abi);
        if (given !== undefined) this.#socket(call, int(call, spec.fd), spec.op, given);
        break;
      }
      case "socket":
        this.#socket(call, int(call, spec.fd), spec.op, undefined);
        break;
    }
  }

  /** A struct sockaddr of the caller; undefined where it gives none. */
  #address(call: Notification, at: bigint, length: number): Buffer | undefined {
    if (at === 0n || length < 2) return undefined;
    const bytes = readMemory(call.pid, at, Math.min(length, SOCKADDR_MAX));
    return bytes.length < 2 ? undefined : bytes;
  }

  /** The address in a struct msghdr: a pointer and a length, the first two members. */
  #message(call: Notification, at: bigint, abi: number): Buffer | undefined {
    const isWide = abi === 0;
    const head = readMemory(call.pid, at, isWide ? 12 : 8);
    if (head.length < (isWide ? 12 : 8)) return undefined;
    const name = isWide ? head.readBigUInt64LE() : BigInt(head.readUInt32LE());
    return this.#address(call, name, head.readInt32LE(isWide ? 8 : 4));
  }

  #socket(call: Notification, fd: number, op: SocketOp, name: Buffer | undefined): void {
    if (!this.#isValid(call.id)) return;
    const socket = this.sockets.used(call.pid, fd, op, name);
    if (socket?.domain !== "AF_UNIX" || op === "listen" || op === "accept") return;
    const { address } = socket;
    if (address === "" || address.startsWith("@")) return;
    const seen = this.#view.resolve(call.pid, address, { follow: op !== "bind" });
    if (seen === undefined) return;
    const outcome = foreseePath(seen.here, op === "bind" ? "create" : "write", true);
    this.#file(seen, { ...outcome, type: "socket" });
  }

  #open(call: Notification, name: string, arg: PathArg): void {
    const path = this.#string(call, arg);
    if (path === undefined) return;
    const flags = openFlags(name, call);
    if (flags === undefined) {
      this.#path(call, name, arg);
      return;
    }
    const seen = this.#resolve(call, path, dirfd(call, arg), followsLink(flags));
    if (seen !== undefined) this.#file(seen, foreseeOpen(seen.here, flags));
  }

  #path(call: Notification, name: string, arg: PathArg): void {
    const path = this.#string(call, arg);
    if (path === undefined) return;
    const { follows, isFresh } = pathIntent(name, arg, call);
    const from = dirfd(call, arg);
    // fstat and its like by their newer names.
    if (path === "" && (from === undefined || arg.access === "stat")) return;
    const isLookedAt = arg.access === "stat";
    const seen = this.#resolve(call, path, from, follows && !isLookedAt);
    if (seen === undefined) return;
    let outcome = foreseePath(seen.here, arg.access, isFresh);
    // Looking goes by the name it was asked by, and by what is behind it.
    if (isLookedAt && follows && outcome.errno === undefined && outcome.type === undefined) {
      const behind = this.#view.resolve(call.pid, path, { dirfd: from, follow: true });
      if (behind !== undefined) outcome = foreseePath(behind.here, arg.access, false);
    }
    this.#file(seen, outcome);
    if (arg.access === "execute" && outcome.errno === undefined) this.#execute(call, seen);
  }

  #resolve(
    call: Notification,
    path: string,
    from: number | undefined,
    follow: boolean,
  ): SeenPath | undefined {
    const seen = this.#view.resolve(call.pid, path, { dirfd: from, follow });
    if (!this.#isValid(call.id)) return undefined;
    // Every process has a working folder; that of one that hides its memory is hidden as well.
    if (seen === undefined && from === undefined && !path.startsWith("/")) this.lostStrings += 1;
    return seen;
  }

  /** A path argument; undefined where it is none: then the call fails. futimens(3) has none and means its descriptor. */
  #string(call: Notification, arg: PathArg): string | undefined {
    if (call.args[arg.arg] === 0n) return dirfd(call, arg) === undefined ? undefined : "";
    const bytes = readString(call.pid, call.args[arg.arg]!, PATH_MAX);
    return typeof bytes === "string" ? undefined : bytes.toString("utf8");
  }

  #file(seen: SeenPath, outcome: Outcome): void {
    const { access, errno, type } = outcome;
    const path = outcome.path === undefined ? seen.real : `${seen.real}/${outcome.path}`;
    // With the outcome: what was missing at first may be there later.
    const key = `${path}\0${access.join()}\0${errno ?? ""}`;
    if (this.files.has(key)) return;
    if (this.files.size >= MAX_FILES) this.lostStrings += 1;
    else
      this.files.set(key, {
        path,
        access,
        ...(errno !== undefined && { errno }),
        ...(type !== undefined && { type }),
      });
  }

  /** What the kernel will load for a program: its loader, or the interpreter of a script with its own. */
  #execute(call: Notification, program: SeenPath): void {
    let at = program;
    for (let scripts = 0; scripts <= MAX_SCRIPTS; scripts += 1) {
      if (this.executables.has(at.real)) return;
      this.executables.add(at.real);
      const privilege = privilegeOf(at.here);
      if (privilege !== undefined) this.privileged.set(at.real, privilege);
      const successor = successorOf(at.here);
      if (successor === undefined) return;
      const next = this.#view.resolve(call.pid, successor.path, { follow: true });
      if (next === undefined) return;
      if (successor.kind === "loader") {
        this.executables.add(next.real);
        this.#file(next, { access: ["execute", "read"], type: "file" });
        return;
      }
      this.#file(next, { access: ["execute"], type: "file" });
      at = next;
    }
  }
}

/** Where a relative path starts; undefined: from the working folder. */
function dirfd(call: Notification, arg: PathArg): number | undefined {
  const fd = arg.dirfd === undefined ? AT_FDCWD : int(call, arg.dirfd);
  return fd === AT_FDCWD ? undefined : fd;
}

function int(call: Notification, place: number): number {
  return Number(BigInt.asIntN(32, call.args[place]!));
}
