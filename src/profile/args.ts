import { constantName, constants, flagNames, socketDomainName, socketTypeName } from "../linux/index.ts";
import { canonicalJson } from "./canonical.ts";
import type { ArgTest, ArgValues, SyscallGrant } from "./model.ts";

/** More alternatives than this are no limit: each is some instructions of filter, run at every such call. */
export const MAX_ARG_ROWS = 256;

const {
  CLONE_NEWNS,
  CLONE_NEWCGROUP,
  CLONE_NEWUTS,
  CLONE_NEWIPC,
  CLONE_NEWUSER,
  CLONE_NEWPID,
  CLONE_NEWNET,
} = constants.clone;

/** The flags of clone that make namespaces: the mask of Docker's default profile, 0x7E020000. */
export const NAMESPACE_FLAGS =
  CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

/** clone as every thread and process needs it: without the flags that make namespaces. */
export const CLONE_WITHOUT_NAMESPACES: SyscallGrant = {
  name: "clone",
  args: [[{ index: 0, op: "masked-eq", mask: NAMESPACE_FLAGS, value: 0 }]],
};

/** What is known of one argument: its place in the call, and how its values are named. */
interface Argument {
  name: string;
  index: ArgTest["index"];
  show?: (value: number) => string | undefined;
}

const flags = (value: number): string | undefined => {
  const { names, rest } = flagNames("clone", value);
  return names.length > 0 && rest === 0 ? names.join("|") : undefined;
};
const SOCKET: Argument[] = [
  { name: "domain", index: 0, show: socketDomainName },
  { name: "type", index: 1, show: socketTypeName },
  { name: "protocol", index: 2 },
];

/** The arguments that recordings keep values of and profiles limit, by call and by the recordings' names for them. */
const ARGUMENTS: Readonly<Record<string, readonly Argument[]>> = {
  socket: SOCKET,
  socketpair: SOCKET,
  clone: [{ name: "flags", index: 0, show: flags }],
  unshare: [{ name: "flags", index: 0, show: flags }],
  setns: [{ name: "type", index: 1, show: flags }],
  ioctl: [{ name: "request", index: 1, show: (value) => constantName("ioctl", value) }],
  personality: [{ name: "persona", index: 0, show: (value) => constantName("personality", value) }],
  keyctl: [{ name: "operation", index: 0, show: (value) => constantName("keyctl", value) }],
  bpf: [{ name: "command", index: 0, show: (value) => constantName("bpf", value) }],
  prctl: [{ name: "option", index: 0, show: (value) => constantName("prctl", value) }],
  ptrace: [{ name: "request", index: 0, show: (value) => constantName("ptrace", value) }],
  socketcall: [{ name: "call", index: 0, show: (value) => constantName("socketcall", value) }],
  ipc: [{ name: "call", index: 0, show: (value) => constantName("ipc", value) }],
};

/**
 * Whether one row of recorded values passes a grant's limits: undefined if the limits look at arguments that were not
 * recorded.
 */
export function passes(
  grant: SyscallGrant,
  names: readonly string[],
  row: readonly number[],
): boolean | undefined {
  const known = new Map<number, number>();
  for (const argument of ARGUMENTS[grant.name] ?? []) {
    const value = row[names.indexOf(argument.name)];
    if (value !== undefined) known.set(argument.index, value);
  }
  if (
    grant.args.some((tests) =>
      tests.every(({ index, ...test }) => known.has(index) && holds(test, known.get(index)!)),
    )
  ) {
    return true;
  }
  return grant.args.flat().every(({ index }) => known.has(index)) ? false : undefined;
}

/** The rows of recorded values that a grant's limits surely refuse. */
export function refusedRows(grant: SyscallGrant, args: ArgValues): number[][] {
  return args.values.filter((row) => passes(grant, args.names, row) === false);
}

/** Whether a value passes one test (model.ts: which bits a test looks at). */
function holds({ op, value, mask }: Omit<ArgTest, "index">, given: number): boolean {
  const low = (one: number): bigint => BigInt.asUintN(32, BigInt(one));
  switch (op) {
    case "eq":
      return low(given) === low(value);
    case "ne":
      return low(given) !== low(value);
    case "lt":
      return given < value;
    case "le":
      return given <= value;
    case "gt":
      return given > value;
    case "ge":
      return given >= value;
    case "masked-eq":
      return (BigInt(given) & BigInt(mask ?? 0)) === BigInt(value);
  }
}

/** The same limits in one form: tests of a row in order, rows in order, each once. */
export function canonicalArgs(args: readonly (readonly ArgTest[])[]): ArgTest[][] {
  const rows = args.map((tests) =>
    sortedBy([...new Map(tests.map((test) => [canonicalJson(test), test])).values()], compareTests),
  );
  const once = new Map(rows.map((tests) => [canonicalJson(tests), tests]));
  return sortedBy([...once.values()], (a, b) => {
    for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
      const difference = compareTests(a[i]!, b[i]!);
      if (difference !== 0) return difference;
    }
    return a.length - b.length;
  });
}

function compareTests(a: ArgTest, b: ArgTest): number {
  return (
    a.index - b.index ||
    (a.op < b.op ? -1 : a.op > b.op ? 1 : 0) ||
    (a.mask ?? -1) - (b.mask ?? -1) ||
    a.value - b.value
  );
}

function sortedBy<T>(items: T[], compare: (a: T, b: T) => number): T[] {
  return items.sort(compare);
}

/** One row of a call's limits in words: "domain AF_NETLINK, protocol NETLINK_ROUTE", "no CLONE_NEW* flags". */
export function describeRow(call: string, tests: readonly ArgTest[]): string {
  return tests.map((test) => describeTest(call, test, tests)).join(", ");
}

/** All of a call's limits in one line. */
export function describeLimits({ name, args }: SyscallGrant): string {
  return args.map((tests) => describeRow(name, tests)).join("; or ");
}

const WORDS = { ne: "not", lt: "below", le: "at most", gt: "above", ge: "at least" } as const;

function describeTest(call: string, { index, op, value, mask }: ArgTest, row: readonly ArgTest[]): string {
  const argument = ARGUMENTS[call]?.find((one) => one.index === index);
  const name = argument?.name ?? `argument ${index}`;
  const shown = showProtocol(call, index, value, row) ?? argument?.show?.(value) ?? numeral(value);
  if (op === "eq") return `${name} ${shown}`;
  if (op !== "masked-eq") return `${name} ${WORDS[op]} ${shown}`;
  if (mask === NAMESPACE_FLAGS)
    return value === 0 ? "no new namespaces" : `new namespaces by ${flags(value) ?? numeral(value)}`;
  return `${name} & ${numeral(mask ?? 0)} = ${numeral(value)}`;
}

/** A protocol's name depends on the domain that stands beside it. */
function showProtocol(
  call: string,
  index: number,
  value: number,
  row: readonly ArgTest[],
): string | undefined {
  if (call !== "socket" || index !== 2) return undefined;
  const domain = row.find((test) => test.index === 0 && test.op === "eq")?.value;
  return domain === constants.AF.AF_NETLINK ? constantName("netlink", value) : constantName("ipproto", value);
}

/** Small numbers as people count, larger ones as bits. */
function numeral(value: number): string {
  return value < 256 ? String(value) : `0x${value.toString(16)}`;
}
