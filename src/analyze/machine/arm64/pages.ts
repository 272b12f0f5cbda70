import { type Way, branchTarget, wayOf } from "./branches.ts";
import { accessOf, literalOf } from "./memory.ts";
import { type PageSets, isPage, whole } from "./page-sets.ts";
import { addedImmediate, groupOf, isAdrp, isMove, rd, relativeAddress, rm, rn } from "./words.ts";
import { written } from "./writes.ts";

/** Registers 0 to 30. The stack pointer never holds a page. */
const REGISTERS = 31;
/** What a called function may leave changed: x0 to x18, and the link (AAPCS64, 6.1.1). */
export const FIRST_KEPT = 19;
export const LINK = 30;
/** Rounds over a function before its pages are taken as they are; each loop inside a loop takes one more. */
const MAX_ROUNDS = 32;

/** By register: the set of pages that it may hold, and of whole addresses that were made of one. */
export type Held = Uint32Array;

export function nothingHeld(): Held {
  return new Uint32Array(REGISTERS);
}

/**
 * Which pages (ADRP) each register may hold at the start of each run of instructions. Compilers make a page once and use
 * it in many places, on other ways too, so this is a data flow over the function, with what it was entered with.
 *
 * `words`: the function's instructions, loaded at `address`.
 */
export class PageFlow {
  readonly sets: PageSets;
  /** What any jump or call out of here may leave behind: for the other parts of the function. */
  readonly leaving = nothingHeld();
  #words: Uint32Array;
  #address: number;
  /** Where runs start, as indexes of words; by index the number of the run that starts there plus 1. */
  #starts: number[] = [];
  #runAt: Uint32Array;
  /** Of each run, `REGISTERS` sets. */
  #states: Uint32Array;
  #isReached: Uint8Array;
  #isWaiting: Uint8Array;
  /** Runs that only a table or an exception leads to. */
  #isOpen: Uint8Array;

  constructor(words: Uint32Array, address: number, entered: Held, sets: PageSets) {
    this.sets = sets;
    this.#words = words;
    this.#address = address;
    this.#runAt = this.#split();
    const runs = this.#starts.length;
    this.#states = new Uint32Array(runs * REGISTERS);
    this.#isReached = new Uint8Array(runs);
    this.#isWaiting = new Uint8Array(runs);
    this.#isOpen = new Uint8Array(runs);
    if (runs > 0) this.#run(entered);
  }

  /** Another way than the instruction before it leads to an instruction. */
  isStart(index: number): boolean {
    return this.#runAt[index] !== 0;
  }

  /** Sets `held` to what is held at the start of a run. */
  enter(index: number, held: Held): void {
    const run = this.#runAt[index]! - 1;
    held.set(this.#states.subarray(run * REGISTERS, (run + 1) * REGISTERS));
  }

  #split(): Uint32Array {
    const { length } = this.#words;
    const runAt = new Uint32Array(length + 1);
    if (length > 0) runAt[0] = 1;
    for (let i = 0; i < length; i += 1) {
      const word = this.#words[i]!;
      // Only branches, and words that are none of a program, end a run.
      if (!mayEndRun(word)) continue;
      const way = wayOf(word);
      if (
        way === "next" ||
        way === "padding" ||
        way === "call" ||
        way === "call-register" ||
        way === "syscall"
      )
        continue;
      runAt[i + 1] = 1;
      const to = way === "jump" || way === "branch" ? this.#targetOf(i) : -1;
      if (to >= 0) runAt[to] = 1;
    }
    for (let i = 0; i < length; i += 1)
      if (runAt[i] !== 0) {
        this.#starts.push(i);
        runAt[i] = this.#starts.length;
      }
    return runAt;
  }

  /** The index that a direct branch leads to; -1 outside. */
  #targetOf(i: number): number {
    const to = (branchTarget(this.#words[i]!, this.#address + i * 4) - this.#address) / 4;
    return to >= 0 && to < this.#words.length ? to : -1;
  }

  #run(entered: Held): void {
    this.#flow(0, entered, 0);
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      this.#drain();
      if (!this.#open()) return;
    }
  }

  /** Goes through the runs that wait, in the order of addresses, until none does. */
  #drain(): void {
    const held = nothingHeld();
    for (let isNew = true, round = 0; isNew && round < MAX_ROUNDS; round += 1) {
      isNew = false;
      for (let run = 0; run < this.#starts.length; run += 1) {
        if (this.#isWaiting[run] === 0) continue;
        this.#isWaiting[run] = 0;
        isNew = true;
        this.#pass(run, held);
      }
    }
  }

  #pass(run: number, held: Held): void {
    held.set(this.#states.subarray(run * REGISTERS, (run + 1) * REGISTERS));
    const start = this.#starts[run]!;
    const end = this.#starts[run + 1] ?? this.#words.length;
    for (let i = start; i < end; i += 1) {
      const word = this.#words[i]!;
      if (mayEndRun(word)) {
        // Exceptions leave at calls.
        const way = wayOf(word);
        if (way === "call" || way === "call-register" || way === "jump-register") this.#leave(held);
      }
      step(held, word, this.#address + i * 4, this.sets);
    }
    const last = wayOf(this.#words[end - 1]!);
    if (last === "jump" || last === "branch") {
      const to = this.#targetOf(end - 1);
      if (to >= 0) this.#flow(this.#runAt[to]! - 1, held, 0);
      else this.#leave(held);
    }
    if (!goesOn(last)) return;
    if (run + 1 < this.#starts.length) this.#flow(run + 1, held, 0);
    else this.#leave(held);
  }

  /** What nothing seems to lead to is led to by a table or an exception. True if that is news. */
  #open(): boolean {
    let isNew = false;
    for (let run = 0; run < this.#starts.length; run += 1) {
      if (this.#isReached[run] === 0) this.#isOpen[run] = 1;
      if (this.#isOpen[run] !== 0 && this.#flow(run, this.leaving, 0)) isNew = true;
    }
    return isNew;
  }

  #leave(held: Held): void {
    join(this.leaving, 0, held, 0, this.sets);
  }

  #flow(run: number, from: Held, at: number): boolean {
    const isNew = join(this.#states, run * REGISTERS, from, at, this.sets);
    if (!isNew && this.#isReached[run] !== 0) return false;
    this.#isReached[run] = 1;
    this.#isWaiting[run] = 1;
    return true;
  }
}

/** Takes in what may be held besides; true if that was new. */
function join(mine: Uint32Array, at: number, theirs: Uint32Array, from: number, sets: PageSets): boolean {
  let isNew = false;
  for (let register = 0; register < REGISTERS; register += 1) {
    const one = theirs[from + register]!;
    const known = mine[at + register]!;
    if (one === known || one === 0) continue;
    const joined = sets.union(known, one);
    if (joined === known) continue;
    mine[at + register] = joined;
    isNew = true;
  }
  return isNew;
}

/** Whether the instruction after this one can be reached by going on. */
export function goesOn(way: Way): boolean {
  return way !== "jump" && way !== "jump-register" && way !== "return" && way !== "stop" && way !== "invalid";
}

/** Branches, and words outside the groups that programs compute with. */
function mayEndRun(word: number): boolean {
  const group = groupOf(word);
  return group === "branch" || group === "reserved" || (word & 0x7e00_0000) === 0x7400_0000;
}

/** What an instruction changes of what registers hold. */
export function step(held: Held, word: number, at: number, sets: PageSets): void {
  switch (groupOf(word)) {
    case "branch": {
      const way = wayOf(word);
      if (way === "call" || way === "call-register") {
        held.fill(0, 0, FIRST_KEPT);
        held[LINK] = 0;
        return;
      }
      break;
    }
    case "memory":
      afterAccess(held, word);
      return;
    case "sve":
    case "vector":
      return;
    default:
  }
  if (isAdrp(word)) {
    if (rd(word) < REGISTERS) held[rd(word)] = sets.of([relativeAddress(word, at)]);
    return;
  }
  if (isMove(word)) {
    if (rd(word) < REGISTERS) held[rd(word)] = rm(word) < REGISTERS ? held[rm(word)]! : 0;
    return;
  }
  const added = addedImmediate(word);
  if (added !== undefined && rd(word) < REGISTERS && rn(word) < REGISTERS) {
    const set = held[rn(word)]!;
    // What is added to a whole address is not followed: in a loop it would never end.
    held[rd(word)] =
      set === 0
        ? 0
        : sets.of(
            sets
              .pages(set)
              .filter(isPage)
              .map((page) => whole(page + added)),
          );
    return;
  }
  clear(held, written(word));
}

function afterAccess(held: Held, word: number): void {
  // Stores with an immediate offset change no register: most of what there is.
  if ((word & 0x3bc0_0000) === 0x3900_0000) return;
  const literal = literalOf(word);
  if (literal !== undefined) {
    clear(held, literal.to);
    return;
  }
  const { loaded, lost, base, writeBack } = accessOf(word);
  if (loaded !== undefined) for (const register of loaded) clear(held, register);
  // What a form may lose it also may not: pages stay.
  if (lost.length === 1) clear(held, lost[0]);
  if (typeof writeBack === "number") clear(held, base);
}

function clear(held: Held, register: number | undefined): void {
  if (register !== undefined && register < REGISTERS) held[register] = 0;
}
