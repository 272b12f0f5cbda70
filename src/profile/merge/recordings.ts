import { canonicalJson, sortedSet } from "../canonical.ts";
import type { ArgValues, RecordedFile, RecordedPhase, RecordedSyscall, Recording } from "../model.ts";
import { firstOf, groupBy, joinNames, last, sameArch, shared, unique } from "./join.ts";

/**
 * The union of what runs used: a thousand recordings of a fleet merge in any order, and twice over. Single values join
 * in a lattice: the earliest start; the greatest length, count and loss (of runs that overlap, a sum would count twice);
 * the method that sees least; complete only if all are; what differs and has no order is not known. One recording alone
 * comes back sorted. Throws `cannot-merge` for none, or for recordings of different architectures.
 */
export function mergeRecordings(...recordings: Recording[]): Recording {
  firstOf(recordings, "recording");
  const all = <K extends keyof Recording>(member: K): Recording[K][] => recordings.map((one) => one[member]);
  const noNewPrivileges = shared(all("noNewPrivileges"));
  const user = shared(all("user"));
  return {
    schemaVersion: 1,
    kind: "recording",
    target: joinNames(all("target")),
    arch: sameArch(all("arch")),
    kernel: joinNames(all("kernel")),
    startedAt: earliest(all("startedAt")),
    seconds: Math.max(...all("seconds")),
    complete: all("complete").every(Boolean),
    lost: joinLosses(all("lost")),
    method: last(all("method"), ["ebpf", "notify", "import"])!,
    runtimes: sortedSet(all("runtimes").flat()),
    ...(noNewPrivileges !== undefined && { noNewPrivileges }),
    ...(user !== undefined && { user }),
    phases: groupBy(
      all("phases").flat(),
      ({ name, abi, label }) => canonicalJson([name, abi, label ?? null]),
      joinPhases,
    ),
    capabilities: groupBy(
      all("capabilities").flat(),
      ({ name, granted }) => `${name} ${granted}`,
      (same) => ({ ...same[0], syscalls: sortedSet(same.flatMap(({ syscalls }) => syscalls)) }),
    ),
    files: groupBy(all("files").flat(), ({ path, ok }) => `${path}\0${ok ? 0 : 1}`, joinFiles),
    executables: sortedSet(all("executables").flat()),
    sockets: unique(all("sockets").flat()),
    notes: unique(all("notes").flat()),
  };
}

/** By the moment, then by the text: one moment can be written in two ways. */
function earliest(times: readonly string[]): string {
  return times.reduce((a, b) => {
    const difference = Date.parse(a) - Date.parse(b);
    return difference < 0 || (difference === 0 && a <= b) ? a : b;
  });
}

function joinLosses(all: readonly Recording["lost"][]): Recording["lost"] {
  const kinds = Map.groupBy(
    all.flatMap((lost) => Object.entries(lost)),
    ([kind]) => kind,
  );
  const joined: Recording["lost"] = { strings: 0 };
  for (const [kind, same] of kinds) joined[kind] = Math.max(...same.map(([, n]) => n));
  return joined;
}

function joinPhases(same: readonly [RecordedPhase, ...RecordedPhase[]]): RecordedPhase {
  return {
    ...same[0],
    syscalls: groupBy(
      same.flatMap(({ syscalls }) => syscalls),
      ({ name, nr }) => `${name} ${nr}`,
      joinCalls,
    ),
  };
}

function joinCalls(same: readonly [RecordedSyscall, ...RecordedSyscall[]]): RecordedSyscall {
  const counts = same.flatMap(({ count }) => (count === undefined ? [] : [count]));
  const args = same.map((call) => sortedArgs(call.args)).reduce(joinArgs);
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

function sortedArgs(args: ArgValues | undefined): ArgValues | undefined {
  return args === undefined ? undefined : { ...args, values: unique(args.values).sort(compareRows) };
}

/** Where one side knows nothing of the values, or of other arguments, the set is not closed. */
function joinArgs(a: ArgValues | undefined, b: ArgValues | undefined): ArgValues | undefined {
  if (a === undefined || b === undefined) {
    const known = a ?? b;
    return known === undefined ? undefined : { ...known, closed: false };
  }
  const [namesA, namesB] = [canonicalJson(a.names), canonicalJson(b.names)];
  if (namesA !== namesB) return { ...(namesA < namesB ? a : b), closed: false };
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

/** From what says least to what says most. */
const TYPES = ["file", "fifo", "socket", "device", "directory"] as const;

/** What a path is, where runs found it to be several things, or not all could tell. */
export function mergeTypes(types: readonly RecordedFile["type"][]): RecordedFile["type"] {
  return last(types, TYPES);
}

function joinFiles(same: readonly [RecordedFile, ...RecordedFile[]]): RecordedFile {
  const errnos = sortedSet(same.flatMap((file) => file.errnos ?? []));
  const type = mergeTypes(same.map((file) => file.type));
  return {
    path: same[0].path,
    access: sortedSet(same.flatMap(({ access }) => access)),
    ok: same[0].ok,
    ...(errnos.length > 0 && { errnos }),
    ...(type !== undefined && { type }),
  };
}
