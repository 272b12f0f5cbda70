import type { Effect, Expr } from "../model.ts";
import { UNKNOWN, constant, either, narrow, plus, readRegister, setRegister } from "./expressions.ts";
import { maskOf, movedWide } from "./immediates.ts";
import { addedImmediate, bit, bits, isRelative, rd, relativeAddress, rm, rn } from "./words.ts";
import { written } from "./writes.ts";

const OPERATIONS = ["and", "or", "xor", "and"] as const;

/** Data processing with an immediate (Arm ARM, C4.1.93). */
export function immediateEffects(word: number, address: number): Effect[] {
  if (isRelative(word))
    return setRegister(rd(word), { kind: "address", value: relativeAddress(word, address) });
  const isWide = bit(word, 31);
  const added = addedImmediate(word);
  if (added !== undefined) {
    // ADDS and SUBS set flags: their number 31 is no stack pointer.
    const isStack = !bit(word, 29);
    return setRegister(rd(word), narrow(plus(readRegister(rn(word), true), added), isWide), isStack);
  }
  switch (bits(word, 25, 23)) {
    case 0b100: {
      const mask = maskOf(word);
      const operation = OPERATIONS[bits(word, 30, 29)]!;
      const isStack = bits(word, 30, 29) !== 0b11;
      const source = readRegister(rn(word));
      if (mask === undefined) return setRegister(rd(word), UNKNOWN, isStack);
      const value: Expr =
        operation === "or" && rn(word) === 31
          ? constant(mask)
          : { kind: operation, a: source, b: constant(mask) };
      return setRegister(rd(word), narrow(value, isWide), isStack);
    }
    case 0b101: {
      const moved = movedWide(word);
      if (moved === undefined) return setRegister(rd(word), UNKNOWN);
      if ("value" in moved) return setRegister(rd(word), constant(moved.value));
      const kept: Expr = { kind: "and", a: readRegister(rd(word)), b: constant(moved.mask) };
      return setRegister(rd(word), narrow({ kind: "or", a: kept, b: constant(moved.insert) }, isWide));
    }
    case 0b110:
      return setRegister(rd(word), bitfield(word, isWide));
    default:
      // EXTR, tags, MIN and MAX.
      return setRegister(rd(word), UNKNOWN, bits(word, 25, 23) === 0b011);
  }
}

/** SBFM, UBFM: shifts and extensions (C6.2.282, C6.2.425). */
function bitfield(word: number, isWide: boolean): Expr {
  const opc = bits(word, 30, 29);
  const rotation = bits(word, 21, 16);
  const top = bits(word, 15, 10);
  const size = isWide ? 64 : 32;
  const source = readRegister(rn(word));
  if (opc === 0b00 && rotation === 0 && (top === 7 || top === 15 || top === 31))
    return narrow({ kind: "low", a: source, bits: (top + 1) as 8 | 16 | 32, signed: true }, isWide);
  if (opc !== 0b10) return UNKNOWN;
  const wide = narrow(source, isWide);
  if (top >= rotation) {
    const width = top - rotation + 1;
    if (rotation === 0 && (width === 8 || width === 16 || width === 32))
      return { kind: "low", a: source, bits: width, signed: false };
    const shifted: Expr = rotation === 0 ? wide : { kind: "shr", a: wide, b: constant(rotation) };
    if (top === size - 1) return shifted;
    return width > 52 ? UNKNOWN : { kind: "and", a: shifted, b: constant(2 ** width - 1) };
  }
  // Shifted left: LSL where all bits that fit are kept.
  const left = size - rotation;
  const value: Expr = { kind: "shl", a: source, b: constant(left) };
  if (top === size - 1 - left) return narrow(value, isWide);
  if (top + 1 > 52) return UNKNOWN;
  const masked: Expr = { kind: "and", a: source, b: constant(2 ** (top + 1) - 1) };
  return narrow({ kind: "shl", a: masked, b: constant(left) }, isWide);
}

/** Data processing with registers (C4.1.95). */
export function registerEffects(word: number): Effect[] {
  const isWide = bit(word, 31);
  const set = (value: Expr, isStack = false): Effect[] =>
    setRegister(rd(word), narrow(value, isWide), isStack);
  if (!bit(word, 28)) return bit(word, 24) ? addOrSubtract(word, set) : set(logical(word));
  if (bits(word, 24, 21) === 0b0100) return set(selected(word));
  // MADD with nothing to add to, and everything else: a register that is not followed.
  const register = written(word);
  return register === undefined ? [] : setRegister(register, UNKNOWN);
}

/** AND, ORR, EOR and their forms with the second operand inverted; shifted (C4.1.95.4). */
function logical(word: number): Expr {
  const operand = shifted(word);
  if (operand === undefined) return UNKNOWN;
  const isInverted = bit(word, 21);
  const second: Expr = isInverted ? { kind: "xor", a: operand, b: constant(-1) } : operand;
  const operation = OPERATIONS[bits(word, 30, 29)]!;
  if (rn(word) === 31) return operation === "and" ? constant(0) : second;
  if (operation === "xor" && rn(word) === rm(word) && !isInverted && bits(word, 15, 10) === 0)
    return constant(0);
  return { kind: operation, a: readRegister(rn(word)), b: second };
}

function addOrSubtract(word: number, set: (value: Expr, isStack?: boolean) => Effect[]): Effect[] {
  const kind = bit(word, 30) ? "sub" : "add";
  const isExtended = bit(word, 21);
  const operand = isExtended ? extendedOperand(word) : shifted(word);
  const isStack = isExtended && !bit(word, 29);
  if (operand === undefined) return set(UNKNOWN, isStack);
  if (rn(word) === 31 && !isExtended) {
    const negated: Expr = { kind: "sub", a: constant(0), b: operand };
    return set(kind === "add" ? operand : negated);
  }
  return set({ kind, a: readRegister(rn(word), isExtended), b: operand }, isStack);
}

/** The second operand, shifted left; other shifts are not followed. */
function shifted(word: number): Expr | undefined {
  const amount = bits(word, 15, 10);
  const source = readRegister(rm(word));
  if (amount === 0) return source;
  if (bits(word, 23, 22) === 0b00) return { kind: "shl", a: source, b: constant(amount) };
  if (bits(word, 23, 22) === 0b01)
    return { kind: "shr", a: narrow(source, bit(word, 31)), b: constant(amount) };
  return undefined;
}

/** The second operand of an extended form (C6.2.4). */
function extendedOperand(word: number): Expr {
  const option = bits(word, 15, 13);
  const amount = bits(word, 12, 10);
  const source = readRegister(rm(word));
  const width = (option & 3) === 3 ? 64 : ((8 << (option & 3)) as 8 | 16 | 32);
  const value: Expr =
    width === 64 ? source : { kind: "low", a: source, bits: width, signed: (option & 4) !== 0 };
  return amount === 0 ? value : { kind: "shl", a: value, b: constant(amount) };
}

/** CSEL, CSINC, CSINV, CSNEG: one or the other (C4.1.95.9). */
function selected(word: number): Expr {
  const second = readRegister(rm(word));
  const kind = (bits(word, 30, 30) << 1) | bits(word, 10, 10);
  const changed: Expr =
    kind === 0b00
      ? second
      : kind === 0b01
        ? plus(second, 1)
        : kind === 0b10
          ? { kind: "xor", a: second, b: constant(-1) }
          : { kind: "sub", a: constant(0), b: second };
  return either(readRegister(rn(word)), changed);
}
