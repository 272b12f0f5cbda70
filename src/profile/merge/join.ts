import { CinchError } from "../../base/index.ts";
import { canonicalJson, sortedSet } from "../canonical.ts";

/** What all merges share: how lists and single values join. Each join is associative, commutative and idempotent. */

/** Stands between the names of what was merged. */
const BETWEEN = " + ";
/** A fleet merges thousands of documents; of their names the first few, in order, are kept, and this says that there were more. */
const MAX_NAMES = 16;
const MORE = "…";

/** "nginx + redis": names of what was merged, each once. Of too many, the first by order, whatever order they came in. */
export function joinNames(values: readonly string[]): string {
  const names = new Set(values.flatMap((value) => value.split(BETWEEN)));
  const cut = names.delete(MORE);
  const kept = [...names].sort();
  return [...kept.slice(0, MAX_NAMES), ...(cut || kept.length > MAX_NAMES ? [MORE] : [])].join(BETWEEN);
}

/** The value that all share; undefined ("not known") as soon as two differ or one is not known. */
export function shared<T>(values: readonly (T | undefined)[]): T | undefined {
  return new Set(values.map((value) => canonicalJson(value ?? null))).size === 1 ? values[0] : undefined;
}

/** The value that stands last in an order; undefined counts as standing before all. */
export function last<T>(values: readonly (T | undefined)[], order: readonly T[]): T | undefined {
  const rank = Math.max(...values.map((value) => (value === undefined ? -1 : order.indexOf(value))));
  return order[rank];
}

/** One entry a key, made of all entries with that key; sorted by key. */
export function groupBy<T, R>(
  items: readonly T[],
  key: (item: T) => string,
  join: (same: readonly [T, ...T[]]) => R,
): R[] {
  return [...Map.groupBy(items, key)]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, same]) => join(same as [T, ...T[]]));
}

/** Each value once, sorted by canonical form. */
export function unique<T>(items: readonly T[]): T[] {
  return groupBy(items, canonicalJson, ([one]) => one);
}

/** The first of some documents to be merged. Throws `cannot-merge` for none. */
export function firstOf<T>(documents: readonly T[], what: string): T {
  const [first] = documents;
  if (first === undefined) throw new CinchError("cannot-merge", `nothing to merge: no ${what} was given`);
  return first;
}

/** The architecture that all documents are about. Throws `cannot-merge` for several. */
export function sameArch<T extends string>(arches: readonly T[]): T {
  const different = sortedSet(arches);
  if (different.length === 1) return different[0]!;
  throw new CinchError(
    "cannot-merge",
    `one document is about one architecture, but these are about ${different.join(" and ")}`,
    { hint: "merge each architecture by itself" },
  );
}
