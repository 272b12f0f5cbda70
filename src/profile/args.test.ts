import { describe, expect, test } from "vitest";
import { fc, test as property } from "@fast-check/vitest";
import { canonicalArgs, describeLimits, passes, refusedRows } from "./args.ts";
import type { ArgTest } from "./model.ts";

const anyTest: fc.Arbitrary<ArgTest> = fc.oneof(
  fc.record({
    index: fc.constantFrom(0, 1, 2 as const),
    op: fc.constantFrom("eq", "ne", "lt", "le", "gt", "ge" as const),
    value: fc.nat(5),
  }),
  fc.record({
    index: fc.constantFrom(0, 1, 2 as const),
    op: fc.constant("masked-eq" as const),
    value: fc.nat(3),
    mask: fc.nat(7),
  }),
);
const anyArgs = fc.array(fc.array(anyTest, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 });
const NAMES = ["domain", "type", "protocol"];

property.prop([anyArgs, fc.array(fc.nat(8), { minLength: 3, maxLength: 3 })])(
  "the canonical form says the same, in one order",
  (args, row) => {
    const canonical = canonicalArgs(args);
    expect(passes({ name: "socket", args: canonical }, NAMES, row)).toBe(
      passes({ name: "socket", args }, NAMES, row),
    );
    expect(canonicalArgs([...args].reverse().map((tests) => [...tests].reverse()))).toEqual(canonical);
    expect(canonicalArgs(canonical)).toEqual(canonical);
  },
);

describe("whether recorded values pass", () => {
  const netlink: ArgTest[][] = [
    [{ index: 0, op: "eq", value: 2 }],
    [
      { index: 0, op: "eq", value: 16 },
      { index: 2, op: "eq", value: 0 },
    ],
  ];

  test.each([
    [[2, 1, 6], true],
    [[16, 3, 0], true],
    [[16, 3, 12], false],
    [[38, 5, 0], false],
  ])("%j: %j", (row, expected) => {
    expect(passes({ name: "socket", args: netlink }, NAMES, row)).toBe(expected);
  });

  test("eq and ne look at 32 bits, masks at what they say", () => {
    const above = 2 ** 32 + 0x5412;
    const sti: ArgTest[][] = [[{ index: 1, op: "ne", value: 0x5412 }]];
    expect(passes({ name: "ioctl", args: sti }, ["request"], [above])).toBe(false);
    const mask: ArgTest[][] = [[{ index: 0, op: "masked-eq", mask: 0x7e02_0000, value: 0 }]];
    expect(passes({ name: "clone", args: mask }, ["flags"], [0x3d_0f00])).toBe(true);
    expect(passes({ name: "clone", args: mask }, ["flags"], [0x1000_0000])).toBe(false);
  });

  test("what was not recorded cannot be told", () => {
    const args: ArgTest[][] = [[{ index: 3, op: "eq", value: 1 }]];
    expect(passes({ name: "socket", args }, NAMES, [1, 1, 1])).toBeUndefined();
    expect(
      refusedRows({ name: "socket", args }, { names: NAMES, values: [[1, 1, 1]], closed: true }),
    ).toEqual([]);
  });
});

test("limits in words", () => {
  const limits = (name: string, ...args: ArgTest[][]): string => describeLimits({ name, args });
  expect(
    limits(
      "socket",
      [{ index: 0, op: "eq", value: 1 }],
      [
        { index: 0, op: "eq", value: 16 },
        { index: 2, op: "eq", value: 0 },
      ],
    ),
  ).toBe("domain AF_UNIX; or domain AF_NETLINK, protocol NETLINK_ROUTE");
  expect(limits("clone", [{ index: 0, op: "masked-eq", mask: 0x7e02_0000, value: 0 }])).toBe(
    "no new namespaces",
  );
  expect(limits("unshare", [{ index: 0, op: "eq", value: 0x1002_0000 }])).toBe(
    "flags CLONE_NEWNS|CLONE_NEWUSER",
  );
  expect(limits("read", [{ index: 2, op: "le", value: 4096 }])).toBe("argument 2 at most 0x1000");
});
