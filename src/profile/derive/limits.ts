import { constants } from "../../linux/index.ts";
import { CLONE_WITHOUT_NAMESPACES, MAX_ARG_ROWS, NAMESPACE_FLAGS, canonicalArgs } from "../args.ts";
import type {
  Analysis,
  AnalyzedSyscall,
  ArgTest,
  RecordedSyscall,
  Recording,
  SyscallGrant,
} from "../model.ts";
import { knowsArguments } from "./incomplete.ts";

/** What recordings tell of a call's arguments. */
interface Known {
  /** By the names of arguments, as recorded. */
  values: Record<string, number>[];
  /** No other values were used. */
  closed: boolean;
}

/**
 * The calls of a profile, those that are dangerous by their arguments with limits on them: to what was seen where each
 * recording that made the call knows all its values, and every analysis that reached it too; else to what Docker's default
 * profile allows and what was seen. No limit refuses what a run did, or what code was found to do.
 */
export function limitCalls(names: readonly string[], around: Around): (string | SyscallGrant)[] {
  return names.map((name) => {
    const limit = LIMITS[name];
    const args = limit?.(knownOf(name, around), around);
    return args === undefined || args.length > MAX_ARG_ROWS ? name : { name, args: canonicalArgs(args) };
  });
}

interface Around {
  recordings: readonly Recording[];
  analyses: readonly Analysis[];
  capabilities: readonly string[];
}

/** By call: the tests of which one list must hold; undefined for no limit. */
const LIMITS: Readonly<Record<string, (known: Known, around: Around) => ArgTest[][] | undefined>> = {
  clone: cloneLimits,
  socket: socketLimits,
  ioctl: ioctlLimits,
  personality: personalityLimits,
  keyctl: (known) => onlySeen(known, "operation", 0),
  // Multiplexers of i386: the calls that were asked for.
  socketcall: (known) => onlySeen(known, "call", 0),
  ipc: (known) => onlySeen(known, "call", 0),
  bpf: (known) => onlySeen(known, "command", 0),
  unshare: (known) => onlySeen(known, "flags", 0),
  setns: (known) => onlySeen(known, "type", 1),
};

function knownOf(name: string, { recordings, analyses }: Around): Known {
  const calls = recordings.flatMap((recording) =>
    recording.phases
      .filter((phase) => phase.name !== "runtime")
      .flatMap(({ syscalls }) => syscalls.filter((call) => call.name === name))
      .map((call) => ({ call, trusted: knowsArguments(recording) })),
  );
  const reached = analyses.flatMap(({ syscalls }) => syscalls.filter((call) => call.name === name));
  return {
    values: [...calls.flatMap(({ call }) => rowsOf(call)), ...reached.flatMap(reachableRows)],
    closed:
      calls.every(({ call, trusted }) => trusted && call.args?.closed === true && call.assumed !== true) &&
      reached.every(({ args }) => args?.[0]?.closed === true),
  };
}

/** The values of the argument that decides; which of them come together with which others of the rest is not known. */
function reachableRows({ args }: AnalyzedSyscall): Record<string, number>[] {
  const [first] = args ?? [];
  return first?.closed === true ? first.values.map((value) => ({ [first.name]: value })) : [];
}

function rowsOf({ args }: RecordedSyscall): Record<string, number>[] {
  if (args === undefined) return [];
  return args.values.map((row) =>
    Object.fromEntries(args.names.flatMap((name, i) => (row[i] === undefined ? [] : [[name, row[i]]]))),
  );
}

function seen(known: Known, argument: string): number[] {
  return known.values.flatMap((row) => (row[argument] === undefined ? [] : [row[argument]]));
}

function oneOf(values: readonly number[], index: ArgTest["index"]): ArgTest[][] {
  return values.map((value) => [{ index, op: "eq", value }]);
}

/** A closed set of which a value is missing in some row is none. */
function onlySeen(known: Known, argument: string, index: ArgTest["index"]): ArgTest[][] | undefined {
  const values = seen(known, argument);
  const isWhole = known.closed && values.length > 0 && values.length === known.values.length;
  return isWhole ? oneOf(values, index) : undefined;
}

/**
 * clone stays, as every thread and process needs it; of the flags that make namespaces, the sets that were seen, in
 * clone or in clone3, whose place it takes. Where a run may have used others, they stay refused as in Docker's default,
 * unless the profile has the capability with which Docker allows them.
 */
function cloneLimits(known: Known, around: Around): ArgTest[][] | undefined {
  const { capabilities } = around;
  // What code hands to clone3 lies in memory, and the profile leaves that call out: runs tell what takes its place.
  const clone3 = knownOf("clone3", { ...around, analyses: [] });
  const isClosed = known.closed && clone3.closed;
  if (!isClosed && capabilities.includes("CAP_SYS_ADMIN")) return undefined;
  const used = [...seen(known, "flags"), ...seen(clone3, "flags")]
    .map((flags) => flags & NAMESPACE_FLAGS)
    .filter((flags) => flags !== 0);
  return [
    ...CLONE_WITHOUT_NAMESPACES.args,
    ...used.map((value): ArgTest[] => [{ index: 0, op: "masked-eq", mask: NAMESPACE_FLAGS, value }]),
  ];
}

/**
 * The domains that were seen, and those that C libraries use by themselves on paths that a run may not take: AF_UNIX
 * (syslog, nscd), AF_INET and AF_INET6 (the resolver), AF_NETLINK's routes (the list of interfaces). Of netlink's other
 * protocols, which lead to much of the kernel, those that were seen. Where not all is known: all but AF_ALG and
 * AF_VSOCK, as in Docker's default.
 */
function socketLimits(known: Known): ArgTest[][] {
  const { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_ALG, AF_VSOCK } = constants.AF;
  const domains = seen(known, "domain");
  if (!known.closed || domains.length !== known.values.length) {
    return [
      [
        { index: 0, op: "ne", value: AF_ALG },
        { index: 0, op: "ne", value: AF_VSOCK },
      ],
      ...oneOf(
        domains.filter((domain) => domain === AF_ALG || domain === AF_VSOCK),
        0,
      ),
    ];
  }
  const netlink = known.values.filter(({ domain }) => domain === AF_NETLINK).map(({ protocol }) => protocol);
  return [
    ...oneOf([AF_UNIX, AF_INET, AF_INET6, ...domains.filter((domain) => domain !== AF_NETLINK)], 0),
    ...(netlink.includes(undefined)
      ? oneOf([AF_NETLINK], 0)
      : [constants.netlink.NETLINK_ROUTE, ...netlink].map((value): ArgTest[] => [
          { index: 0, op: "eq", value: AF_NETLINK },
          { index: 2, op: "eq", value: value! },
        ])),
  ];
}

/** Requests that put characters into another's terminal input (ioctl_tty(2)): refused unless they were made. */
function ioctlLimits(known: Known): ArgTest[][] | undefined {
  const { TIOCSTI, TIOCLINUX } = constants.ioctl;
  const requests = seen(known, "request");
  if (!known.closed || requests.length === 0 || requests.length !== known.values.length) return undefined;
  const refused = [TIOCSTI, TIOCLINUX].filter((request) => !requests.includes(request));
  return refused.length === 0
    ? undefined
    : [refused.map((value): ArgTest => ({ index: 1, op: "ne", value }))];
}

/** Docker's default allows these: Linux, 32-bit Linux, both with UNAME26, and the question which it is. */
const PERSONALITIES = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

function personalityLimits(known: Known): ArgTest[][] {
  return oneOf([...PERSONALITIES, ...seen(known, "persona")], 0);
}
