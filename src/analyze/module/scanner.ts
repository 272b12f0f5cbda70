import type { Elf, UnwindEntry } from "../../elf/index.ts";
import type { Carried, Machine, ScanSink } from "../machine/model.ts";
import { type CodeMap, HAS } from "./code-map.ts";
import { type CodeRange, loadedRange } from "./ranges.ts";
import { REF, RefBuilder } from "./refs.ts";

/** A piece of code that was read, with its run of references. */
export interface Scanned {
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

/** Reads pieces of code, and keeps what they refer to. */
export class Scanner implements ScanSink {
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
