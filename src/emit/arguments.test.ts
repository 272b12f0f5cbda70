import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SeccompArg } from "../linux/index.ts";
import type { ArgTest } from "../profile/index.ts";
import { argumentRules } from "./arguments.ts";
import { type Box, type Cube, includes, intersect, range, subtract, withoutIncluded } from "./cubes.ts";

// A universe small enough to try every value: 4 bits an argument, two arguments.
const VALUES = Array.from({ length: 16 }, (_, i) => BigInt(i));
const inCube = ({ mask, value }: Cube, n: bigint): boolean => (n & mask) === value;
const inBox = (box: Box, ...args: bigint[]): boolean => [...box].every(([i, cube]) => inCube(cube, args[i]!));
const small = fc.integer({ min: 0, max: 15 }).map(BigInt);
const cube: fc.Arbitrary<Cube> = fc
  .tuple(small, small)
  .map(([mask, value]) => ({ mask, value: value & mask }));
const box: fc.Arbitrary<Box> = fc.tuple(fc.option(cube), fc.option(cube)).map(([a, b]) => {
  const pairs: [number, Cube | null][] = [
    [0, a],
    [1, b],
  ];
  return new Map(pairs.filter((pair): pair is [number, Cube] => pair[1] !== null));
});

describe("cubes", () => {
  it("intersect and include as sets do", () => {
    fc.assert(
      fc.property(cube, cube, (a, b) => {
        const both = intersect(a, b);
        for (const n of VALUES) {
          expect(both !== undefined && inCube(both, n)).toBe(inCube(a, n) && inCube(b, n));
        }
        expect(includes(a, b)).toBe(VALUES.every((n) => !inCube(b, n) || inCube(a, n)));
      }),
    );
  });

  it("make up ranges, without overlap", () => {
    fc.assert(
      fc.property(small, small, (low, high) => {
        const cubes = range(low, high, 4);
        for (const n of VALUES) {
          expect(cubes.filter((one) => inCube(one, n)).length).toBe(n >= low && n <= high ? 1 : 0);
        }
      }),
    );
  });

  it("are what is left of a box when another one is taken out, without overlap", () => {
    fc.assert(
      fc.property(box, box, (whole, minus) => {
        const rest = subtract(whole, minus);
        for (const a of VALUES) {
          for (const b of VALUES) {
            const expected = inBox(whole, a, b) && !inBox(minus, a, b) ? 1 : 0;
            expect(rest.filter((one) => inBox(one, a, b)).length).toBe(expected);
          }
        }
      }),
    );
  });

  it("are left out where others hold them, and equal ones kept once", () => {
    fc.assert(
      fc.property(fc.array(box, { maxLength: 6 }), (boxes) => {
        const kept = withoutIncluded(boxes);
        for (const a of VALUES) {
          for (const b of VALUES) {
            expect(kept.some((one) => inBox(one, a, b))).toBe(boxes.some((one) => inBox(one, a, b)));
          }
        }
        expect(withoutIncluded(kept)).toEqual(kept);
      }),
    );
  });
});

// ---- rules ------------------------------------------------------------------------------------------------------

/** The model's own words: eq and ne look at 32 bits, masked-eq at its mask, the orderings at all 64. */
function holds(test: ArgTest, given: bigint): boolean {
  const low = BigInt.asUintN(32, given);
  const value = BigInt(test.value);
  switch (test.op) {
    case "eq":
      return low === BigInt.asUintN(32, value);
    case "ne":
      return low !== BigInt.asUintN(32, value);
    case "masked-eq":
      return (given & BigInt(test.mask!)) === value;
    case "lt":
      return given < value;
    case "le":
      return given <= value;
    case "gt":
      return given > value;
    case "ge":
      return given >= value;
  }
}

function matches(rules: SeccompArg[][], args: bigint[]): boolean {
  return rules.some((rule) =>
    rule.every(({ index, op, value, valueTwo }) => {
      const given = args[index]!;
      if (op === "SCMP_CMP_MASKED_EQ") return (given & BigInt(value)) === BigInt(valueTwo!);
      const ordering = op.slice("SCMP_CMP_".length).toLowerCase() as ArgTest["op"];
      return holds({ index: 0, op: ordering, value }, given);
    }),
  );
}

const NUMBERS = [0, 1, 2, 5, 0x5412, 0x541c, 0x7e02_0000, 0x8000_0000, 0xffff_ffff];
const number = fc.oneof(fc.constantFrom(...NUMBERS), fc.integer({ min: 0, max: 0xffff_ffff }));
const test = (ops: ArgTest["op"][]): fc.Arbitrary<ArgTest> =>
  fc
    .record({
      index: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
      op: fc.constantFrom(...ops),
      value: number,
      mask: number,
    })
    .map(({ mask, ...rest }) => (rest.op === "masked-eq" ? { ...rest, mask } : rest));
const given = fc.oneof(
  fc.tuple(fc.constantFrom(0n, 1n, 0xffff_ffffn), number).map(([high, low]) => (high << 32n) | BigInt(low)),
  fc.tuple(number, fc.constantFrom(-1n, 1n)).map(([n, by]) => BigInt.asUintN(64, BigInt(n) + by)),
);
const calls: fc.Arbitrary<bigint[][]> = fc.array(fc.tuple(given, given, given), {
  minLength: 5,
  maxLength: 12,
});

describe("argumentRules", () => {
  it("hold exactly where the profile allows a call", () => {
    const groups = fc.array(fc.array(test(["eq", "masked-eq"]), { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(groups, calls, (lists, tries) => {
        const { allow, refuse, lost } = argumentRules("openat", lists);
        expect(lost).toEqual([]);
        for (const args of tries) {
          const allowed = lists.some((list) => list.every((one) => holds(one, args[one.index]!)));
          expect(matches(allow, args)).toBe(allowed);
          if (refuse.length > 0 || allow.length === 0) expect(matches(refuse, args)).toBe(!allowed);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("turn several excluded values into rules that runc and crun cannot take for alternatives", () => {
    const lists = fc.array(
      test(["ne"]).map((one) => ({ ...one, index: 1 as const })),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(lists, calls, (list, tries) => {
        const { allow, refuse, lost } = argumentRules("ioctl", [list]);
        expect(lost).toEqual([]);
        for (const rule of allow) expect(rule).toHaveLength(1);
        for (const args of tries) {
          const allowed = list.every((one) => holds(one, args[1]!));
          expect(matches(allow, args)).toBe(allowed);
          expect(matches(refuse, args)).toBe(!allowed);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("never name an index twice in one rule, nor compare by size in more than one rule", () => {
    const all: ArgTest["op"][] = ["eq", "ne", "lt", "le", "gt", "ge", "masked-eq"];
    const groups = fc.array(fc.array(test(all), { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(groups, calls, (lists, tries) => {
        const { allow, refuse, lost } = argumentRules("openat", lists);
        for (const rule of [...allow, ...refuse]) {
          expect(new Set(rule.map(({ index }) => index)).size).toBe(rule.length);
          for (const { value, valueTwo = 0 } of rule) {
            expect(Number.isSafeInteger(value) && Number.isSafeInteger(valueTwo)).toBe(true);
          }
        }
        const bySize = allow.filter((rule) => rule.some(({ op }) => op !== "SCMP_CMP_MASKED_EQ"));
        if (bySize.length > 0) expect(allow).toHaveLength(1);
        // Whatever cannot be held is said, and then more is allowed, never less.
        for (const args of tries) {
          const allowed = lists.some((list) => list.every((one) => holds(one, args[one.index]!)));
          if (allowed) expect(matches(allow, args)).toBe(true);
          else if (lost.length === 0) expect(matches(allow, args)).toBe(false);
          if (allowed) expect(matches(refuse, args)).toBe(false);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("write Docker's own limit on clone as Docker does", () => {
    const { allow, refuse } = argumentRules("clone", [
      [{ index: 0, op: "masked-eq", mask: 0x7e02_0000, value: 0 }],
    ]);
    expect(allow).toEqual([[{ index: 0, value: 2114060288, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }]]);
    // One for each of the seven flags.
    expect(refuse).toHaveLength(7);
  });

  it("are not fooled by junk above the 32 bits that the kernel looks at", () => {
    const TIOCSTI = 0x5412n;
    const { allow, refuse } = argumentRules("ioctl", [[{ index: 1, op: "ne", value: Number(TIOCSTI) }]]);
    expect(matches(allow, [0n, TIOCSTI | (1n << 32n)])).toBe(false);
    expect(matches(refuse, [0n, TIOCSTI | (1n << 32n)])).toBe(true);
  });

  it("keep a single comparison by size, and give several up with a word about it", () => {
    const le: ArgTest = { index: 1, op: "le", value: 4096 };
    expect(argumentRules("mmap", [[le]])).toEqual({
      allow: [[{ index: 1, value: 4096, op: "SCMP_CMP_LE" }]],
      refuse: [],
      lost: [],
    });
    const { allow, lost } = argumentRules("mmap", [[le], [{ index: 2, op: "eq", value: 1 }]]);
    expect(allow).toEqual([[]]);
    expect(lost).toEqual([expect.stringContaining("argument 1 of mmap is limited by size")]);
  });

  it("give up the costlier of two limits that multiply, with a word about it", () => {
    const ne = (index: 0 | 1): ArgTest => ({ index, op: "ne", value: 7 });
    const { allow, lost } = argumentRules("socket", [[ne(0), ne(1), { index: 2, op: "eq", value: 1 }]]);
    expect(matches(allow, [6n, 7n, 1n])).toBe(true);
    expect(matches(allow, [7n, 6n, 1n])).toBe(false);
    expect(matches(allow, [6n, 6n, 2n])).toBe(false);
    expect(lost).toEqual([expect.stringContaining("the limit on argument 1 of socket")]);
  });

  it("give up limits that a filter has no room for, with a word about it", () => {
    const lists = Array.from({ length: 300 }, (_, value): ArgTest[] => [
      { index: 1, op: "eq", value: value * 2 },
    ]);
    const { allow, refuse, lost } = argumentRules("ioctl", lists);
    expect({ allow, refuse }).toEqual({ allow: [[]], refuse: [] });
    expect(lost).toEqual([expect.stringContaining("more rules than a filter has room for")]);
  });
});
