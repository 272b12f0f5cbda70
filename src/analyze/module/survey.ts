import type { Elf, GoFunction, UnwindEntry } from "../../elf/index.ts";
import type { Carried, Machine, ScanSink } from "../machine/model.ts";
import { type CodeRange, codeRegions, gapsBetween, givenRanges } from "./ranges.ts";
import { REF, RefBuilder, type Refs } from "./refs.ts";

/** What a function's code has, as bits. */
export const HAS = {
  return: 1,
  indirectCall: 2,
  indirectJump: 4,
  /** What follows it can be reached by going on. */
  fallsThrough: 8,
  /** Something in it is no code, or none of a user program. */
  invalid: 16,
  stub: 32,
  /** Its bounds are nobody's word: it lies between functions. */
  gap: 64,
} as const;

/** The functions of a module and what each refers to. A pure function of the module's bytes. */
export interface CodeMap {
  /** Sorted; function i is [starts[i], ends[i]). */
  starts: Uint32Array;
  ends: Uint32Array;
  /** Of `HAS`. */
  flags: Uint8Array;
  refs: Refs;
  /** Places of system calls, sorted: by the native convention, and by others. */
  syscalls: Uint32Array;
  foreign: Uint32Array;
  /** For gaps: the first place that is no code. 0 for none. */
  firstInvalid: Uint32Array;
}

interface Scanned {
  start: number;
  end: number;
  flags: number;
  from: number;
  to: number;
  firstInvalid: number;
  origin: CodeRange["origin"];
  /** What it may leave in registers for other parts of its function. */
  leaves: Carried | undefined;
  /** What it was read with, as text. */
  carried?: string;
}

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

/** Rounds of handing on what parts of a function leave to each other; a part of a part of a part is rare. */
const MAX_CARRIES = 4;

/**
 * Reads parts of functions again with what the parts that lead to them leave in registers: compilers split functions, and
 * make half of an address in one part that the other part completes.
 */
function carryOver(scanner: Scanner, functions: Scanned[]): void {
  const called = scanner.called(functions);
  for (let round = 0; round < MAX_CARRIES; round += 1) {
    const entering = new Map<number, Map<number, Set<number>>>();
    for (const [i, from] of functions.entries()) {
      if (from.leaves === undefined || from.leaves.size === 0) continue;
      for (const target of scanner.leadsTo(from, functions[i + 1])) {
        const at = lastAtMost(functions, target);
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

function lastAtMost(functions: readonly Scanned[], address: number): number {
  let low = 0;
  let high = functions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (functions[middle]!.start <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
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

class Scanner implements ScanSink {
  #elf: Elf;
  #machine: Machine;
  #absolute: { from: number; to: number } | undefined;
  #refs = new RefBuilder();
  /** Functions with exception tables, by start. */
  #exceptions = new Map<number, UnwindEntry>();
  #syscalls: number[] = [];
  #foreign: number[] = [];
  #flags = 0;
  #firstInvalid = 0;

  constructor(elf: Elf, machine: Machine, unwind: readonly UnwindEntry[]) {
    for (const entry of unwind) if (entry.landingPads.length > 0) this.#exceptions.set(entry.start, entry);
    this.#elf = elf;
    this.#machine = machine;
    this.#absolute = elf.type === "executable" ? loadedRange(elf) : undefined;
  }

  /**
   * Undefined for what is not in the file, and for a gap that does nothing (padding): going on passes over it. One that
   * something refers to is kept.
   */
  scan({ start, end, origin }: CodeRange, isReferenced = false, carried?: Carried): Scanned | undefined {
    const code = this.#elf.bytesAt(start, end - start);
    if (code === undefined) return undefined;
    this.#flags = origin === "stub" ? HAS.stub : origin === "gap" ? HAS.gap : 0;
    this.#firstInvalid = 0;
    const from = this.#refs.length;
    const calls = this.#syscalls.length + this.#foreign.length;
    this.#addExceptions(start);
    const leaves = this.#machine.scan(code, start, this, this.#absolute, carried);
    const isInert =
      this.#refs.length === from &&
      this.#syscalls.length + this.#foreign.length === calls &&
      (this.#flags & ~(HAS.gap | HAS.fallsThrough | HAS.invalid)) === 0;
    if (origin === "gap" && isInert && !isReferenced) return undefined;
    return {
      start,
      end,
      flags: this.#flags,
      from,
      to: this.#refs.length,
      firstInvalid: this.#firstInvalid,
      origin,
      leaves,
    };
  }

  /** The same code with what other parts leave: its references anew, its system calls as they were. */
  rescan(known: Scanned, carried: Carried): Scanned {
    const calls = [this.#syscalls.length, this.#foreign.length] as const;
    const again = this.scan(known, true, carried)!;
    [this.#syscalls.length, this.#foreign.length] = calls;
    return again;
  }

  /** Addresses that something calls. */
  called(functions: readonly Scanned[]): Set<number> {
    const found = new Set<number>();
    for (const { from, to } of functions)
      for (let i = from; i < to; i += 1) if (this.#refs.kind(i) === REF.call) found.add(this.#refs.target(i));
    return found;
  }

  /** Where code goes on from a part: by its jumps and exceptions, and into the next one. */
  *leadsTo({ from, to, end, flags }: Scanned, next: Scanned | undefined): Generator<number> {
    for (let i = from; i < to; i += 1) {
      const kind = this.#refs.kind(i);
      if (kind === REF.jump || kind === REF.branch || kind === REF.unwind) yield this.#refs.target(i);
    }
    if (flags & HAS.fallsThrough && next !== undefined && next.start - end < PADDING) yield next.start;
  }

  /** Where exceptions lead that pass the function: its landing pads, and the routine that finds them. */
  #addExceptions(start: number): void {
    const entry = this.#exceptions.get(start);
    if (entry === undefined) return;
    for (const pad of entry.landingPads) this.#refs.add(start, pad, REF.unwind, 0);
    if (entry.personality?.indirect === true) this.#refs.add(start, entry.personality.address, REF.load, 8);
    else if (entry.personality) this.#refs.add(start, entry.personality.address, REF.unwind, 0);
  }

  /** Offers what was found since `from` to be called or made a pointer to. True if something was new. */
  considerTargets(from: number | Mark, consider: (address: number) => boolean): boolean {
    let isNew = false;
    for (let i = typeof from === "number" ? from : from.refs; i < this.#refs.length; i += 1) {
      const kind = this.#refs.kind(i);
      if ((kind === REF.call || kind === REF.address) && consider(this.#refs.target(i))) isNew = true;
    }
    return isNew;
  }

  mark(): Mark {
    return { refs: this.#refs.length, syscalls: this.#syscalls.length, foreign: this.#foreign.length };
  }

  rewind(mark: Mark): void {
    this.#refs.length = mark.refs;
    this.#syscalls.length = mark.syscalls;
    this.#foreign.length = mark.foreign;
  }

  assemble(functions: readonly Scanned[]): CodeMap {
    return {
      starts: Uint32Array.from(functions, ({ start }) => start),
      ends: Uint32Array.from(functions, ({ end }) => end),
      flags: Uint8Array.from(functions, ({ flags }) => flags),
      refs: this.#refs.pick(functions),
      syscalls: Uint32Array.from(this.#syscalls).sort(),
      foreign: Uint32Array.from(this.#foreign).sort(),
      firstInvalid: Uint32Array.from(functions, ({ firstInvalid }) => firstInvalid),
    };
  }

  branch(at: number, target: number, kind: "call" | "jump" | "branch"): void {
    this.#refs.add(at, target, REF[kind], 0);
  }

  address(at: number, target: number): void {
    this.#refs.add(at, target, REF.address, 0);
  }

  load(at: number, target: number, size: number, kind: "value" | "call" | "jump"): void {
    const as = kind === "value" ? REF.load : kind === "call" ? REF.callThrough : REF.jumpThrough;
    this.#refs.add(at, target, as, size);
  }

  store(at: number, target: number, size: number): void {
    this.#refs.add(at, target, REF.store, size);
  }

  syscall(at: number): void {
    this.#syscalls.push(at);
  }

  foreign(at: number): void {
    this.#foreign.push(at);
  }

  returns(): void {
    this.#flags |= HAS.return;
  }

  indirect(_at: number, kind: "call" | "jump"): void {
    this.#flags |= kind === "call" ? HAS.indirectCall : HAS.indirectJump;
  }

  invalid(at: number): void {
    if (this.#firstInvalid === 0) this.#firstInvalid = at;
    this.#flags |= HAS.invalid;
  }

  // A function whose bounds are given and that ends with a call ends with one that does not return; compilers leave
  // nothing behind such a call, so going on would lead into another function.
  end(_next: number, fallsThrough: boolean, lastCall: boolean): void {
    if (fallsThrough && !lastCall) this.#flags |= HAS.fallsThrough;
  }
}

/** Bytes between a part and the next one that it falls into: functions are aligned to 64 at most. */
const PADDING = 64;

interface Mark {
  refs: number;
  syscalls: number;
  foreign: number;
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
