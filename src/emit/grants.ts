import { constants, isSyscall, syscallNumber } from "../linux/index.ts";
import { type ArgTest, type Profile, baselineFor } from "../profile/index.ts";

export type Runtime = "runc" | "crun" | "local";

/** Which calls a filter lets through. */
export interface AllowedCalls {
  /** With any arguments. */
  free: Set<string>;
  /** Only where one of the lists of tests holds. */
  limited: Map<string, ArgTest[][]>;
  /** Limits of the profile that the filter cannot keep, in sentences. */
  lost: string[];
}

const {
  CLONE_NEWNS,
  CLONE_NEWCGROUP,
  CLONE_NEWUTS,
  CLONE_NEWIPC,
  CLONE_NEWUSER,
  CLONE_NEWPID,
  CLONE_NEWNET,
} = constants.clone;
const NAMESPACES =
  CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

/** No runtime makes a namespace once its filter is in place; its threads are made by clone without these flags. */
const BASELINE_LIMITS: Readonly<Record<string, ArgTest[][]>> = {
  clone: [[{ index: 0, op: "masked-eq", mask: NAMESPACES, value: 0 }]],
};

/**
 * The calls of a profile and those that the runtimes make between installing the filter and starting the program.
 *
 * The runtimes install it early, or, under no-new-privileges, just before the program. Whoever starts the container
 * may set no-new-privileges though the profile does not ask for it, so both lists are needed then. A profile that does
 * ask is made for starts with it only, and is spared the early list: that one holds setuid, setgroups and capset.
 */
export function allowedCalls(profile: Profile, runtimes: readonly Runtime[]): AllowedCalls {
  const isHere = (name: string): boolean =>
    isSyscall(name) && profile.arch.some((arch) => syscallNumber(arch, name) !== undefined);
  const free = new Set<string>();
  const limited = new Map<string, ArgTest[][]>();
  const lost: string[] = [];
  for (const grant of profile.syscalls.allow) {
    if (typeof grant === "string") free.add(grant);
    else limited.set(grant.name, [...(limited.get(grant.name) ?? []), ...grant.args]);
  }
  for (const name of free) limited.delete(name);

  for (const name of baselineCalls(profile, runtimes)) {
    if (free.has(name)) continue;
    const limits = BASELINE_LIMITS[name];
    if (limits !== undefined) {
      const known = limited.get(name) ?? [];
      limited.set(name, [...known, ...limits.filter((list) => !known.some((one) => isSame(one, list)))]);
      continue;
    }
    if (limited.delete(name)) {
      lost.push(
        `${name} is allowed with any arguments: ${runtimes.join(" and ")} may call it before the program starts`,
      );
    }
    free.add(name);
  }
  for (const name of free) if (!isHere(name)) free.delete(name);
  for (const name of limited.keys()) if (!isHere(name)) limited.delete(name);
  return { free, limited, lost };
}

/**
 * What would undo the filter's purpose is not let through for a runtime, whatever its list says: other tools' lists
 * hold these, and make profiles that are wider than the engine's own default.
 */
const NEVER_FOR_RUNTIME: ReadonlySet<string> = new Set([
  "mount",
  "umount",
  "umount2",
  "pivot_root",
  "setns",
  "unshare",
  "keyctl",
]);

function baselineCalls(profile: Profile, runtimes: readonly Runtime[]): Set<string> {
  const cases = profile.noNewPrivileges ? [true] : [false, true];
  const names = runtimes.flatMap((runtime) =>
    cases.flatMap((noNewPrivileges) => [...baselineFor({ runtime, noNewPrivileges })]),
  );
  return new Set(names).difference(NEVER_FOR_RUNTIME);
}

function isSame(a: readonly ArgTest[], b: readonly ArgTest[]): boolean {
  const text = (tests: readonly ArgTest[]): string =>
    JSON.stringify(tests.map(({ index, op, value, mask }) => [index, op, value, mask]));
  return text(a) === text(b);
}
