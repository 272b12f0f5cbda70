import type { SeccompArg } from "../linux/index.ts";
import type { ArgTest } from "../profile/index.ts";
import { type Box, type Cube, intersect, range, subtract, withoutIncluded } from "./cubes.ts";

/** A call's limits as rules of the OCI form, each a list of arguments that must all hold. */
export interface ArgumentRules {
  /** Together they hold where the profile allows the call. */
  allow: SeccompArg[][];
  /** Together they hold everywhere else; empty where that takes too many. */
  refuse: SeccompArg[][];
  /** Limits that the form cannot hold, in sentences; the rules then allow more. */
  lost: string[];
}

/**
 * Rules a call. "Not this value" takes 32, and a filter has room for 4096 instructions, a rule taking four or more. From
 * here on a limit is given up, and a refusal left to the filter's default action.
 */
const MAX_ALLOWING = 256;
const MAX_REFUSING = 128;

const WORD = 0xffff_ffffn;

/**
 * Turns the limits on a call's arguments into rules that mean the same under runc, crun and libseccomp:
 *
 * - An index stands in a rule only once. runc and crun take a rule that names one twice for several rules of which
 *   any may hold ("ne 1 and ne 2" would always hold).
 * - SCMP_CMP_MASKED_EQ is the only comparison. libseccomp 2.5.4 mixes up several rules of one call that compare by
 *   size: of 2000 random profiles 49 came out wrong, and some let through what no rule allows. With masks none did
 *   (test/kernel/libseccomp.test.ts).
 * - "eq" and "ne" look at the lower 32 bits, as the profile's model has it and the kernel does.
 */
export function argumentRules(name: string, groups: readonly (readonly ArgTest[])[]): ArgumentRules {
  const single = singleRule(groups);
  if (single !== undefined) return { allow: [single], refuse: [], lost: [] };

  const lost = new Set<string>();
  const boxes = withoutIncluded(groups.flatMap((group) => boxesOf(name, group, lost)));
  if (boxes.length > MAX_ALLOWING) {
    lost.add(
      `the limits on the arguments of ${name} take more rules than a filter has room for: it is allowed with any`,
    );
  }
  if (boxes.length > MAX_ALLOWING || boxes.some((box) => box.size === 0)) {
    return { allow: [[]], refuse: [], lost: [...lost] };
  }
  let outside: Box[] = [new Map()];
  for (const box of boxes) {
    outside = outside.flatMap((one) => subtract(one, box));
    if (outside.length > MAX_REFUSING) break;
  }
  return {
    allow: boxes.map(argsOf),
    refuse: outside.length > MAX_REFUSING ? [] : outside.map(argsOf),
    lost: [...lost],
  };
}

/** The orderings look at all 64 bits, and masks for that are numbers which JSON readers do not keep exact. */
function isOrdering({ op }: ArgTest): boolean {
  return op === "lt" || op === "le" || op === "gt" || op === "ge";
}

/** The rule of a call that has only one, with an ordering in it: libseccomp gets a single rule right whatever it holds. */
function singleRule(groups: readonly (readonly ArgTest[])[]): SeccompArg[] | undefined {
  const [group] = groups;
  if (groups.length !== 1 || group === undefined || !group.some(isOrdering)) return undefined;
  if (new Set(group.map(({ index }) => index)).size < group.length) return undefined;
  const args = group.map((test): SeccompArg | undefined => {
    if (isOrdering(test))
      return { index: test.index, value: test.value, op: `SCMP_CMP_${test.op.toUpperCase()}` };
    const [cube, ...others] = cubesOf(test);
    return cube === undefined || others.length > 0 ? undefined : argOf(test.index, cube);
  });
  return args.every((arg) => arg !== undefined) ? args : undefined;
}

/** A list of tests, all of which must hold, as boxes of which one must. */
function boxesOf(name: string, group: readonly ArgTest[], lost: Set<string>): Box[] {
  const limits = new Map<number, Cube[]>();
  for (const [index, tests] of Map.groupBy(group, (test) => test.index)) {
    if (tests.some(isOrdering)) {
      lost.add(
        `argument ${index} of ${name} is limited by size: libseccomp does that reliably only for one list with one test an argument, so the limit is left out`,
      );
    }
    let cubes: Cube[] = [{ mask: 0n, value: 0n }];
    for (const test of tests.filter((one) => !isOrdering(one))) {
      const allowed = cubesOf(test);
      cubes = cubes.flatMap((cube) => allowed.flatMap((one) => intersect(cube, one) ?? []));
    }
    limits.set(index, cubes);
  }
  dropCostly(name, limits, lost);
  let boxes: Box[] = [new Map()];
  for (const [index, cubes] of [...limits].sort(([a], [b]) => a - b)) {
    boxes = boxes.flatMap((box) =>
      cubes.map((cube) => (cube.mask === 0n ? box : new Map(box).set(index, cube))),
    );
  }
  return boxes;
}

/** Limits on several arguments multiply: gives up the costliest until the rest has room. */
function dropCostly(name: string, limits: Map<number, Cube[]>, lost: Set<string>): void {
  const product = (): number => [...limits.values()].reduce((total, cubes) => total * cubes.length, 1);
  while (product() > MAX_ALLOWING) {
    const [index] = [...limits].sort(([i, a], [j, b]) => b.length - a.length || j - i)[0]!;
    limits.delete(index);
    lost.add(
      `the limit on argument ${index} of ${name}, with those on its other arguments, takes more rules than a filter has room for: it is left out`,
    );
  }
}

/** The values for which one test holds. */
function cubesOf(test: ArgTest): Cube[] {
  const value = BigInt(test.value);
  switch (test.op) {
    case "masked-eq": {
      const mask = BigInt(test.mask ?? 0);
      // A value with bits outside the mask is never met.
      return (value & ~mask) === 0n ? [{ mask, value }] : [];
    }
    case "ne": {
      const low = value & WORD;
      return [...range(0n, low - 1n, 32), ...range(low + 1n, WORD, 32)];
    }
    default:
      return [{ mask: WORD, value: value & WORD }];
  }
}

function argsOf(box: Box): SeccompArg[] {
  return [...box].sort(([a], [b]) => a - b).map(([index, cube]) => argOf(index, cube));
}

/** The form has the mask first. */
function argOf(index: number, { mask, value }: Cube): SeccompArg {
  return { index, value: Number(mask), valueTwo: Number(value), op: "SCMP_CMP_MASKED_EQ" };
}
