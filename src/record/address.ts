/**
 * A socket address in the text that profiles use: "127.0.0.1:80", "[::1]:80", "/run/x.sock", "@abstract"; "" where
 * there is nothing to say (unnamed, or a domain without addresses one would filter by). `bytes` is a struct sockaddr
 * as the caller gave it: it may be short or wrong.
 */
export function formatAddress(bytes: Buffer): { family: number; address: string } {
  if (bytes.length < 2) return { family: 0, address: "" };
  const family = bytes.readUInt16LE(0);
  const AF_UNIX = 1;
  const AF_INET = 2;
  const AF_INET6 = 10;
  if (family === AF_INET && bytes.length >= 8) {
    return { family, address: `${[...bytes.subarray(4, 8)].join(".")}:${bytes.readUInt16BE(2)}` };
  }
  if (family === AF_INET6 && bytes.length >= 24) {
    return { family, address: `[${formatIpv6(bytes.subarray(8, 24))}]:${bytes.readUInt16BE(2)}` };
  }
  if (family === AF_UNIX && bytes.length > 2) {
    const name = bytes.subarray(2);
    if (name[0] === 0) return { family, address: `@${name.toString("latin1", 1).replace(/\0+$/, "")}` };
    const end = name.indexOf(0);
    return { family, address: name.toString("utf8", 0, end === -1 ? name.length : end) };
  }
  return { family, address: "" };
}

/** RFC 5952: lower case, no leading zeros, the longest run of zero groups (two or more) shortened. */
function formatIpv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2));
  const mapped = groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff;
  if (mapped) return `::ffff:${[...bytes.subarray(12)].join(".")}`;
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at += 1) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length += 1;
    if (length > best.length) best = { at, length };
    at += length;
  }
  const text = (part: number[]): string => part.map((g) => g.toString(16)).join(":");
  if (best.at === -1) return text(groups);
  return `${text(groups.slice(0, best.at))}::${text(groups.slice(best.at + best.length))}`;
}
