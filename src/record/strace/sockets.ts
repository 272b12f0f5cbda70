import { isIPv4, isIPv6 } from "node:net";
import type { RecordedSocket } from "../../profile/index.ts";
import { constants, socketDomainName, socketTypeName } from "../../linux/index.ts";
import { formatAddress } from "../address.ts";
import { CALLS } from "../calls.ts";
import { type Call, parseBytes, parseDescriptor, parseString } from "./call.ts";
import type { FileEffects } from "./files.ts";
import type { Process, SocketState } from "./process.ts";
import { SOCK_CLOEXEC, evaluate, hasFlag } from "./values.ts";

/** -yy: what a socket's annotation tells of it. */
const ANNOTATIONS: readonly [prefix: string, domain: string, type: string, protocol: number][] = [
  ["TCP:", "AF_INET", "SOCK_STREAM", 6],
  ["TCPv6:", "AF_INET6", "SOCK_STREAM", 6],
  ["UDP:", "AF_INET", "SOCK_DGRAM", 17],
  ["UDPv6:", "AF_INET6", "SOCK_DGRAM", 17],
  ["UNIX-STREAM:", "AF_UNIX", "SOCK_STREAM", 0],
  ["UNIX-DGRAM:", "AF_UNIX", "SOCK_DGRAM", 0],
  ["UNIX-SEQPACKET:", "AF_UNIX", "SOCK_SEQPACKET", 0],
];

/** Gathers what a log's calls did with sockets. */
export class SocketEffects {
  #sockets = new Map<string, RecordedSocket>();
  #files: FileEffects;
  /** Uses of sockets whose kind the log does not tell. */
  lost = 0;

  constructor(files: FileEffects) {
    this.#files = files;
  }

  sockets(): RecordedSocket[] {
    return [...this.#sockets].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, socket]) => socket);
  }

  apply(process: Process, call: Call): void {
    if (call.name === "socket" || call.name === "socketpair") {
      this.#create(process, call);
      return;
    }
    const spec = CALLS[call.name];
    if (spec?.kind !== "sockaddr" && spec?.kind !== "socket" && spec?.kind !== "message") return;
    // In progress is how a connection of a non-blocking socket begins.
    const failed = call.errno !== undefined && call.errno !== "EINPROGRESS";
    if (failed && spec.op !== "connect" && spec.op !== "send") return;

    const text =
      spec.kind === "sockaddr"
        ? call.args[spec.address]
        : spec.kind === "message"
          ? call.args[spec.message]
          : undefined;
    const address = text === undefined ? undefined : parseAddress(text);
    // Sending without an address goes where connect led.
    if (spec.op === "send" && address === undefined) return;
    const socket = this.#socketOf(process, call.args[spec.fd] ?? "", address?.domain);
    if (socket === undefined) {
      this.lost++;
      return;
    }
    if (spec.op === "accept") this.#accepted(process, call, socket);
    if (spec.op === "bind") socket.bound = address?.address ?? "";
    this.#add(
      socket,
      spec.op,
      spec.op === "listen" ? socket.bound : spec.op === "accept" ? "" : (address?.address ?? ""),
    );
    if (address?.domain === "AF_UNIX" && address.address !== "" && !address.address.startsWith("@")) {
      this.#files.useText(process, address.address, [spec.op === "bind" ? "create" : "write"], {
        errno: failed ? call.errno : undefined,
        ...(!failed && { type: "socket" }),
      });
    }
  }

  #create(process: Process, call: Call): void {
    if (call.errno !== undefined) return;
    const [domain, type, protocol] = [
      evaluate(call.args[0] ?? "", ["AF"]),
      evaluate(call.args[1] ?? "", ["SOCK"]),
      evaluate(call.args[2] ?? "", ["ipproto", "netlink", "ethertype"]),
    ];
    if (domain === undefined || type === undefined) {
      this.lost++;
      return;
    }
    const state: SocketState = {
      domain: socketDomainName(Number(domain)),
      type: socketTypeName(Number(type)),
      protocol: Number(protocol ?? 0n),
      bound: "",
    };
    this.#add(state, "create", "");
    // The kernel turns 0 into the usual protocol of the type (inet_create).
    if (state.protocol === 0 && (state.domain === "AF_INET" || state.domain === "AF_INET6")) {
      const { IPPROTO_TCP, IPPROTO_UDP } = constants.ipproto;
      state.protocol =
        state.type === "SOCK_STREAM" ? IPPROTO_TCP : state.type === "SOCK_DGRAM" ? IPPROTO_UDP : 0;
    }
    const closeOnExec = hasFlag(call.args[1], SOCK_CLOEXEC);
    const fds =
      call.name === "socket"
        ? [call.ret]
        : [...(call.args[3] ?? "").matchAll(/(?:^\[|, )(\d{1,9})/g)].map(([, fd]) => Number(fd));
    for (const fd of fds)
      if (fd !== undefined) process.descriptors.set(fd, { socket: { ...state }, closeOnExec });
  }

  #accepted(process: Process, call: Call, listening: SocketState): void {
    if (call.ret === undefined) return;
    const closeOnExec = hasFlag(call.args[3], SOCK_CLOEXEC);
    process.descriptors.set(call.ret, { socket: { ...listening }, closeOnExec });
  }

  #socketOf(process: Process, argument: string, domain: string | undefined): SocketState | undefined {
    const descriptor = parseDescriptor(argument);
    if (descriptor === undefined) return undefined;
    const known = process.descriptors.get(descriptor.fd)?.socket;
    if (known !== undefined) return known;
    const told = ANNOTATIONS.find(([prefix]) => descriptor.annotation?.startsWith(prefix));
    if (told === undefined) return undefined;
    const [, family, type, protocol] = told;
    if (domain !== undefined && domain !== family && domain !== "AF_UNSPEC") return undefined;
    // "TCP:[127.0.0.1:80]", of a socket that only listens.
    const local = /^[^[]+:\[((?:[\d.]+|\[[0-9a-f:.]+\]):\d+)\]$/.exec(descriptor.annotation!)?.[1] ?? "";
    const state: SocketState = { domain: family, type, protocol, bound: local };
    process.descriptors.set(descriptor.fd, { socket: state, closeOnExec: false });
    return state;
  }

  #add(state: SocketState, op: RecordedSocket["op"], address: string): void {
    const { domain, type, protocol } = state;
    this.#sockets.set(`${op} ${domain} ${type} ${protocol} ${address}`, {
      domain,
      type,
      protocol,
      op,
      address,
    });
  }
}

/** In place of a value strace -X raw shows the bytes in memory, -X verbose both. */
const STRING = /"(?:[^"\\]|\\.)*"/.source;
const FAMILY =
  /^(?:\{msg_name=)?\{sa_family=(AF_[A-Z0-9]+|0x[0-9a-f]{1,4}|\d{1,5})(?: \/\* AF_[A-Z0-9]+ \*\/)?(?:, )?/;
const PORT = new RegExp(`^sin6?_port=(?:htons\\((\\d{1,5})\\)|(${STRING}))`);
const HOST = new RegExp(`(?:inet_addr\\(|inet_pton\\(AF_INET6, )("[0-9a-f.:]{1,45}")|sin6?_addr=(${STRING})`);

/**
 * strace's `{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}`, also inside a msghdr's msg_name,
 * in the form that recordings use. undefined: there is none.
 */
export function parseAddress(text: string): { domain: string; address: string } | undefined {
  const start = FAMILY.exec(text);
  if (!start) return undefined;
  const family = Number(evaluate(start[1]!, ["AF"]) ?? 0n);
  const domain = socketDomainName(family);
  const rest = text.slice(start[0].length);
  const { AF_UNIX, AF_INET, AF_INET6 } = constants.AF;
  if (family === AF_UNIX) {
    const path = /^sun_path=(@?)(?=")/.exec(rest);
    const name = path && parseString(rest.slice(path[0].length));
    return { domain, address: name && path ? `${path[1]}${name.value}` : "" };
  }
  if (family !== AF_INET && family !== AF_INET6) return { domain, address: "" };
  // The same structure that a tracer of the kernel would find, so that it reads the same.
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(family, 0);
  const port = PORT.exec(rest);
  const host = HOST.exec(rest);
  const hostBytes =
    host?.[1] === undefined ? host?.[2] && parseBytes(host[2]) : addressBytes(host[1].slice(1, -1));
  if (!port || !hostBytes || hostBytes.length !== (family === AF_INET ? 4 : 16))
    return { domain, address: "" };
  if (port[1] === undefined) parseBytes(port[2]!)?.copy(bytes, 2, 0, 2);
  else bytes.writeUInt16BE(Number(port[1]) & 0xffff, 2);
  hostBytes.copy(bytes, family === AF_INET ? 4 : 8);
  return { domain, address: formatAddress(bytes).address };
}

/** The bytes of an IP address in text; undefined for other text. */
function addressBytes(text: string): Buffer | undefined {
  if (isIPv4(text)) return Buffer.from(text.split(".").map(Number));
  if (!isIPv6(text)) return undefined;
  const bytes = Buffer.alloc(16);
  // "::ffff:1.2.3.4" ends with an IPv4 address.
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const four = tail ? addressBytes(tail[2]!)! : undefined;
  const plain = tail ? `${tail[1]}${four!.toString("hex", 0, 2)}:${four!.toString("hex", 2, 4)}` : text;
  const [front, back] = plain.split("::").map((half) => half.split(":").filter((group) => group !== ""));
  front!.forEach((group, at) => bytes.writeUInt16BE(Number.parseInt(group, 16), at * 2));
  back?.toReversed().forEach((group, at) => bytes.writeUInt16BE(Number.parseInt(group, 16), 14 - at * 2));
  return bytes;
}
