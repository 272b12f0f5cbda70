import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import type { Carried, ScanSink } from "../model.ts";
import { arm64 } from "./arm64.ts";

// A few encodings by hand; whole libraries are held against binutils in test/kernel/coverage-arm64.test.ts.

function codeOf(words: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(words.length * 4);
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word >>> 0, i * 4);
  return bytes;
}

function scanned(
  words: readonly number[],
  address = 0x1000,
  carried?: Carried,
): { told: string[]; leaves: Carried } {
  const told: string[] = [];
  const hex = (value: number): string => value.toString(16);
  const sink: ScanSink = {
    branch: (at, target, kind) => told.push(`${hex(at)} ${kind} ${hex(target)}`),
    address: (at, target) => told.push(`${hex(at)} address ${hex(target)}`),
    load: (at, target, size, kind) => told.push(`${hex(at)} load ${hex(target)} ${size} ${kind}`),
    store: (at, target, size) => told.push(`${hex(at)} store ${hex(target)} ${size}`),
    syscall: (at) => told.push(`${hex(at)} syscall`),
    foreign: (at) => told.push(`${hex(at)} foreign`),
    returns: (at) => told.push(`${hex(at)} return`),
    indirect: (at, kind) => told.push(`${hex(at)} indirect ${kind}`),
    invalid: (at) => told.push(`${hex(at)} invalid`),
    end: (next, falls) => told.push(`${hex(next)} end${falls ? ", goes on" : ""}`),
  };
  const leaves = arm64.scan(codeOf(words), address, sink, undefined, carried)!;
  return { told, leaves };
}

const ADRP_X0 = 0xd0000000; // adrp x0, . + 0x2000
const ADD_X0_X0_24 = 0x91006000; // add x0, x0, #24
const LDR_X1_X0_24 = 0xf9400c01; // ldr x1, [x0, #24]
const STR_W2_X0_24 = 0xb9001802; // str w2, [x0, #24]
const RET = 0xd65f03c0;
const NOP = 0xd503201f;

describe("addresses, of a page and what is added to it", () => {
  it("by ADD, loads and stores", () => {
    expect(scanned([ADRP_X0, ADD_X0_X0_24, RET]).told).toEqual([
      "1004 address 3018",
      "1008 return",
      "100c end",
    ]);
    expect(scanned([ADRP_X0, LDR_X1_X0_24, RET]).told[0]).toBe("1004 load 3018 8 value");
    expect(scanned([ADRP_X0, STR_W2_X0_24, RET]).told[0]).toBe("1004 store 3018 4");
  });

  it("by a whole address too, from which its neighbours are reached", () => {
    expect(scanned([ADRP_X0, ADD_X0_X0_24, LDR_X1_X0_24, STR_W2_X0_24, RET]).told.slice(0, 3)).toEqual([
      "1004 address 3018",
      "1008 load 3030 8 value",
      "100c store 3030 4",
    ]);
  });

  it("of a page that was made on another way, and not of one that is gone", () => {
    const cbz = 0xb4000081; // cbz x1, . + 16
    const words = [ADRP_X0, cbz, 0xd2800000 /* mov x0, #0 */, RET, NOP, LDR_X1_X0_24, RET];
    expect(scanned(words).told).toContain("1014 load 3018 8 value");
    expect(scanned([ADRP_X0, 0xd2800000, LDR_X1_X0_24, RET]).told).toEqual(["100c return", "1010 end"]);
  });

  it("of both pages where ways meet", () => {
    const words = [
      ADRP_X0,
      0xb4000041 /* cbz x1, . + 8 */,
      0xf0000000 /* adrp x0, . + 0x3000 */,
      LDR_X1_X0_24,
      RET,
    ];
    expect(scanned(words).told).toEqual(
      expect.arrayContaining(["100c load 3018 8 value", "100c load 4018 8 value"]),
    );
  });

  it("of pages in registers that calls keep, and not in those they do not", () => {
    const adrpX19 = 0xd0000013;
    const bl = 0x94000100; // bl . + 0x400
    const ldrX1X19 = 0xf9400e61; // ldr x1, [x19, #24]
    expect(scanned([adrpX19, bl, ldrX1X19, RET]).told).toContain("1008 load 3018 8 value");
    expect(scanned([ADRP_X0, bl, LDR_X1_X0_24, RET]).told.join()).not.toContain("load");
  });

  it("of a page that another part of the function made", () => {
    const { leaves } = scanned([ADRP_X0, 0x14000100 /* b . + 0x400 */]);
    expect([...leaves]).toEqual([[0, [0x3000]]]);
    expect(scanned([LDR_X1_X0_24, RET], 0x1404, leaves).told[0]).toBe("1404 load 3018 8 value");
  });

  it("a page that is used in any other way is one itself", () => {
    const words = [ADRP_X0, 0x8b010002 /* add x2, x0, x1 */, RET];
    expect(scanned(words).told[0]).toBe("1004 address 3000");
  });
});

describe("ways", () => {
  it("calls and jumps through slots, and entries of a procedure linkage table", () => {
    // adrp x16; ldr x17, [x16, #24]; add x16, x16, #24; br x17
    const stub = [0xd0000010, 0xf9400e11, 0x91006210, 0xd61f0220];
    expect(scanned(stub).told).toEqual(["100c load 3018 8 jump", "1010 end"]);
    const call = [ADRP_X0, LDR_X1_X0_24, 0xaa0303e0 /* mov x0, x3 */, 0xd63f0020 /* blr x1 */];
    expect(scanned(call).told[0]).toBe("100c load 3018 8 call");
    expect(scanned([0xd63f0020, RET]).told[0]).toBe("1000 indirect call");
  });

  it("system calls, traps and padding", () => {
    expect(scanned([0xd4000001, NOP]).told).toEqual(["1000 syscall", "1008 end, goes on"]);
    expect(scanned([0xd4200000 /* brk #0 */, 0, 0]).told).toEqual(["100c end"]);
    expect(scanned([0xd69f03e0 /* eret */]).told[0]).toBe("1000 invalid");
  });
});

describe("exactly", () => {
  const effects = (word: number) => arm64.lower(codeOf([word]), 0x1000)[0]!.effects;

  it("constants", () => {
    const value = (word: number) => effects(word)[0]!.value;
    expect(value(0x52800768)).toEqual({ kind: "const", value: 59 }); // mov w8, #59
    expect(value(0x92800000)).toEqual({ kind: "const", value: -1 }); // mov x0, #-1
    expect(value(0x12800000)).toEqual({ kind: "const", value: 0xffffffff }); // mov w0, #-1
    expect(value(0xb2407be0)).toEqual({ kind: "const", value: 0x7fffffff }); // mov x0, #0x7fffffff
    expect(value(0x321d03e1)).toEqual({ kind: "const", value: 8 }); // mov w1, #8, by ORR
  });

  it("pairs on the stack, with the pointer changed", () => {
    // stp x29, x30, [sp, #-32]!
    expect(effects(0xa9be7bfd)).toEqual([
      { to: { base: 31, offset: -32, size: 8 }, value: { kind: "register", register: 29 } },
      { to: { base: 31, offset: -24, size: 8 }, value: { kind: "register", register: 30 } },
      {
        to: { register: 31 },
        value: { kind: "sub", a: { kind: "register", register: 31 }, b: { kind: "const", value: 32 } },
      },
    ]);
  });

  it("loads that extend, and choices", () => {
    expect(effects(0xb9800c20)).toEqual([
      // ldrsw x0, [x1, #12]
      { to: { register: 0 }, value: { kind: "memory", base: 1, offset: 12, size: 4, signed: true } },
    ]);
    expect(effects(0x1a9f17e0)[0]!.value).toMatchObject({ kind: "low", a: { kind: "either" } }); // cset w0, eq
  });
});

property.prop([fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), { maxLength: 64 })])(
  "any words are read to their end, by numbers of registers that there are",
  (words) => {
    expect(scanned(words).told.at(-1)).toMatch(/end/);
    const insns = arm64.lower(codeOf(words), 0x1000);
    expect(insns.length === words.length || insns.at(-1)!.flow === "invalid").toBe(true);
    for (const { effects } of insns)
      for (const { to } of effects) {
        if (typeof to !== "object") continue;
        const register = "register" in to ? to.register : "base" in to ? to.base : 0;
        expect(register).toBeGreaterThanOrEqual(0);
        expect(register).toBeLessThan(arm64.registers.length);
      }
  },
);
