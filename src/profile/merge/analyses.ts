import { sortedSet } from "../canonical.ts";
import type { Analysis, AnalyzedSyscall, ReachableArgument } from "../model.ts";
import { firstOf, groupBy, joinNames, sameArch, unique } from "./join.ts";

/**
 * The union of what analyses found: an upper bound of all of them. Of several paths to a call the shortest stays, of equal
 * ones the first in order; an argument is closed where all say so. One analysis of a pair by section makes the union
 * `strict`; an assumption counts as made where any made it. One alone comes back sorted. Throws `cannot-merge` for none,
 * or for analyses of different architectures.
 */
export function mergeAnalyses(...analyses: Analysis[]): Analysis {
  firstOf(analyses, "analysis");
  return {
    schemaVersion: 1,
    kind: "analysis",
    target: joinNames(analyses.map(({ target }) => target)),
    arch: sameArch(analyses.map(({ arch }) => arch)),
    mode: analyses.some(({ mode }) => mode === "strict") ? "strict" : "tight",
    executables: groupBy(
      analyses.flatMap(({ executables }) => executables),
      ({ path, digest }) => `${path}\0${digest}`,
      (same) => ({
        ...least(same, ({ kind, reason }) => [reason.length, kind, ...reason].join("\0")),
        syscalls: Math.max(...same.map(({ syscalls }) => syscalls)),
      }),
    ),
    modules: groupBy(
      analyses.flatMap(({ modules }) => modules),
      ({ path, digest }) => `${path}\0${digest}`,
      (same) => ({
        ...least(same, ({ reason }) => reason),
        functions: Math.max(...same.map(({ functions }) => functions)),
        reachable: Math.max(...same.map(({ reachable }) => reachable)),
      }),
    ),
    syscalls: groupBy(
      analyses.flatMap(({ syscalls }) => syscalls),
      ({ nr, name }) => `${String(nr).padStart(6, "0")}\0${name}`,
      joinCalls,
    ),
    capabilities: groupBy(
      analyses.flatMap(({ capabilities }) => capabilities),
      ({ name }) => name,
      (same) => ({ name: same[0].name, syscalls: sortedSet(same.flatMap(({ syscalls }) => syscalls)) }),
    ),
    unresolved: unique(analyses.flatMap(({ unresolved }) => unresolved)),
    possibilities: unique(analyses.flatMap(({ possibilities }) => possibilities)),
    assumptions: groupBy(
      analyses.flatMap(({ assumptions }) => assumptions),
      ({ name, effect }) => `${name}\0${effect}`,
      (same) => ({
        name: same[0].name,
        effect: same[0].effect,
        active: same.some(({ active }) => active),
        removes: sortedSet(same.flatMap(({ removes }) => removes)),
      }),
    ),
    notes: unique(analyses.flatMap(({ notes }) => notes)),
  };
}

function joinCalls(same: readonly [AnalyzedSyscall, ...AnalyzedSyscall[]]): AnalyzedSyscall {
  const { name, nr, path, via } = least(same, (call) =>
    [String(call.path.length).padStart(6, "0"), ...call.path, call.via].join("\0"),
  );
  const args = joinArguments(same);
  return {
    name,
    nr,
    path,
    via,
    executables: sortedSet(same.flatMap(({ executables }) => executables)),
    ...(args.length > 0 && { args }),
  };
}

/** An argument that one of the analyses does not tell may have any value. */
function joinArguments(same: readonly AnalyzedSyscall[]): ReachableArgument[] {
  return groupBy(
    same.flatMap(({ args }) => args ?? []),
    ({ index, name }) => `${index}\0${name}`,
    (group) => ({
      index: group[0].index,
      name: group[0].name,
      values: [...new Set(group.flatMap(({ values }) => values))].sort((a, b) => a - b),
      closed:
        group.every(({ closed }) => closed) &&
        same.every(({ args }) => args?.some(({ index }) => index === group[0].index)),
    }),
  );
}

function least<T>(items: readonly [T, ...T[]], key: (item: T) => string): T {
  return items.reduce((best, item) => (key(item) < key(best) ? item : best));
}
