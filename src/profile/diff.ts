import { canonicalArgs } from "./args.ts";
import { grantsOf, limitText, limitsOf, splitGrant } from "./grants.ts";
import { mergeProfiles } from "./merge/index.ts";
import type { GrantName, Profile } from "./model.ts";
import { covering } from "./paths.ts";

export interface ProfileDiff {
  /** What A allows and B does not. */
  onlyA: GrantName[];
  /** What B allows and A does not. */
  onlyB: GrantName[];
  /** What both allow in different ways, in words: arguments of calls, and who the program runs as. */
  limits: { grant: GrantName; a: string; b: string }[];
  same: boolean;
}

/**
 * Compares what two profiles allow, not how they say it: a path that a folder of the other one covers is allowed there,
 * and the order of lists does not matter. Names, targets and what is incomplete do not count.
 */
export function diffProfiles(first: Profile, second: Profile): ProfileDiff {
  // In one form: a profile alone comes back from a merge sorted and without what is said twice.
  const [a, b] = [mergeProfiles(first), mergeProfiles(second)];
  const [grantsA, grantsB] = [grantsOf(a), grantsOf(b)];
  const [allowsA, allowsB] = [allows(a), allows(b)];
  const onlyA = grantsA.filter((grant) => !allowsB(grant));
  const onlyB = grantsB.filter((grant) => !allowsA(grant));
  const limits = [...new Set(grantsA).intersection(new Set(grantsB))]
    .filter((grant) => splitGrant(grant).kind === "syscall")
    .map((grant) => ({
      grant,
      a: limitText(canonicalLimits(a, grant)),
      b: limitText(canonicalLimits(b, grant)),
    }))
    .filter((one) => one.a.key !== one.b.key)
    .map((one) => ({ grant: one.grant, a: one.a.text, b: one.b.text }));
  const [userA, userB] = [userText(a), userText(b)];
  if (userA !== userB) limits.push({ grant: "user", a: userA, b: userB });
  return { onlyA, onlyB, limits, same: onlyA.length + onlyB.length + limits.length === 0 };
}

function canonicalLimits(profile: Profile, grant: GrantName): ReturnType<typeof limitsOf> {
  const limits = limitsOf(profile, splitGrant(grant).name);
  return limits && { ...limits, args: canonicalArgs(limits.args) };
}

function userText({ user: { uid, gid } }: Profile): string {
  if (uid === undefined && gid === undefined) return "the image's user";
  return `${uid ?? "the image's user"}:${gid ?? "the image's group"}`;
}

/** Whether a profile allows what a grant names, be it by a wider one. What is written can be read. */
function allows(profile: Profile): (grant: GrantName) => boolean {
  const grants = new Set(grantsOf(profile));
  const { read, write, execute, tmpfs } = profile.filesystem;
  const find: Record<string, (path: string) => string | undefined> = {
    read: covering([...read, ...write, ...tmpfs]),
    write: covering(write),
    execute: covering(execute),
  };
  return (grant) => {
    const { kind, name } = splitGrant(grant);
    return grants.has(grant) || find[kind]?.(name) !== undefined;
  };
}
