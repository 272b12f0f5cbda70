import type { Elf, GoFunction, UnwindEntry } from "../../elf/index.ts";
import type { Machine } from "../machine/model.ts";
import { carryOver } from "./carry.ts";
import type { CodeMap } from "./code-map.ts";
import { type CodeRange, codeRegions, gapsBetween, givenRanges } from "./ranges.ts";
import { type Scanned, Scanner } from "./scanner.ts";

/** Rounds of splitting gaps at what code refers to; each finds starts that only the pieces before it show. */
const MAX_ROUNDS = 4;

/**
 * Reads all code of a module once. `pointers`: addresses that data holds (relocations, words of a file that is not
 * position-independent); they and the symbols tell where functions start that no table bounds.
 */
export function surveyCode(
  elf: Elf,
  machine: Machine,
  unwind: readonly UnwindEntry[],
  go: readonly GoFunction[],
  pointers: readonly number[],
): CodeMap {
  const regions = codeRegions(elf);
  const given = givenRanges(elf, unwind, go);
  const scanner = new Scanner(elf, machine, unwind);
  const done = given.map((range) => scanner.scan(range)).filter((one) => one !== undefined);

  const gaps = gapsBetween(regions, given);
  const inGap = gapFinder(gaps);
  const starts = new Set<number>();
  const consider = (address: number): boolean => {
    if (!inGap(address) || starts.has(address)) return false;
    starts.add(address);
    return true;
  };
  for (const symbols of [elf.symbols, elf.dynamicSymbols])
    for (const { kind, defined, address } of symbols)
      if (defined && (kind === "function" || kind === "ifunc" || kind === "none")) consider(address);
  consider(elf.entry);
  for (const address of pointers) consider(address);
  const { dynamic } = elf;
  if (dynamic?.init !== undefined) consider(dynamic.init);
  if (dynamic?.fini !== undefined) consider(dynamic.fini);
  scanner.considerTargets(0, consider);

  let pieces: Scanned[] = [];
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const before = scanner.mark();
    pieces = splitGaps(
      gaps,
      [...starts].sort((a, b) => a - b),
    )
      .map((range) => scanner.scan(range, starts.has(range.start)))
      .filter((one) => one !== undefined);
    if (!scanner.considerTargets(before, consider) || round === MAX_ROUNDS - 1) break;
    scanner.rewind(before);
  }
  const functions = [...done, ...pieces].sort((a, b) => a.start - b.start);
  carryOver(scanner, functions);
  return scanner.assemble(functions);
}

function gapFinder(gaps: readonly { start: number; end: number }[]): (address: number) => boolean {
  return (address) => {
    let low = 0;
    let high = gaps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (gaps[middle]!.end <= address) low = middle + 1;
      else high = middle;
    }
    return low < gaps.length && gaps[low]!.start <= address;
  };
}

function splitGaps(gaps: readonly { start: number; end: number }[], starts: readonly number[]): CodeRange[] {
  const pieces: CodeRange[] = [];
  let next = 0;
  for (const { start, end } of gaps) {
    let at = start;
    while (next < starts.length && starts[next]! <= start) next += 1;
    for (; next < starts.length && starts[next]! < end; next += 1) {
      pieces.push({ start: at, end: starts[next]!, origin: "gap" });
      at = starts[next]!;
    }
    pieces.push({ start: at, end, origin: "gap" });
  }
  return pieces;
}
