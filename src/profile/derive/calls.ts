import { constants, isSyscall, syscallNumber } from "../../linux/index.ts";
import { baselineFor } from "../baselines.ts";
import { always, families } from "../families.ts";
import type { ArchName, ArgTest, Evidence, RecordedSyscall, Recording, SyscallGrant } from "../model.ts";
import type { Collector } from "./collector.ts";

/** Calls that are never granted because a run made them: what they do escapes every filter, and programs do without. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  clone3:
    "its flags lie behind a pointer, where no filter sees them; C libraries fall back to clone on ENOSYS",
  openat2:
    "its flags lie behind a pointer, where no filter sees them; programs fall back to openat on ENOSYS",
  io_uring_setup: "what a program does through io_uring is seen by no filter; programs fall back on ENOSYS",
  io_uring_enter: "what a program does through io_uring is seen by no filter; programs fall back on ENOSYS",
  io_uring_register:
    "what a program does through io_uring is seen by no filter; programs fall back on ENOSYS",
};

/** Never taken from a runtime's phase: a base list that holds them is wider than the engine's default. */
const NEVER_FOR_RUNTIME = new Set([
  "mount",
  "pivot_root",
  "setns",
  "unshare",
  "umount",
  "umount2",
  "keyctl",
  "clone3",
]);

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
const NAMESPACES =
  CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

/** Terminal requests that put characters into somebody else's input (ioctl_tty(2)): refused unless they were made. */
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;

/** Grants the calls of one recording's phases, with the evidence for each. */
export function grantRecorded(
  collector: Collector,
  recording: Recording,
  run: string,
  defaults: ReadonlySet<string>,
): void {
  for (const phase of recording.phases) {
    const known = phase.name === "runtime" ? runtimeBaseline(recording) : undefined;
    for (const call of phase.syscalls) {
      if (known !== undefined && (known.has(call.name) || NEVER_FOR_RUNTIME.has(call.name))) continue;
      // A number without a name can be written into no profile; the recording's notes say so.
      if (!isSyscall(call.name)) continue;
      const evidence: Evidence =
        call.assumed === true
          ? { kind: "assumed", run, reason: "on the list of hot calls that the recorder lets through unseen" }
          : {
              kind: "recorded",
              run,
              phase: phase.name,
              ...(phase.abi !== "native" && { abi: phase.abi }),
              ...(call.count !== undefined && { count: call.count }),
              ...(call.errnos.length > 0 && { errnos: call.errnos }),
              ...(detail(phase.label, defaults.has(call.name)) !== undefined && {
                detail: detail(phase.label, defaults.has(call.name))!,
              }),
            };
      const reason = LEFT_OUT[call.name];
      if (reason === undefined) collector.grant(`syscall:${call.name}`, evidence);
      else collector.leaveOut(`syscall:${call.name}`, reason, evidence);
    }
  }
  // What took clone3's place when it was answered ENOSYS was never recorded.
  for (const name of Object.keys(LEFT_OUT)) {
    const instead = name === "clone3" ? "clone" : name === "openat2" ? "openat" : undefined;
    const used = recording.phases.some(
      ({ name: phase, syscalls }) => phase !== "runtime" && syscalls.some((call) => call.name === name),
    );
    if (used && instead !== undefined) {
      collector.grant(`syscall:${instead}`, { kind: "equivalent", of: name, reason: LEFT_OUT[name]! });
    }
  }
}

function detail(label: string | undefined, isDefault: boolean): string | undefined {
  const parts = [
    ...(label === undefined ? [] : [label]),
    ...(isDefault ? [] : ["outside Docker's default profile"]),
  ];
  return parts.length === 0 ? undefined : parts.join("; ");
}

function runtimeBaseline(recording: Recording): Set<string> {
  return new Set(
    recording.runtimes.flatMap((runtime) =>
      [false, true].flatMap((noNewPrivileges) => [...baselineFor({ runtime, noNewPrivileges })]),
    ),
  );
}

/** Adds what any program may call, and the equals of what was recorded, as far as the architectures have them. */
export function grantAround(collector: Collector, arches: readonly ArchName[]): void {
  const exists = (name: string): boolean => arches.some((arch) => syscallNumber(arch, name) !== undefined);
  const recorded = new Set(collector.names("syscall:"));
  for (const { names, reason } of always) {
    for (const name of names.filter(exists)) collector.grant(`syscall:${name}`, { kind: "always", reason });
  }
  for (const { members, reason } of families) {
    const of = members.filter((name) => recorded.has(name));
    if (of.length === 0) continue;
    for (const name of members) {
      if (recorded.has(name) || !exists(name)) continue;
      collector.grant(`syscall:${name}`, { kind: "equivalent", of: of[0]!, reason });
    }
  }
}

/**
 * The calls of a profile, with limits on arguments where every recording that made the call kept a closed set of its
 * values: for calls that are dangerous by their arguments, and not hot.
 */
export function limitCalls(
  names: readonly string[],
  recordings: readonly Recording[],
): (string | SyscallGrant)[] {
  return names.map((name) => {
    const args = limits(name, recordings);
    return args === undefined ? name : { name, args };
  });
}

function limits(name: string, recordings: readonly Recording[]): ArgTest[][] | undefined {
  if (name === "clone") return cloneLimits(recordings);
  const values = closedValues(name, recordings);
  if (name === "socket") return socketLimits(values);
  if (values === undefined) return undefined;
  switch (name) {
    case "ioctl":
      return ioctlLimits(values);
    case "keyctl":
    case "bpf":
    case "unshare":
      return eachValue(
        values.map(([value]) => value!),
        0,
      );
    case "setns":
      return eachValue(
        values.map(([type]) => type!),
        1,
      );
    case "personality":
      // Docker's default allows these five.
      return eachValue([0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff, ...values.map(([value]) => value!)], 0);
    default:
      return undefined;
  }
}

/** All values of a call over all recordings; undefined unless each recording that made it knows them all. */
function closedValues(name: string, recordings: readonly Recording[]): number[][] | undefined {
  const calls = recordings.flatMap((one) =>
    one.phases.flatMap(({ syscalls }) => syscalls.filter((call) => call.name === name)),
  );
  if (calls.length === 0 || recordings.some(({ complete, method }) => !complete && method === "import"))
    return undefined;
  const isClosed = (call: RecordedSyscall): boolean => call.args?.closed === true && call.assumed !== true;
  return calls.every(isClosed) ? calls.flatMap((call) => call.args!.values) : undefined;
}

function eachValue(values: readonly number[], index: ArgTest["index"]): ArgTest[][] {
  return [...new Set(values)].sort((a, b) => a - b).map((value) => [{ index, op: "eq", value }]);
}

/** clone stays, as every thread and process needs it; without the flags that make namespaces, if none were seen. */
function cloneLimits(recordings: readonly Recording[]): ArgTest[][] | undefined {
  const rows = recordings.flatMap((one) =>
    one.phases.flatMap(({ syscalls }) =>
      syscalls.filter(({ name }) => name === "clone" || name === "clone3").map((call) => call.args),
    ),
  );
  if (rows.some((args) => args !== undefined && !args.closed)) return undefined;
  const used = rows.some(
    (args) => args?.values.some(([flags]) => ((flags ?? 0) & NAMESPACES) !== 0) === true,
  );
  return used ? undefined : [[{ index: 0, op: "masked-eq", mask: NAMESPACES >>> 0, value: 0 }]];
}

function ioctlLimits(values: readonly number[][]): ArgTest[][] | undefined {
  const seen = new Set(values.map(([request]) => request));
  if (seen.has(TIOCSTI) || seen.has(TIOCLINUX)) return undefined;
  return [
    [
      { index: 1, op: "ne", value: TIOCSTI },
      { index: 1, op: "ne", value: TIOCLINUX },
    ],
  ];
}

/**
 * The domains that were seen, and those that C libraries use by themselves on paths a run may not take (syslog, nscd,
 * the resolver, the list of interfaces). Never AF_ALG, AF_VSOCK or AF_PACKET unless they were seen. Where the values are
 * not all known: all but AF_ALG and AF_VSOCK, as Docker's default has it.
 */
function socketLimits(values: readonly number[][] | undefined): ArgTest[][] {
  const { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_ALG, AF_VSOCK } = constants.AF;
  if (values === undefined) {
    return [
      [
        { index: 0, op: "ne", value: AF_ALG },
        { index: 0, op: "ne", value: AF_VSOCK },
      ],
    ];
  }
  return eachValue([AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, ...values.map(([domain]) => domain!)], 0);
}
