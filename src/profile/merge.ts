import { CinchError } from "../base/index.ts";
import { canonicalJson, sortedSet } from "./canonical.ts";
import type {
  ArgValues,
  Evidence,
  EvidenceFile,
  Profile,
  RecordedFile,
  RecordedPhase,
  RecordedSyscall,
  Recording,
  SyscallGrant,
} from "./model.ts";

/**
 * Union, for every kind of document: associative, commutative and idempotent, so that a thousand recordings of a fleet
 * merge in any order and twice over. Single values join in a lattice: times to the earliest, lengths and counts to the
 * greatest, what differs to "not known".
 */
const JOIN = " + ";

/** "redis + nginx": names of what was merged, each once. */
function joinNames(values: readonly string[]): string {
  return sortedSet(values.flatMap((value) => value.split(JOIN))).join(JOIN);
}

/** The value that all share, or undefined. */
function shared<T>(values: readonly (T | undefined)[]): T | undefined {
  return new Set(values.map((value) => canonicalJson(value ?? null))).size === 1 ? values[0] : undefined;
}

/** One entry a key, made of all with that key; sorted by it. */
function groupBy<T, R>(items: readonly T[], key: (item: T) => string, join: (same: [T, ...T[]]) => R): R[] {
  const groups = Map.groupBy(items, key);
  return [...groups.entries()]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, same]) => join(same as [T, ...T[]]));
}

const unique = <T>(items: readonly T[]): T[] => groupBy(items, canonicalJson, ([one]) => one);

/** Throws `cannot-merge` for none, or for recordings of different architectures. */
export function mergeRecordings(...recordings: Recording[]): Recording {
  const [first] = recordings;
  if (first === undefined) throw new CinchError("cannot-merge", "nothing to merge: no recording was given");
  const arch = sameArch(recordings.map((one) => one.arch));
  const all = <K extends keyof Recording>(member: K): Recording[K][] => recordings.map((one) => one[member]);
  const methods = new Set(all("method"));
  const noNewPrivileges = shared(all("noNewPrivileges"));
  const user = shared(all("user"));
  const lost: Recording["lost"] = { strings: 0 };
  for (const one of all("lost"))
    for (const [kind, n] of Object.entries(one)) lost[kind] = Math.max(lost[kind] ?? 0, n);
  return {
    schemaVersion: 1,
    kind: "recording",
    target: joinNames(all("target")),
    arch,
    kernel: joinNames(all("kernel")),
    startedAt: all("startedAt").sort()[0]!,
    seconds: Math.max(...all("seconds")),
    complete: all("complete").every(Boolean),
    lost,
    // The method that sees least.
    method: methods.has("import") ? "import" : methods.has("notify") ? "notify" : "ebpf",
    runtimes: sortedSet(all("runtimes").flat()),
    ...(noNewPrivileges !== undefined && { noNewPrivileges }),
    ...(user !== undefined && { user }),
    phases: groupBy(
      all("phases").flat(),
      (phase) => canonicalJson([phase.name, phase.abi, phase.label ?? ""]),
      mergePhases,
    ),
    capabilities: groupBy(
      all("capabilities").flat(),
      ({ name, granted }) => `${name} ${granted}`,
      (same) => ({ ...same[0], syscalls: sortedSet(same.flatMap(({ syscalls }) => syscalls)) }),
    ),
    files: groupBy(all("files").flat(), ({ path, ok }) => `${path}\0${ok ? 0 : 1}`, mergeFiles),
    executables: sortedSet(all("executables").flat()),
    sockets: unique(all("sockets").flat()),
    notes: unique(all("notes").flat()),
  };
}

function sameArch<T extends string>(arches: readonly T[]): T {
  const different = new Set(arches);
  if (different.size === 1) return arches[0]!;
  throw new CinchError(
    "cannot-merge",
    `one document is about one architecture, but these are about ${[...different].join(" and ")}`,
    {
      hint: "merge each architecture by itself",
    },
  );
}

function mergePhases(same: readonly [RecordedPhase, ...RecordedPhase[]]): RecordedPhase {
  return {
    ...same[0],
    syscalls: groupBy(
      same.flatMap(({ syscalls }) => syscalls),
      ({ name, nr }) => `${name} ${nr}`,
      mergeCalls,
    ),
  };
}

function mergeCalls(same: readonly [RecordedSyscall, ...RecordedSyscall[]]): RecordedSyscall {
  const counts = same.flatMap(({ count }) => (count === undefined ? [] : [count]));
  const args = same.map((call) => normalArgs(call.args)).reduce(joinArgs);
  return {
    name: same[0].name,
    nr: same[0].nr,
    ...(counts.length > 0 && { count: Math.max(...counts) }),
    errnos: sortedSet(same.flatMap(({ errnos }) => errnos)),
    ...(args !== undefined && { args }),
    // Seen once is seen.
    ...(same.every(({ assumed }) => assumed === true) && { assumed: true }),
  };
}

function normalArgs(args: ArgValues | undefined): ArgValues | undefined {
  return args === undefined ? undefined : { ...args, values: unique(args.values).sort(compareRows) };
}

/** Where one side knows nothing of the values, or of other arguments, the set is not closed. */
function joinArgs(a: ArgValues | undefined, b: ArgValues | undefined): ArgValues | undefined {
  const known = a ?? b;
  if (a === undefined || b === undefined)
    return known === undefined ? undefined : { ...known, closed: false };
  const order =
    canonicalJson(a.names) < canonicalJson(b.names)
      ? -1
      : canonicalJson(a.names) === canonicalJson(b.names)
        ? 0
        : 1;
  if (order !== 0) return { ...(order < 0 ? a : b), closed: false };
  return {
    names: a.names,
    values: unique([...a.values, ...b.values]).sort(compareRows),
    closed: a.closed && b.closed,
  };
}

function compareRows(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const difference = (a[i] ?? -1) - (b[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

function mergeFiles(same: readonly [RecordedFile, ...RecordedFile[]]): RecordedFile {
  const errnos = sortedSet(same.flatMap((file) => file.errnos ?? []));
  const type = shared(same.map((file) => file.type));
  return {
    path: same[0].path,
    access: sortedSet(same.flatMap(({ access }) => access)),
    ok: same[0].ok,
    ...(errnos.length > 0 && { errnos }),
    ...(type !== undefined && { type }),
  };
}

/** Throws `cannot-merge` for none, or for profiles of different architectures. */
export function mergeProfiles(...profiles: Profile[]): Profile {
  const [first] = profiles;
  if (first === undefined) throw new CinchError("cannot-merge", "nothing to merge: no profile was given");
  const native = sameArch(profiles.map(({ arch }) => arch[0]!));
  const incomplete = sortedSet(profiles.flatMap((one) => one.incomplete ?? []));
  const paths = (member: "read" | "write" | "execute" | "tmpfs"): string[] =>
    sortedSet(profiles.flatMap(({ filesystem }) => filesystem[member]));
  return {
    schemaVersion: 1,
    kind: "profile",
    name: joinNames(profiles.map(({ name }) => name)),
    target: joinNames(profiles.map(({ target }) => target)),
    arch: [native, ...sortedSet(profiles.flatMap(({ arch }) => arch.slice(1)))],
    ...(incomplete.length > 0 && { incomplete }),
    syscalls: {
      allow: groupBy(
        profiles.flatMap(({ syscalls }) => syscalls.allow),
        (grant) => (typeof grant === "string" ? grant : grant.name),
        mergeGrants,
      ),
    },
    capabilities: sortedSet(profiles.flatMap(({ capabilities }) => capabilities)),
    filesystem: {
      root: profiles.some(({ filesystem }) => filesystem.root === "writable") ? "writable" : "read-only",
      read: paths("read"),
      write: paths("write"),
      execute: paths("execute"),
      tmpfs: paths("tmpfs"),
    },
    network: {
      sockets: unique(profiles.flatMap(({ network }) => network.sockets)),
      listen: sortedSet(profiles.flatMap(({ network }) => network.listen)),
      connect: sortedSet(profiles.flatMap(({ network }) => network.connect)),
    },
    user: shared(profiles.map(({ user }) => user)) ?? {},
    noNewPrivileges: profiles.every((one) => one.noNewPrivileges),
    // What allows most: the weakest wall any of them is content with.
    isolation: (["namespace", "sandbox", "vm"] as const).find((wall) =>
      profiles.some((one) => one.isolation === wall),
    )!,
  };
}

function mergeGrants(same: readonly (string | SyscallGrant)[]): string | SyscallGrant {
  const limited = same.filter((grant) => typeof grant !== "string");
  const free = same.find((grant) => typeof grant === "string");
  if (free !== undefined) return free;
  return { name: limited[0]!.name, args: unique(limited.flatMap(({ args }) => args)) };
}

/** Union of evidence. It is evidence for the merged profile, whose digest the caller puts in. */
export function mergeEvidence(...files: EvidenceFile[]): EvidenceFile {
  return {
    schemaVersion: 1,
    kind: "evidence",
    profile: joinNames(files.map((file) => file.profile)),
    grants: groupBy(
      files.flatMap(({ grants }) => grants),
      ({ grant }) => grant,
      (same) => ({ grant: same[0].grant, evidence: joinEvidence(same) }),
    ),
    leftOut: groupBy(
      files.flatMap(({ leftOut }) => leftOut),
      ({ grant, reason }) => `${grant}\0${reason}`,
      (same) => ({ grant: same[0].grant, reason: same[0].reason, evidence: joinEvidence(same) }),
    ),
  };
}

function joinEvidence(same: readonly { evidence: Evidence[] }[]): Evidence[] {
  return unique(same.flatMap(({ evidence }) => evidence));
}
