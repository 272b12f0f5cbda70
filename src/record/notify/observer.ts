import { lstatSync, readlinkSync } from "node:fs";
import { posix } from "node:path";
import { readMemory, type Notification } from "../../kernel/index.ts";
import { errnoName, syscallName } from "../../linux/index.ts";
import type { FileAccess } from "../../profile/index.ts";
import { formatAddress } from "../address.ts";
import { ARGUMENTS, CALLS, type CallSpec, type PathArg } from "../calls.ts";
import { tableOf } from "../ebpf/collect.ts";
import { resolveInside } from "../files.ts";
import { interpreterOf } from "../interpreter.ts";
import type { SeenCall, SeenFile, SeenSocket } from "./messages.ts";

const PATH_MAX = 4096;
const SOCKADDR_MAX = 128;
const AT_FDCWD = -100;
/** Distinct rows of a call's arguments that are kept: as the eBPF recorder, more than make a set one would filter by. */
const MAX_ROWS = 256;

/** Notes what calls are about to do, while their threads wait. Every call is noted before it is made. */
export class Observer {
  readonly calls = new Map<number, SeenCall>();
  readonly files = new Map<string, SeenFile>();
  readonly sockets = new Map<string, SeenSocket>();
  readonly executables = new Set<string>();
  lostStrings = 0;
  #rows = new Set<string>();
  #bound = new Map<string, SeenSocket>();
  #arch: "x86_64" | "aarch64";

  constructor(arch: "x86_64" | "aarch64") {
    this.#arch = arch;
  }

  note(call: Notification, abi: number, nr: number): void {
    const key = abi * 65_536 + nr;
    let seen = this.calls.get(key);
    if (seen === undefined) {
      seen = { abi, nr, rows: [] };
      this.calls.set(key, seen);
    }
    const name = syscallName(tableOf(this.#arch, abi), nr);
    if (name === undefined) return;
    this.#arguments(call, name, seen);
    const spec = CALLS[name];
    if (spec !== undefined) this.#spec(call, spec);
    else if (name === "socket")
      this.#socket({ op: "create", family: int(call, 0), type: int(call, 1), address: "" });
  }

  #arguments(call: Notification, name: string, seen: SeenCall): void {
    const specs = ARGUMENTS[name];
    if (specs === undefined || seen.rows.length >= MAX_ROWS) return;
    const row = specs.map(({ arg, mask, deref }) => {
      const value = deref === true ? readMemory(call.pid, call.args[arg]!, 8) : undefined;
      return (
        (value === undefined ? call.args[arg]! : value.length === 8 ? value.readBigUInt64LE() : 0n) & mask
      );
    });
    const key = `${seen.abi} ${seen.nr} ${row.join(" ")}`;
    if (this.#rows.has(key)) return;
    this.#rows.add(key);
    seen.rows.push(row);
  }

  #spec(call: Notification, spec: CallSpec): void {
    switch (spec.kind) {
      case "open":
        this.#path(
          call,
          spec.path,
          spec.flags === undefined ? [spec.path.access] : openAccess(int(call, spec.flags)),
        );
        break;
      case "path":
        for (const path of spec.paths) this.#path(call, path, [path.access]);
        break;
      case "chdir":
      case "chroot":
        if (spec.path !== undefined) this.#path(call, spec.path, ["stat"]);
        break;
      case "fd": {
        const path = this.#descriptor(call.pid, int(call, spec.fd));
        if (path !== undefined) this.#file(path, [spec.access], call.pid);
        break;
      }
      case "sockaddr":
        this.#address(call, spec.op, spec.address, int(call, spec.length), int(call, spec.fd));
        break;
      case "socket": {
        const bound = this.#bound.get(`${call.pid} ${int(call, spec.fd)}`);
        if (bound !== undefined)
          this.#socket({ ...bound, op: spec.op, address: spec.op === "listen" ? bound.address : "" });
        break;
      }
      default:
        break;
    }
  }

  #address(call: Notification, op: SeenSocket["op"], at: number, length: number, fd: number): void {
    const address = call.args[at]!;
    if (address === 0n || length < 2) return;
    const bytes = readMemory(call.pid, address, Math.min(length, SOCKADDR_MAX));
    if (bytes.length < 2) this.lostStrings += 1;
    else {
      const { family, address: text } = formatAddress(bytes);
      const socket = { op, family, type: 0, address: text };
      this.#socket(socket);
      // By thread and descriptor: listen comes right after bind.
      if (op === "bind") this.#bound.set(`${call.pid} ${fd}`, socket);
    }
  }

  #socket(socket: SeenSocket): void {
    this.sockets.set(JSON.stringify(socket), socket);
  }

  #path(call: Notification, arg: PathArg, access: FileAccess[]): void {
    const bytes = readMemory(call.pid, call.args[arg.arg]!, PATH_MAX);
    const end = bytes.indexOf(0);
    if (end === -1) {
      // A null or wild pointer fails in the call as well.
      if (bytes.length === PATH_MAX) this.lostStrings += 1;
      return;
    }
    const path = bytes.toString("utf8", 0, end);
    if (path === "") return;
    const base = path.startsWith("/") ? "/" : this.#base(call, arg);
    if (base === undefined) return;
    const absolute = posix.join(base, path);
    const executes = access.includes("execute");
    this.#file(absolute, access, call.pid);
    if (executes) this.#execute(absolute);
  }

  #base(call: Notification, arg: PathArg): string | undefined {
    const dirfd = arg.dirfd === undefined ? AT_FDCWD : int(call, arg.dirfd);
    if (dirfd !== AT_FDCWD) return this.#descriptor(call.pid, dirfd);
    return readLink(`/proc/${call.pid}/cwd`);
  }

  #descriptor(pid: number, fd: number): string | undefined {
    const target = readLink(`/proc/${pid}/fd/${fd}`);
    return target?.startsWith("/") ? target : undefined;
  }

  /** The call is still to be made: whether the path is there now tells how it will end, where nothing forbids it. */
  #file(path: string, access: FileAccess[], pid: number): void {
    const real = resolveInside("/", path.replace(/^\/proc\/self(?=\/|$)/, `/proc/${pid}`));
    const key = `${real}\0${access.join()}`;
    if (this.files.has(key)) return;
    const makes = access.includes("create");
    const file: SeenFile = { path: real, access };
    try {
      const stat = lstatSync(real);
      file.type = stat.isDirectory()
        ? "directory"
        : stat.isFile()
          ? "file"
          : stat.isSocket()
            ? "socket"
            : "device";
    } catch (error) {
      const errno = (error as { errno?: number }).errno ?? -2;
      if (!makes) file.errno = errnoName(-errno);
    }
    this.files.set(key, file);
  }

  #execute(path: string): void {
    const real = resolveInside("/", path);
    if (this.executables.has(real)) return;
    const file = this.files.get(`${real}\0execute`);
    if (file?.errno !== undefined) return;
    this.executables.add(real);
    const interpreter = interpreterOf("/", real);
    if (interpreter === undefined) return;
    const loader = resolveInside("/", interpreter);
    this.executables.add(loader);
    this.files.set(`${loader}\0execute,read`, { path: loader, access: ["execute", "read"], type: "file" });
  }
}

function int(call: Notification, place: number): number {
  return Number(BigInt.asIntN(32, call.args[place]!));
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** What an open wants, by its flags (open(2)). */
function openAccess(flags: number): FileAccess[] {
  const [O_PATH, O_CREAT] = [0x20_0000, 0x40];
  if (flags & O_PATH) return ["stat"];
  const access: FileAccess[] = [];
  if ((flags & 3) !== 1) access.push("read");
  if ((flags & 3) !== 0) access.push("write");
  if (flags & O_CREAT) access.push("create");
  return access;
}
