import type { Elf, GoFunction, UnwindEntry } from "../../elf/index.ts";

/** A piece of code that the analysis takes as one: [start, end). */
export interface CodeRange {
  start: number;
  end: number;
  /** unwind, symbol, go: its bounds are given. gap: what lies between those. stub: an entry of a procedure linkage table. */
  origin: "unwind" | "symbol" | "go" | "gap" | "stub";
}

export interface CodeRegion {
  start: number;
  end: number;
}

/** The parts of a file that hold code: executable sections, or without a section table the executable segments. */
export function codeRegions(elf: Elf): CodeRegion[] {
  const sections = elf.sections.filter(
    ({ flags, size, type }) => flags.execute && flags.allocated && size > 0 && type !== SHT_NOBITS,
  );
  const regions =
    sections.length > 0
      ? sections.map(({ address, size }) => ({ start: address, end: address + size }))
      : elf.segments
          .filter(({ kind, flags }) => kind === "load" && flags.execute)
          .map(({ address, fileSize }) => ({ start: address, end: address + fileSize }));
  return regions.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start);
}

const SHT_NOBITS = 8;

/** Entries of .plt are 16 bytes long on x86-64 and aarch64; those of .plt.got without a branch-target mark 8. */
const STUB_BYTES = 16;
const SHORT_STUB_BYTES = 8;

/** The functions whose bounds are given somewhere, sorted and without overlap. */
export function givenRanges(
  elf: Elf,
  unwind: readonly UnwindEntry[],
  go: readonly GoFunction[],
): CodeRange[] {
  const found: CodeRange[] = [];
  for (const { name, address, size, entrySize, flags } of elf.sections) {
    if (!flags.execute || !name.startsWith(".plt")) continue;
    const fallback = name === ".plt.got" && size % STUB_BYTES !== 0 ? SHORT_STUB_BYTES : STUB_BYTES;
    const step = entrySize >= 4 && entrySize <= 64 ? entrySize : fallback;
    for (let start = address; start < address + size; start += step)
      found.push({ start, end: Math.min(start + step, address + size), origin: "stub" });
  }
  const tables = elf.sections
    .filter(({ name, flags }) => flags.execute && name.startsWith(".plt"))
    .map(({ address, size }) => ({ start: address, end: address + size }));
  const inStub = (at: number): boolean => tables.some(({ start, end }) => at >= start && at < end);
  for (const { start, end, isSignalFrame } of unwind) {
    // The entry of a signal frame starts one byte early, inside a nop, for unwinders that step back (glibc __restore_rt).
    const from = isSignalFrame ? start + 1 : start;
    if (end > from && !inStub(from)) found.push({ start: from, end, origin: "unwind" });
  }
  for (const { start, end } of go) if (end > start) found.push({ start, end, origin: "go" });
  for (const symbols of [elf.symbols, elf.dynamicSymbols])
    for (const { kind, defined, address, size } of symbols)
      if (defined && size > 0 && (kind === "function" || kind === "ifunc"))
        found.push({ start: address, end: address + size, origin: "symbol" });
  return untangle(found);
}

/**
 * Sorted and without overlap. Of two with the same start, the one that is not a symbol's stays (a symbol may name less
 * than the whole); a symbol that starts inside another range is an entry of it, not a range; any other one cuts what it
 * starts in.
 */
function untangle(found: CodeRange[]): CodeRange[] {
  const rank = (range: CodeRange): number => (range.origin === "symbol" ? 1 : 0);
  found.sort((a, b) => a.start - b.start || rank(a) - rank(b) || b.end - a.end);
  const kept: CodeRange[] = [];
  for (const range of found) {
    const last = kept.at(-1);
    if (last !== undefined && range.start < last.end) {
      if (range.start === last.start || range.origin === "symbol") continue;
      const rest = last.end;
      last.end = range.start;
      kept.push({ ...range });
      if (rest > range.end) kept.push({ start: range.end, end: rest, origin: "gap" });
      continue;
    }
    kept.push({ ...range });
  }
  kept.sort((a, b) => a.start - b.start);
  for (const [i, range] of kept.entries()) {
    const next = kept[i + 1];
    if (next !== undefined && next.start < range.end) range.end = next.start;
  }
  return kept.filter(({ start, end }) => end > start);
}

/** What of the regions no range covers. */
export function gapsBetween(regions: readonly CodeRegion[], ranges: readonly CodeRange[]): CodeRegion[] {
  const gaps: CodeRegion[] = [];
  let next = 0;
  for (const { start, end } of regions) {
    let at = start;
    while (next < ranges.length && ranges[next]!.end <= start) next += 1;
    for (let i = next; i < ranges.length && ranges[i]!.start < end; i += 1) {
      if (ranges[i]!.start > at) gaps.push({ start: at, end: ranges[i]!.start });
      at = Math.max(at, ranges[i]!.end);
    }
    if (at < end) gaps.push({ start: at, end });
  }
  return gaps;
}

/** Where a file that is not position-independent lies in memory. */
export function loadedRange(elf: Elf): { from: number; to: number } | undefined {
  const loads = elf.segments.filter(({ kind, memorySize }) => kind === "load" && memorySize > 0);
  if (loads.length === 0) return undefined;
  return {
    from: Math.min(...loads.map(({ address }) => address)),
    to: Math.max(...loads.map(({ address, memorySize }) => address + memorySize)),
  };
}
