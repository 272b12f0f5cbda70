import { CinchError } from "../../base/index.ts";

/** Everything in a tar archive is a multiple of this. */
export const BLOCK = 512;

/** Type flags that have a meaning here (tar(5), "POSIX ustar Archives" and "GNU Tar Archives"). */
export const TYPES = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
  contiguous: "7",
  paxNext: "x",
  paxGlobal: "g",
  gnuName: "L",
  gnuLink: "K",
} as const;

/** One header block, as it is written: longer names and numbers may stand in records before it. */
export interface TarHeader {
  name: string;
  link: string;
  type: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
}

/**
 * A header block; undefined for a block of zeros, which ends an archive. `where` names the archive and the offset, for
 * messages. Throws `bad-tar` for a wrong checksum or number.
 */
export function parseHeader(block: Buffer, where: string): TarHeader | undefined {
  const sum = checksum(block);
  if (sum === EMPTY_SUM && block.every((byte) => byte === 0)) return undefined;
  const written = number(block, 148, 8, "checksum", where);
  if (written !== sum) {
    throw new CinchError("bad-tar", `${where}: the header's checksum is ${written}, its bytes give ${sum}`, {
      hint: "is this a tar archive, and was it copied whole?",
    });
  }
  const type = block[156] === 0 ? TYPES.file : String.fromCharCode(block[156]!);
  const name = text(block, 0, 100);
  // GNU's own format has times where POSIX has the beginning of the name.
  const prefix = block.toString("latin1", 257, 263) === "ustar\0" ? text(block, 345, 155) : "";
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    link: text(block, 157, 100),
    // Archives from before POSIX mark folders by their names alone.
    type: type === TYPES.file && name.endsWith("/") ? TYPES.directory : type,
    mode: number(block, 100, 8, "mode", where) & 0o7777,
    uid: number(block, 108, 8, "user", where),
    gid: number(block, 116, 8, "group", where),
    size: number(block, 124, 12, "size", where),
  };
}

/** The text of a name. Bytes that are not UTF-8 are kept apart as \xHH, so that two names never become one. */
export function nameOf(bytes: Buffer): string {
  const plain = bytes.toString("utf8");
  if (!plain.includes("\ufffd")) return plain;
  if (Buffer.from(plain).equals(bytes)) return plain;
  return bytes
    .toString("latin1")
    .replaceAll(/[\x80-\xff]/g, (char) => String.raw`\x${char.charCodeAt(0).toString(16)}`);
}

/** The checksum of a block of zeros: its own field counts as eight blanks. */
const EMPTY_SUM = 8 * 0x20;

function checksum(block: Buffer): number {
  let sum = EMPTY_SUM;
  for (let i = 0; i < 148; i++) sum += block[i]!;
  for (let i = 156; i < BLOCK; i++) sum += block[i]!;
  return sum;
}

function text(block: Buffer, from: number, length: number): string {
  const field = block.subarray(from, from + length);
  const end = field.indexOf(0);
  return nameOf(end === -1 ? field : field.subarray(0, end));
}

/** Octal digits, or, where the first bit is set, a big-endian number in two's complement (GNU, star). */
function number(block: Buffer, from: number, length: number, what: string, where: string): number {
  const first = block[from]!;
  if (first >= 0x80) {
    let value = BigInt(first & 0x7f);
    for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(block[from + i]!);
    if (first < 0xc0 && value <= Number.MAX_SAFE_INTEGER) return Number(value);
    throw new CinchError("bad-tar", `${where}: the ${what} is negative or beyond any file`);
  }
  const digits = block
    .toString("latin1", from, from + length)
    .replace(/^[ \0]+/, "")
    .replace(/[ \0].*$/s, "");
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits))
    throw new CinchError("bad-tar", `${where}: the ${what} '${digits}' is not an octal number`);
  return Number.parseInt(digits, 8);
}
