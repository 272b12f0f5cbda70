import { CONSTANTS } from "./constants.gen.ts";

/** A family of named constants: "prctl" (options), "fcntl" (commands), "open.x86_64" (flags), "AF" and so on. */
export type ConstantSet = keyof typeof CONSTANTS;

/** By set and name, as C has them: `constants.clone.CLONE_NEWUSER`. */
export const constants = CONSTANTS;

const names = new Map<ConstantSet, Map<number, string>>();

function namesOf(set: ConstantSet): Map<number, string> {
  let found = names.get(set);
  if (found === undefined) {
    found = new Map();
    // Of several names for one value the first is the usual one (AF_UNIX before AF_LOCAL).
    for (const [name, value] of Object.entries(CONSTANTS[set])) if (!found.has(value)) found.set(value, name);
    names.set(set, found);
  }
  return found;
}

/** The usual name of a value; undefined where it has none. */
export function constantName(set: ConstantSet, value: number): string | undefined {
  return namesOf(set).get(value);
}

/** The value of a name; undefined where the set has no such name. */
export function constantValue(set: ConstantSet, name: string): number | undefined {
  return Object.hasOwn(CONSTANTS[set], name) ? (CONSTANTS[set] as Record<string, number>)[name] : undefined;
}

/**
 * The single-bit names that make up a value of flags, and `rest`: the bits without a name (for clone, the exit signal
 * in the low byte).
 */
export function flagNames(set: ConstantSet, value: number): { names: string[]; rest: number } {
  const found: string[] = [];
  let rest = value >>> 0;
  for (const [bits, name] of namesOf(set)) {
    const single = bits !== 0 && (bits & (bits - 1)) === 0;
    if (single && (rest & bits) !== 0) {
      found.push(name);
      rest = (rest & ~bits) >>> 0;
    }
  }
  return { names: found, rest };
}

/** "AF_INET"; "AF_99" for a domain without a name (include/linux/socket.h). */
export function socketDomainName(domain: number): string {
  return constantName("AF", domain) ?? `AF_${domain}`;
}

/** The number of "AF_INET", or of a made-up "AF_99". */
export function socketDomainNumber(name: string): number | undefined {
  return constantValue("AF", name) ?? madeUp("AF_", name);
}

/** SOCK_NONBLOCK and SOCK_CLOEXEC share socket(2)'s type argument; the kernel takes its low four bits as the type. */
const SOCK_TYPE_MASK = 0xf;

/** "SOCK_STREAM" without the flags; "SOCK_9" for a type without a name (include/linux/net.h). */
export function socketTypeName(type: number): string {
  return constantName("SOCK", type & SOCK_TYPE_MASK) ?? `SOCK_${type & SOCK_TYPE_MASK}`;
}

/** The number of "SOCK_STREAM", or of a made-up "SOCK_9". */
export function socketTypeNumber(name: string): number | undefined {
  return constantValue("SOCK", name) ?? madeUp("SOCK_", name);
}

function madeUp(prefix: string, name: string): number | undefined {
  const digits = name.startsWith(prefix) ? name.slice(prefix.length) : "";
  return /^\d{1,9}$/.test(digits) ? Number(digits) : undefined;
}
