import { expect, test } from "vitest";
import { fc, test as property } from "@fast-check/vitest";
import { Assembler, decodeProgram, disassemble, encodeProgram } from "../index.ts";

test("instructions have the bytes of RFC 9669, with the assembly beside them", () => {
  const cases: [(a: Assembler) => void, string, string][] = [
    [(a) => a.mov("r1", 7), "b701000007000000", "r1 = 7"],
    [(a) => a.mov("r6", "r1"), "bf16000000000000", "r6 = r1"],
    [(a) => a.alu("add", "r2", -8), "07020000f8ffffff", "r2 += -8"],
    [(a) => a.alu32("lsh", "r3", 4), "6403000004000000", "w3 <<= 4"],
    [(a) => a.load("u64", "r1", "r10", -16), "79a1f0ff00000000", "r1 = *(u64 *)(r10 - 16)"],
    [(a) => a.store("u32", "r10", -4, 5), "620afcff05000000", "*(u32 *)(r10 - 4) = 5"],
    [(a) => a.store("u8", "r6", 3, "r2"), "7326030000000000", "*(u8 *)(r6 + 3) = r2"],
    [(a) => a.atomic("or", "u64", "r4", 0, "r5"), "db54000040000000", "lock *(u64 *)(r4 + 0) |= r5"],
    [(a) => a.fetchAdd("u64", "r2", 8, "r1"), "db12080001000000", "lock *(u64 *)(r2 + 8) += r1 (fetch)"],
    [(a) => a.call("probe_read_kernel_str"), "8500000073000000", "call probe_read_kernel_str"],
  ];
  for (const [write, hex, text] of cases) {
    const a = new Assembler();
    write(a);
    const program = a.assemble();
    expect(encodeProgram(program).toString("hex")).toBe(hex);
    expect(disassemble(program)).toEqual([`0: ${text}`]);
  }
});

test("labels may come before or after their jumps", () => {
  const a = new Assembler();
  a.label("again").jump("eq", "r1", 0, "end").goto("again").label("end").return(0);
  expect(disassemble(a.assemble())).toEqual(["0: if r1 == 0 goto 2", "1: goto 0", "2: r0 = 0", "3: exit"]);
});

test("a map is named in the program and becomes its descriptor when it is encoded", () => {
  const a = new Assembler();
  a.map("r1", "seen").mapValue("r2", "counters", 24);
  const program = a.assemble();
  const bytes = encodeProgram(
    program,
    new Map([
      ["seen", 9],
      ["counters", 4],
    ]),
  );
  expect(bytes.toString("hex")).toBe(`1811000009000000${"0".repeat(16)}18220000040000000000000018000000`);
  expect(disassemble(program)).toEqual(["0: r1 = map[seen]", "2: r2 = map[counters].value + 24"]);
  expect(() => encodeProgram(program, new Map([["seen", 9]]))).toThrow(/names the map 'counters'/);
});

test("what cannot be right is refused", () => {
  expect(() => new Assembler().goto("nowhere").assemble()).toThrow(/never placed/);
  expect(() => new Assembler().label("a").label("a")).toThrow(/placed twice/);
  expect(() => new Assembler().mov("r1", 2 ** 33)).toThrow(/does not fit/);
  const far = new Assembler().goto("end");
  for (let i = 0; i < 33_000; i += 1) far.mov("r0", 0);
  expect(() => far.label("end").return(0).assemble()).toThrow(/too long/);
});

test("a shared tail is only written where something jumps to it", () => {
  const a = new Assembler();
  a.jump("eq", "r1", 0, "used").return(0);
  a.labelIfUsed("used", () => a.return(1)).labelIfUsed("unused", () => a.return(2));
  expect(disassemble(a.assemble()).at(-2)).toBe("3: r0 = 1");
});

property.prop([fc.uint8Array({ maxLength: 512 })])(
  "any bytes decode, disassemble and encode to themselves",
  (bytes) => {
    const whole = Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 8)));
    const program = decodeProgram(whole);
    expect(disassemble(program).length).toBeLessThanOrEqual(program.length);
    expect(encodeProgram(program).equals(whole)).toBe(true);
  },
);
