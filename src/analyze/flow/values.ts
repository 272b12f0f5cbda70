/** Where a value was at an entry of the code: in a register, or in memory at an offset from the stack pointer there. */
export type Location = { register: number } | { stack: number };

/** One value that something may have. */
export type Atom =
  | { kind: "const"; value: number }
  /** An address of the module. */
  | { kind: "address"; value: number }
  /** What `location` held when the code was entered at `entry`, plus `offset`. */
  | { kind: "entry"; entry: number; location: Location; offset: number }
  /** What memory at a known address of the module holds. */
  | { kind: "global"; address: number; size: number; signed: boolean }
  /** What memory at another value plus `offset` holds. */
  | { kind: "deref"; base: Atom; offset: number; size: number; signed: boolean }
  | { kind: "unknown"; reason: string };

/** All values that something may have, by key. Empty: none (code that is not reached). */
export type Value = ReadonlyMap<string, Atom>;

/** Values one thing may have before the analysis gives up on it: a switch over calls has a few dozen. */
export const MAX_VALUES = 64;

/** Loads through loads before the analysis gives up. */
const MAX_DEPTH = 2;

export function keyOf(atom: Atom): string {
  switch (atom.kind) {
    case "const":
      return `c${atom.value}`;
    case "address":
      return `a${atom.value}`;
    case "entry": {
      const { location } = atom;
      const where = "register" in location ? `r${location.register}` : `s${location.stack}`;
      return `e${atom.entry}:${where}+${atom.offset}`;
    }
    case "global":
      return `g${atom.address}:${atom.size}${atom.signed ? "s" : "u"}`;
    case "deref":
      return `d(${keyOf(atom.base)})${atom.offset}:${atom.size}${atom.signed ? "s" : "u"}`;
    case "unknown":
      return `u${atom.reason}`;
  }
}

/** Every value is made once, so that equal ones are the same object: a data flow compares far more than it computes. */
const interned = new Map<string, Value>();
/** Values kept at most; the atoms of a large program's functions are some tens of thousands. */
const MAX_INTERNED = 200_000;

function intern(atoms: Map<string, Atom>): Value {
  const key = atoms.size === 1 ? atoms.keys().next().value! : [...atoms.keys()].sort().join("|");
  let value = interned.get(key);
  if (value === undefined) {
    if (interned.size > MAX_INTERNED) interned.clear();
    interned.set(key, (value = atoms));
  }
  return value;
}

export function valueOf(atom: Atom): Value {
  const key = keyOf(atom);
  return interned.get(key) ?? intern(new Map([[key, atom]]));
}

/** A value of several atoms. */
export function fromAtoms(atoms: readonly Atom[]): Value {
  return intern(new Map(atoms.map((atom) => [keyOf(atom), atom])));
}

export function unknown(reason: string): Value {
  return valueOf({ kind: "unknown", reason });
}

export const NOTHING: Value = intern(new Map());
const TOO_MANY = unknown(`more than ${MAX_VALUES} values`);
/** What a value becomes that still changes after many rounds of a loop. */
export const CHANGES_IN_LOOP = unknown("a value that changes in a loop");
/** By identity: joined with anything they stay what they are, so that every data flow ends. */
const GIVEN_UP: ReadonlySet<Value> = new Set([TOO_MANY, CHANGES_IN_LOOP]);

/** All that either has. What was given up stays given up. */
export function union(a: Value, b: Value): Value {
  if (a === b || b.size === 0 || GIVEN_UP.has(a)) return a;
  if (a.size === 0 || GIVEN_UP.has(b)) return b;
  let known = unions.get(a);
  if (known === undefined) unions.set(a, (known = new WeakMap()));
  let result = known.get(b);
  if (result === undefined) known.set(b, (result = unite(a, b)));
  return result;
}

const unions = new WeakMap<Value, WeakMap<Value, Value>>();

function unite(a: Value, b: Value): Value {
  let joined: Map<string, Atom> | undefined;
  for (const [key, atom] of b) {
    if (a.has(key)) continue;
    joined ??= new Map(a);
    joined.set(key, atom);
  }
  if (joined === undefined) return a;
  return joined.size > MAX_VALUES ? TOO_MANY : intern(joined);
}

/** The one atom of a value that has just one. */
export function only(value: Value): Atom | undefined {
  if (value.size !== 1) return undefined;
  return value.values().next().value;
}

export function map(value: Value, change: (atom: Atom) => Atom): Value {
  const one = only(value);
  if (one !== undefined) {
    const changed = change(one);
    return changed === one ? value : valueOf(changed);
  }
  const changed = new Map<string, Atom>();
  for (const atom of value.values()) {
    const one = change(atom);
    changed.set(keyOf(one), one);
  }
  return intern(changed);
}

/** A binary operation on each pair. */
export function combine(
  operation: "add" | "sub" | "and" | "or" | "xor" | "shl" | "shr",
  a: Value,
  b: Value,
): Value {
  if (a.size * b.size > MAX_VALUES) return TOO_MANY;
  const [first, second] = [only(a), only(b)];
  if (first !== undefined && second !== undefined) return valueOf(combineAtoms(operation, first, second));
  const results = new Map<string, Atom>();
  for (const left of a.values())
    for (const right of b.values()) {
      const one = combineAtoms(operation, left, right);
      results.set(keyOf(one), one);
    }
  return intern(results);
}

const NOT_FOLLOWED: Atom = { kind: "unknown", reason: "arithmetic on a value that is not known" };

function combineAtoms(operation: string, a: Atom, b: Atom): Atom {
  if (a.kind === "unknown") return a;
  if (b.kind === "unknown") return b;
  if (a.kind === "const" && b.kind === "const") return constant(fold(operation, a.value, b.value));
  if (operation === "add" && a.kind === "const") return combineAtoms("add", b, a);
  if (b.kind === "const" && (operation === "add" || operation === "sub")) {
    const by = operation === "add" ? b.value : -b.value;
    if (a.kind === "address") return { ...a, value: a.value + by };
    if (a.kind === "entry") return { ...a, offset: a.offset + by };
    if (by === 0) return a;
  }
  if (operation === "sub" && a.kind === "address" && b.kind === "address") return constant(a.value - b.value);
  // Masks and combinations with nothing: x & -1, x | 0, x ^ 0.
  if (b.kind === "const" && b.value === (operation === "and" ? -1 : 0) && operation !== "sub") return a;
  // Zero whatever the other is.
  if (operation === "and" && ((b.kind === "const" && b.value === 0) || (a.kind === "const" && a.value === 0)))
    return constant(0);
  return NOT_FOLLOWED;
}

function constant(value: number): Atom {
  return Number.isSafeInteger(value) ? { kind: "const", value } : NOT_FOLLOWED;
}

function fold(operation: string, a: number, b: number): number {
  if (operation === "add") return a + b;
  if (operation === "sub") return a - b;
  const [x, y] = [BigInt(a), BigInt(b)];
  const result = (): bigint => {
    switch (operation) {
      case "and":
        return x & y;
      case "or":
        return x | y;
      case "xor":
        return x ^ y;
      case "shl":
        return x << (y & 63n);
      default:
        return BigInt.asUintN(64, x) >> (y & 63n);
    }
  };
  return Number(BigInt.asIntN(64, result()));
}

/** The lower bits of each, extended. What was a parameter stays one: callers hand small numbers in whole registers. */
export function lowBits(value: Value, bits: 8 | 16 | 32, signed: boolean): Value {
  return map(value, (atom) => {
    switch (atom.kind) {
      case "const":
        return constant(extended(BigInt(atom.value), bits, signed));
      case "unknown":
        return atom;
      case "address":
        return bits === 32 ? atom : NOT_FOLLOWED;
      default:
        return bits === 32 || fits(atom, bits) ? atom : NOT_FOLLOWED;
    }
  });
}

function extended(value: bigint, bits: number, signed: boolean): number {
  return Number(signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value));
}

function fits(atom: Atom, bits: number): boolean {
  return (atom.kind === "global" || atom.kind === "deref") && atom.size * 8 <= bits;
}

/** The lower bits of b in place of those of a. */
export function insertBits(a: Value, b: Value, bits: 8 | 16 | 32): Value {
  if (a.size * b.size > MAX_VALUES) return TOO_MANY;
  const results = new Map<string, Atom>();
  for (const left of a.values())
    for (const right of b.values()) {
      const one: Atom =
        left.kind === "const" && right.kind === "const"
          ? constant(
              Number(
                BigInt.asIntN(
                  64,
                  (BigInt.asUintN(64, BigInt(left.value)) & ~((1n << BigInt(bits)) - 1n)) |
                    BigInt.asUintN(bits, BigInt(right.value)),
                ),
              ),
            )
          : NOT_FOLLOWED;
      results.set(keyOf(one), one);
    }
  return intern(results);
}

/** What memory at base + offset holds, for a base that is no address of the stack. */
export function dereference(base: Value, offset: number, size: number, signed: boolean): Value {
  return map(base, (atom): Atom => {
    if (atom.kind === "unknown") return atom;
    if (atom.kind === "address") return { kind: "global", address: atom.value + offset, size, signed };
    if (atom.kind === "const" || depth(atom) >= MAX_DEPTH)
      return { kind: "unknown", reason: "read from memory that is not followed" };
    return { kind: "deref", base: atom, offset, size, signed };
  });
}

function depth(atom: Atom): number {
  return atom.kind === "deref" ? 1 + depth(atom.base) : 0;
}
