import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyProgram, seccompData, validProgram } from "../../../test/support/classic-programs.ts";
import {
  AUDIT_ARCH,
  ClassicAssembler,
  type ClassicInstruction,
  SECCOMP_OFFSET,
  SECCOMP_RETURN,
  type SeccompData,
  argumentOffset,
  checkClassic,
  combineResults,
  decisionOf,
  decodeClassic,
  disassembleClassic,
  encodeClassic,
  runClassic,
} from "../index.ts";

const ALL_OFFSETS = Array.from({ length: 16 }, (_, i) => i * 4);

const call = (nr: number, ...args: bigint[]): SeccompData => ({
  nr,
  arch: AUDIT_ARCH.x86_64,
  instructionPointer: 0n,
  args,
});

const allowExecve = (): ClassicInstruction[] =>
  new ClassicAssembler()
    .load(SECCOMP_OFFSET.nr)
    .jump("eq", 59, "allow")
    .return(SECCOMP_RETURN.errno | 1)
    .label("allow")
    .return(SECCOMP_RETURN.allow)
    .assemble();

describe("encoding", () => {
  it("is that of struct sock_filter", () => {
    // As seccomp(2)'s example has it with the macros BPF_STMT and BPF_JUMP.
    expect(encodeClassic(allowExecve()).toString("hex")).toBe(
      "2000000000000000" + "150001003b000000" + "0600000001000500" + "060000000000ff7f",
    );
  });

  it("comes back as it went in", () => {
    fc.assert(
      fc.property(anyProgram, (program) => {
        expect(decodeClassic(encodeClassic(program))).toEqual(program);
      }),
    );
  });

  it("refuses bytes that no program has", () => {
    expect(() => decodeClassic(new Uint8Array(7))).toThrow("multiple of 8 bytes");
    expect(() => decodeClassic(new Uint8Array(8 * 4097))).toThrow("at most 4096");
  });
});

describe("assembler", () => {
  it("puts jumps in between where a conditional one does not reach", () => {
    const a = new ClassicAssembler().load(SECCOMP_OFFSET.nr).jump("ge", 10, "high", "low");
    for (let i = 0; i < 300; i += 1) a.set("x", i);
    a.label("low").return(SECCOMP_RETURN.errno | 1);
    for (let i = 0; i < 300; i += 1) a.set("x", i);
    a.label("high").return(SECCOMP_RETURN.errno | 2);
    const program = a.assemble();
    expect(checkClassic(program)).toEqual([]);
    expect(program).toHaveLength(606);
    expect(disassembleClassic(program.slice(0, 4))).toEqual([
      "0: a = nr",
      "1: unless a >= 10 goto 3",
      "2: goto 605",
      "3: goto 304",
    ]);
    expect(decisionOf(runClassic(program, call(9)))).toEqual({ action: "errno", errno: 1 });
    expect(decisionOf(runClassic(program, call(10)))).toEqual({ action: "errno", errno: 2 });
  });

  it("reaches exactly 255 instructions without one", () => {
    for (const between of [255, 256]) {
      const a = new ClassicAssembler().load(SECCOMP_OFFSET.nr).jump("eq", 1, "end");
      for (let i = 0; i < between; i += 1) a.set("a", 0);
      const program = a.label("end").return(7).assemble();
      expect(program).toHaveLength(between === 255 ? 258 : 260);
      expect(runClassic(program, call(1))).toBe(7);
      expect(runClassic(program, call(2))).toBe(7);
    }
  });

  it("writes every kind of instruction", () => {
    const program = new ClassicAssembler()
      .set("a", 6)
      .set("x", 7)
      .store("a", 0)
      .store("x", 15)
      .alu("mul", "x")
      .recall("x", 0)
      .alu("div", "x")
      .copy("x")
      .alu("neg")
      .copy("a")
      .jump("set", "x", "end")
      .recall("a", 15)
      .label("end")
      .goto("last")
      .return(0)
      .label("last")
      .return("a")
      .assemble();
    expect(checkClassic(program)).toEqual([]);
    expect(disassembleClassic(program)).toMatchInlineSnapshot(`
      [
        "0: a = 6",
        "1: x = 7",
        "2: memory[0] = a",
        "3: memory[15] = x",
        "4: a *= x",
        "5: x = memory[0]",
        "6: a /= x",
        "7: x = a",
        "8: a = -a",
        "9: a = x",
        "10: if a & x goto 12",
        "11: a = memory[15]",
        "12: goto 14",
        "13: return kill-thread",
        "14: return a",
      ]
    `);
    expect(runClassic(program, call(0))).toBe(7);
  });

  it("says what is wrong with a label", () => {
    expect(() => new ClassicAssembler().goto("nowhere").assemble()).toThrow("never placed");
    expect(() => new ClassicAssembler().label("a").return(0).goto("a").assemble()).toThrow("backwards");
    expect(() => new ClassicAssembler().label("a").label("a")).toThrow("placed twice");
    expect(() => new ClassicAssembler().return(2 ** 32)).toThrow("32 bits");
  });

  it("refuses a program that the kernel would find too long", () => {
    const a = new ClassicAssembler();
    for (let i = 0; i < 4096; i += 1) a.set("a", 0);
    expect(() => a.return(0).assemble()).toThrow("4097 instructions");
  });
});

describe("interpreter", () => {
  const run = (build: (a: ClassicAssembler) => ClassicAssembler, data = call(0)): number =>
    runClassic(build(new ClassicAssembler()).return("a").assemble(), data);

  it("sees the data as the kernel lays it out", () => {
    const data: SeccompData = {
      nr: -1,
      arch: AUDIT_ARCH.x86_64,
      instructionPointer: 0x1111_2222_3333_4444n,
      args: [1n, -2n, 0x8877_6655_4433_2211n, 4n, 5n, 0xffff_ffff_0000_0000n],
    };
    const words = ALL_OFFSETS.map((offset) => run((a) => a.load(offset), data).toString(16));
    expect(words.join(" ")).toBe(
      "ffffffff c000003e 33334444 11112222 1 0 fffffffe ffffffff 44332211 88776655 4 0 5 0 0 ffffffff",
    );
    expect(run((a) => a.load(argumentOffset(2, "high")), data)).toBe(0x8877_6655);
  });

  it("reckons with unsigned words of 32 bits", () => {
    expect(run((a) => a.set("a", 0xffff_ffff).alu("add", 2))).toBe(1);
    expect(run((a) => a.alu("sub", 1))).toBe(0xffff_ffff);
    expect(run((a) => a.set("a", 0xffff_ffff).alu("mul", 0xffff_fffe))).toBe(2);
    expect(run((a) => a.set("a", 0xffff_ffff).alu("div", 2))).toBe(0x7fff_ffff);
    expect(run((a) => a.set("a", 0x8000_0000).alu("rsh", 31))).toBe(1);
    expect(run((a) => a.set("a", 1).set("x", 33).alu("lsh", "x"))).toBe(2);
    expect(run((a) => a.set("a", 1).alu("neg"))).toBe(0xffff_ffff);
    expect(run((a) => a.set("a", 0xf0).alu("xor", 0xff))).toBe(0x0f);
  });

  it("ends a division by zero in X with 0, which kills", () => {
    expect(run((a) => a.set("a", 5).alu("div", "x").set("a", 9))).toBe(0);
    expect(decisionOf(0)).toEqual({ action: "kill" });
  });

  it("gives a result for every program that the checker has nothing against", () => {
    fc.assert(
      fc.property(anyProgram, seccompData, (program, data) => {
        if (checkClassic(program).length > 0) return;
        const result = runClassic(program, data);
        expect(result).toBe(result >>> 0);
      }),
      { numRuns: 3000 },
    );
  });

  it("answers or throws for any program, and never hangs", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), seccompData, (bytes, data) => {
        const program = decodeClassic(bytes.subarray(0, bytes.length & ~7));
        disassembleClassic(program);
        try {
          runClassic(program, data);
        } catch (error) {
          expect(error).toMatchObject({ code: "bad-filter" });
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("checker", () => {
  const problems = (program: ClassicInstruction[]): string[] =>
    checkClassic(program).map(({ at, text }) => `${at}: ${text}`);
  const insn = (code: number, k = 0, jt = 0, jf = 0): ClassicInstruction => ({ code, jt, jf, k });
  const RET = insn(0x06);

  it("has nothing against valid programs", () => {
    fc.assert(
      fc.property(validProgram(ALL_OFFSETS), (program) => {
        expect(checkClassic(program)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("names every problem, with its place", () => {
    expect(problems([])).toEqual(["undefined: a program has 1 to 4096 instructions, not 0"]);
    expect(
      problems([
        insn(0x28, 0),
        insn(0x20, 2),
        insn(0x20, 64),
        insn(0x60, 16),
        insn(0x34, 0),
        insn(0x64, 32),
        insn(0x05, 3),
        insn(0x15, 0, 0, 2),
        insn(0x94, 1),
        insn(0x00),
      ]),
    ).toMatchInlineSnapshot(`
      [
        "0: code 0x28 is none that seccomp allows",
        "1: offset 2 is not that of a 32-bit word in the 64 bytes of seccomp_data",
        "2: offset 64 is not that of a 32-bit word in the 64 bytes of seccomp_data",
        "3: there is no memory word 16, only 16",
        "4: division by the constant 0",
        "5: shift by 32, more than a word has",
        "6: jump over 3 instructions where 3 follow",
        "7: jump over 2 instructions where 2 follow",
        "8: code 0x94 is none that seccomp allows",
        "9: the last instruction is not a return",
      ]
    `);
  });

  it("follows which words of memory were stored", () => {
    expect(problems([insn(0x60, 3), RET])).toEqual(["0: memory word 3 may not have been stored yet"]);
    // Stored on one way only: if A is 0 the store is skipped.
    expect(problems([insn(0x15, 0, 1, 0), insn(0x02, 3), insn(0x60, 3), RET])).toEqual([
      "2: memory word 3 may not have been stored yet",
    ]);
    expect(problems([insn(0x02, 3), insn(0x15, 0, 1, 0), insn(0x02, 4), insn(0x60, 3), RET])).toEqual([]);
  });
});

describe("results", () => {
  it("mean what the kernel makes of them", () => {
    expect(decisionOf(0x7fff_0000)).toEqual({ action: "allow" });
    expect(decisionOf(0x7ffc_0000)).toEqual({ action: "log" });
    expect(decisionOf(0x7fc0_0000)).toEqual({ action: "notify" });
    expect(decisionOf(0x7ff0_0005)).toEqual({ action: "trace" });
    expect(decisionOf(0x0003_0001)).toEqual({ action: "trap" });
    expect(decisionOf(0x8000_0000)).toEqual({ action: "kill" });
    expect(decisionOf(0x0005_0026)).toEqual({ action: "errno", errno: 38 });
    expect(decisionOf(0x0005_ffff)).toEqual({ action: "errno", errno: 4095 });
    expect(decisionOf(0x1234_0000)).toEqual({ action: "kill" });
  });

  it("of several filters are ordered from killing the process to allowing", () => {
    const { killProcess, killThread, trap, errno, notify, trace, log, allow } = SECCOMP_RETURN;
    const strict = [killProcess, killThread, trap, errno, notify, trace, log, allow];
    for (const [i, stricter] of strict.entries()) {
      for (const looser of strict.slice(i + 1)) {
        expect(combineResults([looser, stricter])).toBe(stricter);
        expect(combineResults([stricter, looser])).toBe(stricter);
      }
    }
    expect(combineResults([errno | 1, errno | 2])).toBe(errno | 2);
    expect(combineResults([])).toBe(allow);
  });
});
