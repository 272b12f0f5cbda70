import type { RecordedSocket } from "./model.ts";

/** "AF_INET SOCK_STREAM"; undefined where a recorder could not tell the type (it says 0, or nothing). */
export function socketName({ domain, type }: { domain: string; type: string }): string | undefined {
  return /^AF_\w+$/.test(domain) && /^SOCK_(?!0$)\w+$/.test(type) ? `${domain} ${type}` : undefined;
}

const TRANSPORT: Record<string, string> = {
  SOCK_STREAM: "tcp",
  SOCK_DGRAM: "udp",
  SOCK_SEQPACKET: "seqpacket",
};

/**
 * A socket's address in a profile: "tcp:6379", "udp:53", "unix:/run/x.sock", "unix:@name". Hosts are left out: which
 * address a container has is the engine's business. undefined where there is nothing to name: no address, port 0 (any
 * free port), or a domain without ports.
 */
function addressOf(socket: RecordedSocket): string | undefined {
  if (socket.address === "") return undefined;
  if (socket.domain === "AF_UNIX") return `unix:${socket.address}`;
  const port = /:(\d+)$/.exec(socket.address)?.[1];
  const transport = TRANSPORT[socket.type];
  return port === undefined || port === "0" || transport === undefined ? undefined : `${transport}:${port}`;
}

/** What is listened on: a stream's listen, or a datagram socket's bind to a named port. */
export function listenAddress(socket: RecordedSocket): string | undefined {
  const waits =
    socket.op === "listen" ||
    (socket.op === "bind" && (socket.type === "SOCK_DGRAM" || socket.domain === "AF_UNIX"));
  return waits ? addressOf(socket) : undefined;
}

/** What is connected or sent to. */
export function connectAddress(socket: RecordedSocket): string | undefined {
  return socket.op === "connect" || socket.op === "send" ? addressOf(socket) : undefined;
}
