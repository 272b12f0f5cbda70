import type { Carried, ScanSink } from "../model.ts";
import { branchTarget, wayOf, type Way } from "./branches.ts";
import { accessOf, literalOf } from "./memory.ts";
import { PageSets, addressOf, isPage } from "./page-sets.ts";
import { FIRST_KEPT, LINK, PageFlow, goesOn, nothingHeld, step } from "./pages.ts";
import { addedImmediate, groupOf, isAdrp, isMove, isRelative, rd, relativeAddress, rm, rn } from "./words.ts";
import { mentions, sources } from "./reads.ts";
import { written } from "./writes.ts";

/** Instructions between the load of a pointer and the call through it; compilers put few there. */
const MAX_BETWEEN = 12;

/**
 * The fast pass over A64 code: what `Machine.scan` promises. An address is made of a page (ADRP) and an offset (ADD, or
 * that of a load or store); where a register may hold several pages, each of the addresses is told. A page that is used
 * in any other way is told as an address itself. Whole addresses go on as bases too: compilers reach several variables from
 * one (section anchors), so that what is loaded and stored there is told by its own address.
 */
export function scan(
  code: Uint8Array,
  address: number,
  sink: ScanSink,
  absolute?: { from: number; to: number },
  carried?: Carried,
): Carried {
  const words = wordsOf(code);
  if (!words.some(isAdrp) && (carried === undefined || carried.size === 0)) {
    new Pass(words, address, sink, absolute, undefined).run();
    return NOTHING;
  }
  const sets = new PageSets();
  const entered = nothingHeld();
  for (const [register, pages] of carried ?? []) entered[register] = sets.of(pages);
  const flow = new PageFlow(words, address, entered, sets);
  new Pass(words, address, sink, absolute, flow).run();
  const leaving = new Map<number, readonly number[]>();
  for (const [register, set] of flow.leaving.entries()) if (set !== 0) leaving.set(register, sets.pages(set));
  return leaving;
}

const NOTHING: Carried = new Map();
const NONE: readonly number[] = [];

export function wordsOf(code: Uint8Array): Uint32Array {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const words = new Uint32Array(code.length >> 2);
  for (let i = 0; i < words.length; i += 1) words[i] = view.getUint32(i * 4, true);
  return words;
}

class Pass {
  #words: Uint32Array;
  #address: number;
  #sink: ScanSink;
  #absolute: { from: number; to: number } | undefined;
  /** Undefined where the code makes no pages and was entered with none. */
  #pages: PageFlow | undefined;
  #held = nothingHeld();
  /** What MOVZ, MOVN and MOVK made, by register; undefined: something else. */
  #constants: (number | undefined)[] = [];
  /** Places of loads that are told where the call or jump through their result is. */
  #through = new Map<number, number>();

  constructor(
    words: Uint32Array,
    address: number,
    sink: ScanSink,
    absolute: { from: number; to: number } | undefined,
    pages: PageFlow | undefined,
  ) {
    this.#words = words;
    this.#address = address;
    this.#sink = sink;
    this.#absolute = absolute;
    this.#pages = pages;
  }

  run(): void {
    let last: Way = "next";
    for (let i = 0; i < this.#words.length; i += 1) {
      if (this.#pages?.isStart(i) === true) {
        this.#pages.enter(i, this.#held);
        this.#constants.length = 0;
      }
      const word = this.#words[i]!;
      const at = this.#address + i * 4;
      const way = wayOf(word);
      if (way !== "padding") last = way;
      this.#tell(word, at, way, i);
      if (this.#pages !== undefined) step(this.#held, word, at, this.#pages.sets);
      if (way === "call" || way === "call-register") this.#constants.length = 0;
    }
    const isCall = last === "call" || last === "call-register";
    this.#sink.end(this.#address + this.#words.length * 4, goesOn(last), isCall);
  }

  #tell(word: number, at: number, way: Way, i: number): void {
    switch (way) {
      case "next":
        this.#next(word, at, i);
        return;
      case "call":
      case "jump":
      case "branch":
        this.#sink.branch(at, branchTarget(word, at), way);
        return;
      case "call-register":
      case "jump-register": {
        const slot = this.#through.get(i);
        const kind = way === "call-register" ? "call" : "jump";
        if (slot !== undefined) this.#sink.load(at, slot, 8, kind);
        else {
          this.#escape(rn(word), at);
          this.#sink.indirect(at, kind);
        }
        return;
      }
      case "return":
        this.#sink.returns(at);
        return;
      case "syscall":
        this.#sink.syscall(at);
        return;
      case "invalid":
        this.#sink.invalid(at);
        return;
      case "padding":
      case "stop":
    }
  }

  #next(word: number, at: number, i: number): void {
    if (isRelative(word)) {
      if (!isAdrp(word)) this.#sink.address(at, relativeAddress(word, at));
      this.#forget(rd(word));
      return;
    }
    const added = addedImmediate(word);
    if (added !== undefined) {
      if (!this.#isStubPart(i))
        for (const base of this.#basesOf(rn(word))) this.#sink.address(at, addressOf(base) + added);
      this.#forget(rd(word));
      return;
    }
    if (groupOf(word) === "memory") this.#memory(word, at, i);
    else if (isMove(word)) this.#forget(rd(word));
    else {
      this.#constant(word, at);
      for (const register of sources(word)) this.#escape(register, at);
    }
  }

  #memory(word: number, at: number, i: number): void {
    const literal = literalOf(word);
    if (literal !== undefined) {
      this.#literal(at, literal.distance, literal.size);
      this.#forget(literal.to);
      return;
    }
    const { reads, writes, size, base, offset, stored = [], loaded = [] } = accessOf(word);
    for (const register of stored) this.#escape(register, at);
    const bases = this.#basesOf(base);
    if (offset === undefined) {
      this.#escape(base, at);
      this.#escape(rm(word), at);
    } else {
      const through =
        bases.length === 1 && size === 8 && loaded.length === 1 ? this.#user(loaded[0]!, i) : undefined;
      if (through !== undefined) this.#through.set(through, addressOf(bases[0]!) + offset);
      else
        for (const one of bases) {
          const target = addressOf(one) + offset;
          if (reads) this.#sink.load(at, target, size, "value");
          if (writes) this.#sink.store(at, target, size);
          if (!reads && !writes) this.#sink.address(at, target);
        }
    }
    for (const register of loaded) this.#forget(register);
  }

  /** The call or jump through what was just loaded to a register, if that is all that is done with it. */
  #user(register: number, from: number): number | undefined {
    const to = Math.min(this.#words.length, from + 1 + MAX_BETWEEN);
    for (let i = from + 1; i < to; i += 1) {
      // Another way may lead here, on which the register holds something else.
      if (this.#pages!.isStart(i)) return undefined;
      const word = this.#words[i]!;
      const way = wayOf(word);
      if (way === "call-register" || way === "jump-register") {
        // One that calls keep may be called through again.
        const isKept = way === "call-register" && register >= FIRST_KEPT && register !== LINK;
        return rn(word) === register && !isKept ? i : undefined;
      }
      if (way !== "next" && way !== "padding") return undefined;
      if (mentions(word, register)) return undefined;
    }
    return undefined;
  }

  /**
   * The ADD of an entry of a procedure linkage table, which hands the address of the slot on to the loader: what counts
   * is the jump through the slot (AAELF64, "PLT sequences").
   */
  #isStubPart(i: number): boolean {
    const word = this.#words[i]!;
    return (
      rd(word) === 16 &&
      rn(word) === 16 &&
      this.#through.get(i + 1) !== undefined &&
      (this.#words[i + 1]! & 0xffff_fc1f) >>> 0 === 0xd61f_0000
    );
  }

  #literal(at: number, distance: number, size: number): void {
    this.#sink.load(at, at + distance, size, "value");
    const index = (at + distance - this.#address) / 4;
    const value = this.#words[index];
    // Where a file is loaded at a fixed address, the word in the code may be one.
    if (this.#absolute === undefined || value === undefined || !Number.isInteger(index)) return;
    if (size === 4 || this.#words[index + 1] === 0) this.#tellConstant(at, value);
  }

  /** MOVZ, MOVK: an address in a file that is loaded at a fixed one. */
  #constant(word: number, at: number): void {
    const register = rd(word);
    if ((word & 0x1f80_0000) >>> 0 !== 0x1280_0000) {
      this.#forget(written(word));
      return;
    }
    const shift = ((word >>> 21) & 3) * 16;
    const value = ((word >>> 5) & 0xffff) * 2 ** shift;
    const kind = (word >>> 29) & 3;
    const before = this.#constants[register];
    const made =
      kind === 2
        ? value
        : kind === 3 && before !== undefined
          ? before + value - (Math.floor(before / 2 ** shift) % 65_536) * 2 ** shift
          : undefined;
    this.#constants[register] = made;
    if (made !== undefined) this.#tellConstant(at, made);
  }

  #tellConstant(at: number, value: number): void {
    if (this.#absolute !== undefined && value >= this.#absolute.from && value < this.#absolute.to)
      this.#sink.address(at, value);
  }

  #basesOf(register: number): readonly number[] {
    if (this.#pages === undefined || register > 30) return NONE;
    const set = this.#held[register]!;
    return set === 0 ? NONE : this.#pages.sets.pages(set);
  }

  #escape(register: number, at: number): void {
    for (const page of this.#basesOf(register)) if (isPage(page)) this.#sink.address(at, page);
  }

  #forget(register: number | undefined): void {
    if (register !== undefined) this.#constants[register] = undefined;
  }
}
