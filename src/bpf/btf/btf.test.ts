import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { fc, test as property } from "@fast-check/vitest";
import { Btf, KIND } from "../index.ts";

/** Writes a BTF with: 1 int u32; 2 struct inner {u32 a; u32 b:3}; 3 struct outer {u32 x; anonymous inner; inner *next}. */
function sample(): Buffer {
  const strings = "\0u32\0inner\0a\0b\0outer\0x\0next\0btf_trace_go\0";
  const at = (name: string): number => strings.indexOf(`\0${name}\0`) + 1;
  const words = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
  const info = (kind: number, vlen = 0, flag = 0): number => ((flag << 31) | (kind << 24) | vlen) >>> 0;
  const types = Buffer.concat([
    words(at("u32"), info(KIND.int), 4, 32),
    words(at("inner"), info(KIND.struct, 2, 1), 8, at("a"), 1, 0, at("b"), 1, (3 << 24) | 34),
    words(0, info(KIND.pointer), 2),
    words(at("outer"), info(KIND.struct, 3), 24, at("x"), 1, 0, 0, 5, 32, at("next"), 3, 128),
    words(0, info(KIND.const), 2),
    words(at("btf_trace_go"), info(KIND.typedef), 3),
  ]);
  const header = Buffer.alloc(24);
  header.writeUInt16LE(0xeb9f, 0);
  header.writeUInt8(1, 2);
  for (const [i, value] of [24, 0, types.length, types.length, strings.length].entries())
    header.writeUInt32LE(value, 4 + 4 * i);
  return Buffer.concat([header, types, Buffer.from(strings, "latin1")]);
}

test("members are found through modifiers and anonymous structures, bit fields included", () => {
  const btf = new Btf(sample());
  expect(btf.count).toBe(6);
  expect(btf.member("outer", "x")).toEqual({ offset: 0, bit: 0, bits: 0, type: 1 });
  expect(btf.member("outer", "a")).toEqual({ offset: 4, bit: 0, bits: 0, type: 1 });
  expect(btf.member("outer", "b")).toEqual({ offset: 8, bit: 2, bits: 3, type: 1 });
  expect(btf.pointee(btf.member("outer", "next")!.type)).toBe(2);
  expect(btf.size(2)).toBe(8);
  expect(btf.find(KIND.typedef, "btf_trace_go")).toBe(6);
  expect(btf.find(KIND.struct, "btf_trace_go")).toBeUndefined();
  expect(btf.member("outer", "missing")).toBeUndefined();
  expect(btf.member("nothing", "x")).toBeUndefined();
});

test("what is no BTF is refused with what was found", () => {
  expect(() => new Btf(Buffer.alloc(40))).toThrow(/starts with 0x0, expected 0xeb9f/);
  const cut = sample().subarray(0, 60);
  expect(() => new Btf(cut)).toThrow(/BTF: wanted/);
});

property.prop([fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 12 })], { numRuns: 2000 })(
  "changed bytes give an answer or a CinchError, never a crash or a hang",
  (changes) => {
    const bytes = sample();
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    try {
      const btf = new Btf(bytes);
      btf.member("outer", "a");
      for (let id = 1; id <= btf.count; id += 1) {
        btf.name(id);
        btf.resolve(id);
        btf.pointee(id);
        btf.array(id);
      }
    } catch (error) {
      expect((error as { code?: string }).code).toMatch(/^(bad-btf|truncated)$/);
    }
  },
);

describe.skipIf(!existsSync("/sys/kernel/btf/vmlinux"))("this kernel's own BTF", () => {
  test("is read whole", () => {
    const btf = new Btf(readFileSync("/sys/kernel/btf/vmlinux"));
    expect(btf.count).toBeGreaterThan(10_000);
    expect(btf.member("task_struct", "tgid")!.offset).toBe(btf.member("task_struct", "pid")!.offset + 4);
    expect(btf.find(KIND.typedef, "btf_trace_sys_enter")).toBeGreaterThan(0);
  });
});
