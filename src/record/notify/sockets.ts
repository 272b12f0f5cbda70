import { formatAddress } from "../address.ts";
import { socketOf } from "../../kernel/index.ts";
import { socketDomainName, socketTypeName } from "../../linux/index.ts";
import type { RecordedSocket, SocketOp } from "../../profile/index.ts";
import { readLink } from "./view.ts";

/** Distinct sockets and addresses that are remembered, so that a server's thousands of connections are asked about once. */
const MAX_KNOWN = 20_000;

/** The sockets that were made and used, each use with its address. */
export class Sockets {
  readonly seen = new Map<string, RecordedSocket>();
  #known = new Set<string>();

  /** socket and socketpair: what is made stands in the arguments. */
  created(domain: number, type: number, protocol: number): void {
    this.#add({
      domain: socketDomainName(domain),
      type: socketTypeName(type),
      protocol,
      op: "create",
      address: "",
    });
  }

  /**
   * A call on a descriptor. `name`: the struct sockaddr that it gives; without one the address is that which the socket
   * is bound to, if the call is listen. A socket is known by the kernel's number for it, whichever process uses it.
   */
  used(pid: number, fd: number, op: SocketOp, name: Buffer | undefined): RecordedSocket | undefined {
    const link = readLink(`/proc/${pid}/fd/${fd}`);
    if (link?.startsWith("socket:") !== true) return undefined;
    const given = name === undefined ? undefined : formatAddress(name);
    const key = `${link} ${op} ${given?.address ?? ""}`;
    if (this.#known.has(key)) return undefined;
    const facts = socketOf(pid, fd);
    const bound = op === "listen" && facts !== undefined ? formatAddress(facts.bound).address : "";
    const socket: RecordedSocket = {
      domain: socketDomainName(facts?.domain ?? given?.family ?? 0),
      // 0: it could not be told.
      type: socketTypeName(facts?.type ?? 0),
      protocol: facts?.protocol ?? 0,
      op,
      // Not bound yet: the kernel will choose the port.
      address: given?.address ?? (bound.endsWith(":0") ? "" : bound),
    };
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(key);
    this.#add(socket);
    return socket;
  }

  #add(socket: RecordedSocket): void {
    const { op, domain, type, protocol, address } = socket;
    this.seen.set(`${op} ${domain} ${type} ${protocol} ${address}`, socket);
  }
}
