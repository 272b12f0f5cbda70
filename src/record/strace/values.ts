import { type ConstantSet, constantValue } from "../../linux/index.ts";

/** socket(2)'s type argument carries these two (linux/net.h: the values of O_NONBLOCK and O_CLOEXEC). */
export const SOCK_CLOEXEC = 0o2000000n;
const SOCKET_FLAGS: ReadonlyMap<string, bigint> = new Map([
  ["SOCK_NONBLOCK", 0o4000n],
  ["SOCK_CLOEXEC", SOCK_CLOEXEC],
]);

/** strace's _IOC: direction in bits 30–31, size in 16–29, type in 8–15, number below (asm-generic/ioctl.h). */
const IOC = /^_IOC\(([A-Z_|0-9a-fx]{1,80}), (0x[0-9a-f]{1,2}|0), (0x[0-9a-f]{1,2}|0), (0x[0-9a-f]{1,4}|0)\)$/;
const IOC_DIRECTIONS: ReadonlyMap<string, bigint> = new Map([
  ["_IOC_NONE", 0n],
  ["_IOC_WRITE", 1n],
  ["_IOC_READ", 2n],
]);

/** More names than any flag word has bits. */
const MAX_FLAGS = 64;
/** Room for that many names. Longer text is no number; and comments are cut out in quadratic time. */
const MAX_TEXT = 2048;

/**
 * The number that an argument stood for: `AF_INET`, `PROT_READ|PROT_EXEC`, `0x80000 /* O_CLOEXEC *\/`,
 * `htons(ETH_P_ALL)`, `_IOC(…)`, `TCGETS or SNDCTL_TMR_TIMEBASE`. Names are looked up in `sets`, the first that has them.
 * undefined: some part of it is not known, and so neither is the value.
 */
export function evaluate(text: string, sets: readonly ConstantSet[]): bigint | undefined {
  if (text.length > MAX_TEXT) return undefined;
  const plain = text.replace(/ ?\/\*.*?\*\//g, "").trim();
  const swapped = /^htons\(([^()]{1,40})\)$/.exec(plain);
  if (swapped) {
    const value = evaluate(swapped[1]!, sets);
    return value === undefined ? undefined : ((value & 0xffn) << 8n) | ((value >> 8n) & 0xffn);
  }
  const ioc = IOC.exec(plain);
  if (ioc) {
    let direction = 0n;
    for (const name of ioc[1]!.split("|")) {
      const bits = IOC_DIRECTIONS.get(name);
      if (bits === undefined) return undefined;
      direction |= bits;
    }
    return (direction << 30n) | (BigInt(ioc[4]!) << 16n) | (BigInt(ioc[2]!) << 8n) | BigInt(ioc[3]!);
  }
  // Several requests share a number; any of their names will do.
  const alternatives = plain.split(" or ", 8);
  if (alternatives.length > 1) {
    for (const alternative of alternatives) {
      const value = evaluate(alternative, sets);
      if (value !== undefined) return value;
    }
    return undefined;
  }
  const parts = plain.split("|", MAX_FLAGS + 1);
  if (parts.length > MAX_FLAGS) return undefined;
  let total = 0n;
  for (const part of parts) {
    const value = one(part.trim(), sets);
    if (value === undefined) return undefined;
    total |= value;
  }
  return total;
}

/** Whether an argument of flags has a bit; the names are those of open, socket and fcntl. */
export function hasFlag(text: string | undefined, bit: bigint): boolean {
  return ((evaluate(text ?? "0", ["open.x86_64"]) ?? 0n) & bit) !== 0n;
}

function one(text: string, sets: readonly ConstantSet[]): bigint | undefined {
  // Octal with a leading zero (modes), hexadecimal, decimal.
  if (/^0[0-7]{1,21}$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  if (/^(?:0x[0-9a-f]{1,16}|\d{1,20})$/.test(text)) return BigInt(text);
  if (/^-\d{1,10}$/.test(text)) return BigInt.asUintN(32, BigInt(text));
  const shift = /^1(?:U|UL|ULL)?<<(\d{1,2})$/.exec(text);
  if (shift) return 1n << BigInt(shift[1]!);
  for (const set of sets) {
    const value = constantValue(set, text);
    if (value !== undefined) return BigInt(value);
  }
  return SOCKET_FLAGS.get(text);
}

/** Where the names of a call's argument are to be found, by the names that calls.ts gives to arguments. */
export const ARGUMENT_SETS: Readonly<Record<string, readonly ConstantSet[]>> = {
  domain: ["AF"],
  // The low byte of clone's flags is a signal.
  flags: ["clone", "signal"],
  persona: ["personality"],
  option: ["prctl"],
  code: ["arch_prctl"],
  command: ["fcntl", "bpf"],
  protection: ["prot"],
  type: ["SOCK", "clone"],
  protocol: ["ipproto", "netlink", "ethertype"],
  operation: ["keyctl", "seccomp"],
  request: ["ioctl", "ptrace"],
};
