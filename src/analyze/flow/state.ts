import type { Effect, Expr, Machine } from "../machine/model.ts";
import {
  type Atom,
  CHANGES_IN_LOOP,
  NOTHING,
  type Value,
  combine,
  dereference,
  insertBits,
  lowBits,
  only,
  union,
  unknown,
  valueOf,
} from "./values.ts";

interface Slot {
  size: number;
  value: Value;
}

const OVERWRITTEN = unknown("memory that may have been changed");
const FROM_CALL = unknown("the result of a call");
const PARTLY = unknown("part of a value in memory");

/**
 * What registers and the stack frame hold at one place. Memory is followed only on the stack: slots by their offset from
 * the stack pointer at the entry.
 */
export class State {
  registers: Value[];
  /** By `slotKey` of entry and offset. */
  slots: Map<number, Slot>;
  /** By entry: the lowest offset whose address others may know. What lies at or above it changes with each call. */
  escaped: Map<number, number>;
  /** By entry: the lowest offset that may have been changed since the entry without a slot that says to what. */
  lost: Map<number, number>;
  #isShared = false;

  constructor(
    registers: Value[],
    slots = new Map<number, Slot>(),
    escaped = new Map<number, number>(),
    lost = new Map<number, number>(),
  ) {
    this.registers = registers;
    this.slots = slots;
    this.escaped = escaped;
    this.lost = lost;
  }

  /** At an entry from outside: everything is what it was there. */
  static atEntry(machine: Machine, entry: number): State {
    return new State(
      machine.registers.map((_, register) =>
        valueOf({ kind: "entry", entry, location: { register }, offset: 0 }),
      ),
    );
  }

  /** Where nothing is known but the stack pointer. */
  static unknown(machine: Machine, entry: number, reason: string): State {
    const state = State.atEntry(machine, entry);
    state.registers = state.registers.map((value, register) =>
      register === machine.stackPointer ? value : unknown(reason),
    );
    state.lost.set(entry, Number.NEGATIVE_INFINITY);
    return state;
  }

  /** A copy. The slots are shared until one of the two changes them: most blocks of a function change none. */
  clone(): State {
    this.#isShared = true;
    const copy = new State([...this.registers], this.slots, new Map(this.escaped), new Map(this.lost));
    copy.#isShared = true;
    return copy;
  }

  #setSlot(key: number, slot: Slot): void {
    if (this.#isShared) {
      this.slots = new Map(this.slots);
      this.#isShared = false;
    }
    this.slots.set(key, slot);
  }

  /** Takes in what may hold here besides; true if that was new. `isLast`: what is new now is given up. */
  join(other: State, isLast: boolean): boolean {
    let isNew = false;
    const taken = (joined: Value): Value => (isLast && joined.size > 1 ? CHANGES_IN_LOOP : joined);
    for (const [i, value] of other.registers.entries()) {
      const joined = union(this.registers[i]!, value);
      if (joined !== this.registers[i]) {
        this.registers[i] = taken(joined);
        isNew = true;
      }
    }
    if (this.slots !== other.slots && this.#joinSlots(other, taken)) isNew = true;
    if (lower(this.escaped, other.escaped)) isNew = true;
    if (lower(this.lost, other.lost)) isNew = true;
    return isNew;
  }

  #joinSlots(other: State, taken: (joined: Value) => Value): boolean {
    let isNew = false;
    for (const [key, slot] of this.slots) {
      const theirs = other.slots.get(key);
      const value = theirs?.size === slot.size ? theirs.value : theirs ? PARTLY : other.#unwritten(key);
      const joined = union(slot.value, value);
      if (joined !== slot.value) {
        this.#setSlot(key, { size: slot.size, value: taken(joined) });
        isNew = true;
      }
    }
    for (const [key, slot] of other.slots) {
      if (this.slots.has(key)) continue;
      const joined = union(this.#unwritten(key), slot.value);
      this.#setSlot(key, { size: slot.size, value: joined });
      isNew = true;
    }
    return isNew;
  }

  /** A slot that was not written since the entry. */
  #unwritten(key: number): Value {
    return this.#initial(entryOf(key), offsetOf(key));
  }

  #initial(entry: number, offset: number): Value {
    if (offset >= (this.lost.get(entry) ?? Infinity)) return OVERWRITTEN;
    // Below the stack pointer there is nothing of the caller's: a local that was never written.
    if (offset < 0) return NOTHING;
    return valueOf({ kind: "entry", entry, location: { stack: offset }, offset: 0 });
  }

  /** What an expression may be. */
  evaluate(expr: Expr, machine: Machine): Value {
    switch (expr.kind) {
      case "const":
        return valueOf({ kind: "const", value: expr.value });
      case "address":
        return valueOf({ kind: "address", value: expr.value });
      case "register":
        return this.registers[expr.register]!;
      case "memory":
        return this.read(this.registers[expr.base]!, expr.offset, expr.size, expr.signed, machine);
      case "global":
        return valueOf(expr);
      case "low":
        return lowBits(this.evaluate(expr.a, machine), expr.bits, expr.signed);
      case "insert":
        return insertBits(this.evaluate(expr.a, machine), this.evaluate(expr.b, machine), expr.bits);
      case "either":
        return union(this.evaluate(expr.a, machine), this.evaluate(expr.b, machine));
      case "unknown":
        return unknown("an instruction that is not followed");
      default:
        return combine(expr.kind, this.evaluate(expr.a, machine), this.evaluate(expr.b, machine));
    }
  }

  /** What memory at base + offset holds. */
  read(base: Value, offset: number, size: number, signed: boolean, machine: Machine): Value {
    const atom = only(base);
    const frame = atom && frameOf(atom, machine);
    if (frame === undefined) return dereference(base, offset, size, signed);
    const at = frame.offset + offset;
    if (Math.abs(at) >= REACH) return OVERWRITTEN;
    const slot = this.slots.get(slotKey(frame.entry, at));
    if (slot !== undefined) {
      if (slot.size === size)
        return size === 8 ? slot.value : lowBits(slot.value, (size * 8) as 8 | 16 | 32, signed);
      return slot.size > size ? lowBits(slot.value, (size * 8) as 8 | 16 | 32, signed) : PARTLY;
    }
    if (this.#overlapping(frame.entry, at, size).length > 0) return PARTLY;
    return this.#initial(frame.entry, at);
  }

  #overlapping(entry: number, at: number, size: number): number[] {
    const keys: number[] = [];
    if (this.slots.size === 0) return keys;
    // No write is larger than a vector register.
    for (let start = at - 63; start < at + size; start += 1) {
      const key = slotKey(entry, start);
      const slot = this.slots.get(key);
      if (slot !== undefined && start + slot.size > at) keys.push(key);
    }
    return keys;
  }

  apply(effects: readonly Effect[], machine: Machine): void {
    if (effects.length === 0) return;
    const results = effects.map(({ value }) => this.evaluate(value, machine));
    const bases = effects.map(({ to }) =>
      typeof to === "object" && "base" in to ? this.registers[to.base]! : NOTHING,
    );
    for (const [i, { to }] of effects.entries()) {
      const value = results[i]!;
      if (to === "memory") this.#loseEscaped();
      else if ("register" in to) {
        this.registers[to.register] = value;
        if (machine.functionArguments.includes(to.register) || machine.callArguments.includes(to.register))
          this.#escape(value, machine);
      } else if ("base" in to) this.#write(bases[i]!, to.offset, to.size, value, machine);
      else this.#escape(value, machine);
    }
  }

  #write(base: Value, offset: number, size: number, value: Value, machine: Machine): void {
    this.#escape(value, machine);
    const atom = only(base);
    const frame = atom && frameOf(atom, machine);
    if (frame === undefined) {
      // What a parameter points to is not in this frame; what came from elsewhere may be, where the frame is known outside.
      if (atom?.kind !== "entry" && atom?.kind !== "address") this.#loseEscaped(base.size > 1);
      return;
    }
    const at = frame.offset + offset;
    if (Math.abs(at) >= REACH) return;
    for (const key of this.#overlapping(frame.entry, at, size))
      this.#setSlot(key, { ...this.slots.get(key)!, value: PARTLY });
    this.#setSlot(slotKey(frame.entry, at), { size, value });
  }

  #escape(value: Value, machine: Machine): void {
    for (const atom of value.values()) {
      const frame = frameOf(atom, machine);
      if (frame === undefined) continue;
      this.escaped.set(frame.entry, Math.min(frame.offset, this.escaped.get(frame.entry) ?? Infinity));
    }
  }

  /** Something wrote to memory that others may reach. `all`: it may have been anywhere on the stack. */
  #loseEscaped(all = false): void {
    if (all || this.escaped.size > 0)
      for (const [key, slot] of this.slots) {
        if (slot.value === OVERWRITTEN) continue;
        if (all || offsetOf(key) >= (this.escaped.get(entryOf(key)) ?? Infinity))
          this.#setSlot(key, { size: slot.size, value: OVERWRITTEN });
      }
    for (const [entry, offset] of this.escaped)
      this.lost.set(entry, Math.min(offset, this.lost.get(entry) ?? Infinity));
  }

  /** After a call that came back. */
  call(machine: Machine): void {
    for (const register of machine.clobbered) this.registers[register] = FROM_CALL;
    this.#loseEscaped();
  }

  /** After a system call. */
  syscall(machine: Machine): void {
    this.registers[machine.result] = FROM_CALL;
    for (const register of machine.clobberedBySyscall) this.registers[register] = FROM_CALL;
    this.#loseEscaped();
  }
}

/** Offsets that are followed: frames are smaller than 1 MiB each way, but for large arrays. */
const REACH = 2 ** 20;

/** One number for an entry (below 2^32) and an offset in its frame. */
function slotKey(entry: number, offset: number): number {
  return entry * REACH * 2 + offset + REACH;
}

function entryOf(key: number): number {
  return Math.floor(key / (REACH * 2));
}

function offsetOf(key: number): number {
  return (key % (REACH * 2)) - REACH;
}

function lower(mine: Map<number, number>, theirs: ReadonlyMap<number, number>): boolean {
  let isNew = false;
  for (const [entry, offset] of theirs) {
    if (offset >= (mine.get(entry) ?? Infinity)) continue;
    mine.set(entry, offset);
    isNew = true;
  }
  return isNew;
}

/** An address in the frame of an entry: its stack pointer plus an offset. */
export function frameOf(atom: Atom, machine: Machine): { entry: number; offset: number } | undefined {
  if (atom.kind !== "entry" || !("register" in atom.location)) return undefined;
  if (atom.location.register !== machine.stackPointer) return undefined;
  return { entry: atom.entry, offset: atom.offset };
}
