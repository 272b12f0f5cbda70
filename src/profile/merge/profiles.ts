import { canonicalArgs, MAX_ARG_ROWS } from "../args.ts";
import { sortedSet } from "../canonical.ts";
import type { Profile, SyscallGrant } from "../model.ts";
import { covers, isBelow, withoutCovered } from "../paths.ts";
import { firstOf, groupBy, joinNames, last, sameArch, shared, unique } from "./join.ts";

/**
 * The union of what profiles allow. What is a wall rather than a grant joins to the weaker one: a writable root, new
 * privileges, isolation. One profile alone comes back sorted, without paths that others cover. Throws `cannot-merge` for
 * none, or for profiles of different architectures.
 */
export function mergeProfiles(...profiles: Profile[]): Profile {
  firstOf(profiles, "profile");
  const native = sameArch(profiles.map(({ arch }) => arch[0]!));
  const analyzed = unique(profiles.flatMap((one) => one.analyzed ?? []));
  const incomplete = sortedSet(profiles.flatMap((one) => one.incomplete ?? []));
  return {
    schemaVersion: 1,
    kind: "profile",
    name: joinNames(profiles.map(({ name }) => name)),
    target: joinNames(profiles.map(({ target }) => target)),
    arch: [native, ...sortedSet(profiles.flatMap(({ arch }) => arch)).filter((arch) => arch !== native)],
    ...(incomplete.length > 0 && { incomplete }),
    ...(analyzed.length > 0 && { analyzed }),
    syscalls: { allow: unionOfCalls(...profiles.map(({ syscalls }) => syscalls.allow)) },
    capabilities: sortedSet(profiles.flatMap(({ capabilities }) => capabilities)),
    filesystem: joinFiles(profiles.map(({ filesystem }) => filesystem)),
    network: {
      sockets: unique(profiles.flatMap(({ network }) => network.sockets)),
      listen: sortedSet(profiles.flatMap(({ network }) => network.listen)),
      connect: sortedSet(profiles.flatMap(({ network }) => network.connect)),
    },
    user: shared(profiles.map(({ user }) => user)) ?? {},
    noNewPrivileges: profiles.every((one) => one.noNewPrivileges),
    isolation: last(
      profiles.map((one) => one.isolation),
      ["vm", "sandbox", "namespace"],
    )!,
  };
}

/** Calls that one of the lists allows: without limits where one has none, else where one of the limits holds. Sorted. */
export function unionOfCalls(
  ...lists: readonly (readonly (string | SyscallGrant)[])[]
): (string | SyscallGrant)[] {
  return groupBy(
    lists.flat(),
    (grant) => (typeof grant === "string" ? grant : grant.name),
    (same) => {
      const limited = same.filter((grant) => typeof grant !== "string");
      const name = typeof same[0] === "string" ? same[0] : same[0].name;
      if (limited.length < same.length) return name;
      const args = canonicalArgs(limited.flatMap((grant) => grant.args));
      // So many alternatives are no limit worth its cost in every call.
      return args.length > MAX_ARG_ROWS ? name : { name, args };
    },
  );
}

/**
 * That a folder may be empty at each start holds only as long as no other profile uses something in it that it does not
 * list as empty itself: then it is a folder that is written to.
 */
function joinFiles(all: readonly Profile["filesystem"][]): Profile["filesystem"] {
  const union = (member: "read" | "write" | "execute" | "tmpfs"): Set<string> =>
    new Set(all.flatMap((filesystem) => filesystem[member]));
  const [read, write, execute, tmpfs] = [union("read"), union("write"), union("execute"), union("tmpfs")];
  const isNeeded = (folder: string): boolean =>
    [read, write, execute].some((paths) =>
      [...paths].some((path) => isBelow(folder, path) || covers([path], folder)),
    );
  for (let changed = true; changed;) {
    changed = false;
    for (const folder of tmpfs) {
      if (!isNeeded(folder)) continue;
      tmpfs.delete(folder);
      write.add(folder);
      changed = true;
    }
  }
  return {
    root: all.some(({ root }) => root === "writable") ? "writable" : "read-only",
    read: withoutCovered(read),
    write: withoutCovered(write),
    execute: withoutCovered(execute),
    tmpfs: [...tmpfs].sort(),
  };
}
