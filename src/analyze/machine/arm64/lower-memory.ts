import type { Effect, Expr } from "../model.ts";
import { UNKNOWN, plus, readRegister, setRegister } from "./expressions.ts";
import { type Access, accessOf, literalOf } from "./memory.ts";

/** Loads and stores (Arm ARM, C4.1.96). */
export function memoryEffects(word: number, address: number): Effect[] {
  const literal = literalOf(word);
  if (literal !== undefined) {
    if (literal.to === undefined) return [];
    const { distance, size, signed } = literal;
    return setRegister(literal.to, { kind: "global", address: address + distance, size, signed });
  }
  const access = accessOf(word);
  return [
    ...stores(access),
    ...access.lost.flatMap((register) => setRegister(register, UNKNOWN)),
    ...writeBack(access),
    ...loads(access),
  ];
}

function stores({ writes, stored, offset, base, size }: Access): Effect[] {
  if (!writes) return [];
  if (offset === undefined) return [{ to: "memory", value: UNKNOWN }];
  if (stored === undefined) return [{ to: { base, offset, size }, value: UNKNOWN }];
  const each = size / stored.length;
  return stored.map((register, i) => ({
    to: { base, offset: offset + i * each, size: each },
    value: readRegister(register),
  }));
}

function loads({ loaded = [], offset, base, size, sign }: Access): Effect[] {
  const each = size / Math.max(1, loaded.length);
  return loaded.flatMap((register, i) => {
    if (offset === undefined || each > 8) return setRegister(register, UNKNOWN);
    const value: Expr = {
      kind: "memory",
      base,
      offset: offset + i * each,
      size: each,
      signed: sign !== undefined,
    };
    return setRegister(register, sign === 32 ? { kind: "low", a: value, bits: 32, signed: false } : value);
  });
}

function writeBack({ writeBack: by, base }: Access): Effect[] {
  if (by === undefined) return [];
  return setRegister(base, by === "unknown" ? UNKNOWN : plus(readRegister(base, true), by), true);
}
