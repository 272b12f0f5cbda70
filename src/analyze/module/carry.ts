import { lowerBound } from "./refs.ts";
import type { Scanned, Scanner } from "./scanner.ts";

/** Rounds of handing on what parts of a function leave to each other; a part of a part of a part is rare. */
const MAX_CARRIES = 4;

/**
 * Reads parts of functions again with what the parts that lead to them leave in registers: compilers split functions, and
 * make half of an address in one part that the other part completes.
 */
export function carryOver(scanner: Scanner, functions: Scanned[]): void {
  // Where instructions have whole addresses nothing is left.
  if (!functions.some(({ leaves }) => leaves !== undefined && leaves.size > 0)) return;
  const starts = Uint32Array.from(functions, ({ start }) => start);
  const called = scanner.called(functions);
  for (let round = 0; round < MAX_CARRIES; round += 1) {
    const entering = new Map<number, Map<number, Set<number>>>();
    for (const [i, from] of functions.entries()) {
      if (from.leaves === undefined || from.leaves.size === 0) continue;
      for (const target of scanner.leadsTo(from, functions[i + 1])) {
        const at = lowerBound(starts, target + 1) - 1;
        const to = functions[at];
        if (to === undefined || to === from || target >= to.end) continue;
        if (target === to.start && called.has(target)) continue;
        let held = entering.get(at);
        if (held === undefined) entering.set(at, (held = new Map<number, Set<number>>()));
        for (const [register, halves] of from.leaves) {
          const all = held.get(register) ?? new Set();
          for (const half of halves) all.add(half);
          held.set(register, all);
        }
      }
    }
    let isNew = false;
    for (const [at, held] of entering) {
      const known = functions[at]!;
      const carried = new Map(
        [...held].map(([register, halves]) => [register, [...halves].sort((a, b) => a - b)]),
      );
      const key = JSON.stringify([...carried]);
      if (known.carried === key) continue;
      functions[at] = { ...scanner.rescan(known, carried), carried: key };
      isNew = true;
    }
    if (!isNew) return;
  }
}
