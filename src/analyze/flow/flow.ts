import type { Module } from "../link/module.ts";
import type { Insn } from "../machine/model.ts";
import { type Body, bodyOf } from "./body.ts";
import { doesNotReturn, slotDoesNotReturn } from "./noreturn.ts";
import { State } from "./state.ts";
import { NOTHING, type Value, unknown, valueOf } from "./values.ts";

/** What is asked for at a place. */
export type Wanted =
  | { register: number }
  /** Memory at the stack pointer plus an offset. */
  | { stack: number; size: number }
  /** Memory at what a register holds, plus an offset. */
  | { memory: number; offset: number; size: number; signed: boolean };

/** Times that one block is gone through before what still changes there is given up. */
const MAX_VISITS = 16;

interface Block {
  from: number;
  /** Exclusive. */
  to: number;
  next: number[];
  /** It ends with a jump whose targets are not known. */
  isOpen: boolean;
}

/**
 * Values in one function, by a forward data flow over its control flow: sets of values for each register and stack slot,
 * joined where ways meet. What the function was given stays symbolic.
 */
export class Flow {
  readonly body: Body;
  readonly module: Module;
  #blocks: Block[] = [];
  #blockOf = new Map<number, number>();
  #states: (State | undefined)[] = [];
  #visits: number[] = [];

  constructor(module: Module, index: number) {
    this.module = module;
    this.body = bodyOf(module, index);
    if (this.body.isCut) return;
    this.#split();
    this.#run();
  }

  /** What may be there just before the instruction at the address. No values: the place is not reached. */
  valueAt(address: number, wanted: Wanted): Value {
    const state = this.#stateAt(address);
    if (!(state instanceof State)) return state;
    const { machine } = this.module;
    if ("register" in wanted) return state.registers[wanted.register]!;
    if ("stack" in wanted)
      return state.read(state.registers[machine.stackPointer]!, wanted.stack, wanted.size, false, machine);
    return state.read(state.registers[wanted.memory]!, wanted.offset, wanted.size, wanted.signed, machine);
  }

  /** What the instruction at the address writes to memory. */
  storedAt(address: number): Value {
    const at = this.body.indexOf.get(address);
    const insn = at === undefined ? undefined : this.body.insns[at];
    const stores = insn?.effects.filter(({ to }) => typeof to === "object" && !("register" in to)) ?? [];
    // Of a pair it is not told which of the two it is about.
    const [effect] = stores;
    if (effect === undefined || stores.length > 1) return unknown("a store that is not followed");
    const state = this.#stateAt(address);
    return state instanceof State ? state.evaluate(effect.value, this.module.machine) : state;
  }

  /** Memory at an address of this function's frame, just before the instruction at the address. */
  frameAt(address: number, frame: { entry: number; offset: number }, size: number, signed: boolean): Value {
    const state = this.#stateAt(address);
    if (!(state instanceof State)) return state;
    const { machine } = this.module;
    const base = valueOf({
      kind: "entry",
      entry: frame.entry,
      location: { register: machine.stackPointer },
      offset: frame.offset,
    });
    return state.read(base, 0, size, signed, machine);
  }

  /** The state just before an instruction; where there is none, the value that anything has there. */
  #stateAt(address: number): State | Value {
    const at = this.body.indexOf.get(address);
    if (this.body.isCut) return unknown("a function in more parts than are followed");
    if (at === undefined) return unknown("the place is not an instruction of the function");
    const number = this.#blockAt(at);
    const found = this.#states[number];
    if (found === undefined) return NOTHING;
    const state = found.clone();
    for (let i = this.#blocks[number]!.from; i < at; i += 1) this.#step(state, this.body.insns[i]!);
    return state;
  }

  #blockAt(index: number): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#blocks[middle]!.from <= index) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #split(): void {
    const { insns, indexOf, entries, pads, switched } = this.body;
    const leaders = new Set<number>();
    const lead = (address: number): void => {
      const at = indexOf.get(address);
      if (at !== undefined) leaders.add(at);
    };
    if (insns.length > 0) leaders.add(0);
    for (const address of [...entries, ...pads, ...switched]) lead(address);
    for (const [i, { flow, target }] of insns.entries()) {
      if (flow === "next" || flow === "syscall") continue;
      if (flow !== "call") {
        if (target !== undefined) lead(target);
        if (i + 1 < insns.length) leaders.add(i + 1);
      } else if (this.#isEnd(insns[i]!) && i + 1 < insns.length) leaders.add(i + 1);
    }
    const sorted = [...leaders].sort((a, b) => a - b);
    for (const [i, from] of sorted.entries())
      this.#blocks.push({ from, to: sorted[i + 1] ?? insns.length, next: [], isOpen: false });
    for (const [number, block] of this.#blocks.entries()) this.#blockOf.set(block.from, number);
    for (const block of this.#blocks) this.#link(block);
  }

  #link(block: Block): void {
    const { insns, indexOf, switched } = this.body;
    const last = insns[block.to - 1]!;
    const go = (address: number): void => {
      const at = indexOf.get(address);
      if (at !== undefined) block.next.push(this.#blockOf.get(at)!);
    };
    const goOn = (): void => {
      const following = insns[block.to];
      if (following !== undefined) block.next.push(this.#blockOf.get(block.to)!);
    };
    switch (last.flow) {
      case "jump":
        if (last.target !== undefined) go(last.target);
        else if (last.through?.kind !== "global") {
          for (const target of switched) go(target);
          block.isOpen = switched.length === 0;
        }
        return;
      case "branch":
        go(last.target!);
        goOn();
        return;
      case "return":
      case "stop":
      case "invalid":
        return;
      case "call":
        if (!this.#isEnd(last)) goOn();
        return;
      default:
        goOn();
    }
  }

  /** A call that does not come back. */
  #isEnd({ flow, target, through }: Insn): boolean {
    if (flow !== "call") return false;
    if (target !== undefined) {
      const callee = this.module.functionAt(target);
      return callee >= 0 && doesNotReturn(this.module, callee);
    }
    return through?.kind === "global" && slotDoesNotReturn(this.module, through.address);
  }

  #run(): void {
    const { machine } = this.module;
    for (const entry of this.body.entries) this.#enter(entry, State.atEntry(machine, entry));
    for (const pad of this.body.pads)
      this.#enter(pad, State.unknown(machine, pad, "where an exception goes on"));
    this.#drain();
    // Jumps whose table was not understood may lead wherever nothing else does.
    const open = this.#blocks.flatMap((block, i) => (block.isOpen && this.#states[i] ? [i] : []));
    if (open.length === 0) return;
    for (const [i, block] of this.#blocks.entries()) {
      if (this.#states[i] !== undefined) continue;
      const address = this.body.insns[block.from]!.address;
      this.#enter(
        address,
        State.unknown(machine, address, "reached by a jump table that was not understood"),
      );
    }
    this.#drain();
  }

  #queue: number[] = [];
  #isQueued: number[] = [];

  #enter(address: number, state: State): void {
    const at = this.body.indexOf.get(address);
    const number = at === undefined ? undefined : this.#blockOf.get(at);
    if (number !== undefined) this.#flowTo(number, state);
  }

  #flowTo(number: number, state: State): void {
    const known = this.#states[number];
    const visits = (this.#visits[number] = (this.#visits[number] ?? 0) + 1);
    if (known === undefined) this.#states[number] = state.clone();
    else if (!known.join(state, visits > MAX_VISITS)) return;
    if (this.#isQueued[number]) return;
    this.#isQueued[number] = 1;
    this.#queue.push(number);
  }

  #drain(): void {
    while (this.#queue.length > 0) {
      // In the order of addresses, which is nearly that of the control flow: a block waits for those before it.
      let first = 0;
      for (let i = 1; i < this.#queue.length; i += 1) if (this.#queue[i]! < this.#queue[first]!) first = i;
      const [number] = this.#queue.splice(first, 1) as [number];
      this.#isQueued[number] = 0;
      const block = this.#blocks[number]!;
      const state = this.#states[number]!.clone();
      for (let i = block.from; i < block.to; i += 1) this.#step(state, this.body.insns[i]!);
      for (const next of block.next) this.#flowTo(next, state);
    }
  }

  #step(state: State, insn: Insn): void {
    const { machine } = this.module;
    state.apply(insn.effects, machine);
    if (insn.flow === "call") state.call(machine);
    else if (insn.flow === "syscall") state.syscall(machine);
  }
}
