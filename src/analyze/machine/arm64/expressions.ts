import type { Effect, Expr } from "../model.ts";
import { THIRTY_ONE } from "./words.ts";

/** The number of the stack pointer among the machine's registers; 0 to 30 are x0 to x30. */
export const SP = 31;

export const UNKNOWN: Expr = { kind: "unknown" };

export function constant(value: number): Expr {
  return { kind: "const", value };
}

/** A source register; number 31 is zero, or the stack pointer with `isStack`. */
export function readRegister(register: number, isStack = false): Expr {
  if (register === THIRTY_ONE && !isStack) return constant(0);
  return { kind: "register", register };
}

/** A destination register; number 31 takes nothing, or is the stack pointer with `isStack`. */
export function setRegister(register: number, value: Expr, isStack = false): Effect[] {
  if (register === THIRTY_ONE && !isStack) return [];
  return [{ to: { register }, value }];
}

/** A result of an instruction on 32 bits: the upper half becomes zero (Arm ARM, B1.2.1). */
export function narrow(value: Expr, isWide: boolean): Expr {
  if (isWide || value.kind === "unknown") return value;
  if (value.kind === "const" && value.value >= 0 && value.value <= 0xffff_ffff) return value;
  return { kind: "low", a: value, bits: 32, signed: false };
}

export function plus(a: Expr, value: number): Expr {
  if (value === 0) return a;
  return value > 0 ? { kind: "add", a, b: constant(value) } : { kind: "sub", a, b: constant(-value) };
}

export function either(a: Expr, b: Expr): Expr {
  return { kind: "either", a, b };
}
