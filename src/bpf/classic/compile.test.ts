import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { argument } from "../../../test/support/classic-programs.ts";
import {
  type OciSeccomp,
  type SeccompArg,
  type TableArch,
  resolveDockerDefault,
  syscallName,
  syscallNumber,
} from "../../linux/index.ts";
import {
  AUDIT_ARCH,
  type ClassicInstruction,
  SECCOMP_OFFSET,
  SECCOMP_RETURN,
  checkClassic,
  compileSeccomp,
  compileToInstructions,
  decide,
  decodeClassic,
  disassembleClassic,
  runClassic,
} from "../index.ts";

const allow = (...names: string[]): OciSeccomp["syscalls"][number] => ({ names, action: "SCMP_ACT_ALLOW" });
const profile = (...syscalls: OciSeccomp["syscalls"]): OciSeccomp => ({
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 38,
  syscalls,
});

describe("compileSeccomp", () => {
  it("reads like what it does", () => {
    const program = compileToInstructions(
      profile(allow("read", "write"), {
        names: ["socket"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, op: "SCMP_CMP_EQ", value: 1 }],
      }),
      { arch: "aarch64" },
    );
    expect(disassembleClassic(program)).toMatchInlineSnapshot(`
      [
        "0: a = arch",
        "1: if a == 0xc00000b7 goto 3",
        "2: return kill-process",
        "3: a = nr",
        "4: if a >= 65 goto 8",
        "5: if a >= 63 goto 7",
        "6: return errno 38",
        "7: return allow",
        "8: if a >= 198 goto 10",
        "9: return errno 38",
        "10: if a >= 199 goto 12",
        "11: goto 13",
        "12: return errno 38",
        "13: a = args[0].high",
        "14: unless a == 0 goto 18",
        "15: a = args[0].low",
        "16: unless a == 1 goto 18",
        "17: return allow",
        "18: return errno 38",
      ]
    `);
    expect(decodeClassic(compileSeccomp(profile(allow("read", "write")), { arch: "aarch64" }))).toEqual(
      compileToInstructions(profile(allow("read", "write")), { arch: "aarch64" }),
    );
  });

  it("knows its architectures, and ends processes that use others", () => {
    const oci: OciSeccomp = {
      ...profile(allow("getpid")),
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    };
    expect(decide(oci, { arch: "x86_64", nr: 39, args: [] })).toEqual({ action: "allow" });
    expect(decide(oci, { arch: "i386", nr: 20, args: [] })).toEqual({ action: "allow" });
    // Number 20 of x86_64 is writev.
    expect(decide(oci, { arch: "x86_64", nr: 20, args: [] })).toEqual({ action: "errno", errno: 38 });
    expect(decide(oci, { arch: "x32", nr: 39, args: [] })).toEqual({ action: "kill" });
    expect(decide(oci, { arch: "aarch64", nr: 172, args: [] })).toEqual({ action: "allow" });
    const arm = runClassic(compileToInstructions(oci, { arch: "x86_64" }), {
      nr: 172,
      arch: AUDIT_ARCH.aarch64,
      instructionPointer: 0n,
      args: [],
    });
    expect(arm).toBe(SECCOMP_RETURN.killProcess);
    const all: OciSeccomp = { ...oci, architectures: [...oci.architectures!, "SCMP_ARCH_X32"] };
    expect(decide(all, { arch: "x32", nr: 39, args: [] })).toEqual({ action: "allow" });
    expect(decide(all, { arch: "x32", nr: 0x4000_0000 + 39, args: [] })).toEqual({ action: "allow" });
  });

  it("lets a call that a tracer has cancelled get to the default", () => {
    for (const architectures of [["SCMP_ARCH_X86_64"], ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"]]) {
      const oci = { ...profile(allow("getpid")), architectures };
      expect(decide(oci, { arch: "x86_64", nr: -1, args: [] })).toEqual({ action: "errno", errno: 38 });
    }
  });

  it("does what is asked for with what is denied", () => {
    const oci = profile(allow("read"), { names: ["write"], action: "SCMP_ACT_LOG" });
    const result = (deny: "as-written" | "notify" | "log" | "allow", nr: number, arch: number): number =>
      runClassic(compileToInstructions(oci, { arch: "x86_64", deny }), {
        nr,
        arch,
        instructionPointer: 0n,
        args: [],
      });
    const { x86_64, i386 } = AUDIT_ARCH;
    for (const deny of ["as-written", "notify", "log", "allow"] as const) {
      expect(result(deny, 0, x86_64)).toBe(SECCOMP_RETURN.allow);
      expect(result(deny, 1, x86_64)).toBe(deny === "allow" ? SECCOMP_RETURN.allow : SECCOMP_RETURN.log);
    }
    expect(result("as-written", 2, x86_64)).toBe(SECCOMP_RETURN.errno | 38);
    expect(result("notify", 2, x86_64)).toBe(SECCOMP_RETURN.notify);
    expect(result("log", 2, x86_64)).toBe(SECCOMP_RETURN.log);
    expect(result("allow", 2, x86_64)).toBe(SECCOMP_RETURN.allow);
    expect(result("as-written", 2, i386)).toBe(SECCOMP_RETURN.killProcess);
    expect(result("notify", 2, i386)).toBe(SECCOMP_RETURN.notify);
    expect(result("log", 2, i386)).toBe(SECCOMP_RETURN.log);
    expect(result("allow", 2, i386)).toBe(SECCOMP_RETURN.allow);
  });

  it("follows runc in what a rule with one index twice means", () => {
    const twice: SeccompArg[] = [
      { index: 0, op: "SCMP_CMP_EQ", value: 1 },
      { index: 0, op: "SCMP_CMP_EQ", value: 2 },
      { index: 1, op: "SCMP_CMP_EQ", value: 9 },
    ];
    const oci = profile({ names: ["socket"], action: "SCMP_ACT_ALLOW", args: twice });
    const allowed = (...args: bigint[]): boolean =>
      decide(oci, { arch: "x86_64", nr: 41, args }).action === "allow";
    expect([allowed(1n, 0n), allowed(2n, 0n), allowed(3n, 9n), allowed(3n, 0n)]).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it("lets i386's socketcall and ipc follow the calls they stand for", () => {
    const oci: OciSeccomp = { ...profile(allow("connect", "shmat")), architectures: ["SCMP_ARCH_X86"] };
    const action = (nr: number, arg: bigint): string => decide(oci, { arch: "i386", nr, args: [arg] }).action;
    const [socketcall, ipc] = [syscallNumber("i386", "socketcall")!, syscallNumber("i386", "ipc")!];
    expect([action(socketcall, 3n), action(socketcall, 2n)]).toEqual(["allow", "errno"]);
    expect([action(ipc, 21n), action(ipc, 3n)]).toEqual(["allow", "errno"]);
  });

  it("looks at no argument of calls that pass in any case", () => {
    const oci = resolveDockerDefault({ capabilities: [], arch: "x86_64", kernel: "6.1" });
    const program = compileToInstructions(oci, { arch: "x86_64" });
    expect(checkClassic(program)).toEqual([]);
    for (const name of ["read", "write", "futex", "epoll_wait", "recvfrom", "clock_gettime"]) {
      const { result, executed } = trace(program, syscallNumber("x86_64", name)!);
      expect(result).toBe(SECCOMP_RETURN.allow);
      expect(executed.length).toBeLessThan(16);
      // The kernel looks for calls that pass in any case, and gives up at a load of anything but these two.
      const loads = executed.filter(({ code }) => code === 0x20).map(({ k }) => k);
      expect(loads).toEqual([SECCOMP_OFFSET.arch, SECCOMP_OFFSET.nr]);
    }
  });

  it.each([
    [{ ...profile(), defaultAction: "SCMP_ACT_NOTHING" }, "no action 'SCMP_ACT_NOTHING'"],
    [profile({ names: ["read"], action: "SCMP_ACT_ERRNO", errnoRet: -1 }), "errnoRet -1"],
    [profile({ ...allow("read"), args: [{ index: 6, op: "SCMP_CMP_EQ", value: 0 }] }), "arguments 0 to 5"],
    [profile({ ...allow("read"), args: [{ index: 0, op: "EQ", value: 0 }] }), "no comparison 'EQ'"],
    [profile({ ...allow("read"), args: [{ index: 0, op: "SCMP_CMP_EQ", value: 2 ** 60 }] }), "below 2^53"],
  ])("refuses what is not of the form (%#)", (oci, text) => {
    expect(() => compileSeccomp(oci, { arch: "x86_64" })).toThrow(text);
  });

  it("says when a profile is too large for the kernel", () => {
    const args = Array.from({ length: 900 }, (_, value): SeccompArg[] => [
      { index: 0, op: "SCMP_CMP_EQ", value },
    ]);
    const oci = profile(...args.map((one) => ({ names: ["ioctl"], action: "SCMP_ACT_ALLOW", args: one })));
    expect(() => compileSeccomp(oci, { arch: "x86_64" })).toThrow("too large for one filter");
  });
});

/** The instructions that a filter runs for a call, and its result. */
function trace(
  program: ClassicInstruction[],
  nr: number,
): { result: number; executed: ClassicInstruction[] } {
  const executed: ClassicInstruction[] = [];
  const watched = new Proxy(program, {
    get(target, key) {
      const found: unknown = Reflect.get(target, key);
      if (typeof key === "string" && /^\d+$/.test(key)) executed.push(found as ClassicInstruction);
      return found;
    },
  });
  const data = { nr, arch: AUDIT_ARCH.x86_64, instructionPointer: 0n, args: [] };
  return { result: runClassic(watched, data), executed };
}

// ---- against the meaning, written down as it is said -------------------------------------------------------------

const NAMES = ["socket", "openat", "clone", "ioctl", "semop", "read", "no_such_call"];
const value = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 0x5412, 0x7fff_ffff, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
);
const OPS = ["EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ"].map((op) => `SCMP_CMP_${op}`);
const arg: fc.Arbitrary<SeccompArg> = fc.record({
  index: fc.integer({ min: 0, max: 2 }),
  op: fc.constantFrom(...OPS),
  value,
  valueTwo: value,
});
const ACTIONS = ["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_LOG", "SCMP_ACT_KILL"];
const ociSeccomp: fc.Arbitrary<OciSeccomp> = fc.record({
  defaultAction: fc.constantFrom(...ACTIONS),
  defaultErrnoRet: fc.constantFrom(1, 38),
  architectures: fc.subarray(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_ARM"]),
  syscalls: fc.array(
    fc.record({
      names: fc.subarray(NAMES),
      action: fc.constantFrom(...ACTIONS),
      errnoRet: fc.constantFrom(1, 13, 38),
      args: fc.array(arg, { maxLength: 3 }),
    }),
    { maxLength: 6 },
  ),
});

const WORDS: Record<string, string> = { ALLOW: "allow", ERRNO: "errno", LOG: "log", KILL: "kill" };
const answer = (action: string, errno: number): string =>
  action === "SCMP_ACT_ERRNO" ? `errno ${errno}` : WORDS[action.slice("SCMP_ACT_".length)]!;

function holds({ op, value: a, valueTwo: b = 0 }: SeccompArg, argument64: bigint, bits: 32 | 64): boolean {
  const given = BigInt.asUintN(bits, argument64);
  const number = BigInt.asUintN(bits, BigInt(a));
  switch (op.slice("SCMP_CMP_".length)) {
    case "EQ":
      return given === number;
    case "NE":
      return given !== number;
    case "LT":
      return given < number;
    case "LE":
      return given <= number;
    case "GT":
      return given > number;
    case "GE":
      return given >= number;
    default:
      return (given & number) === (BigInt(b) & number);
  }
}

function meaning(oci: OciSeccomp, arch: TableArch, nr: number, args: bigint[]): string {
  const scmp = { x86_64: "SCMP_ARCH_X86_64", i386: "SCMP_ARCH_X86", x32: "SCMP_ARCH_X32", aarch64: "" }[arch];
  if (arch !== "x86_64" && !oci.architectures!.includes(scmp)) return "kill";
  const otherwise = answer(oci.defaultAction, oci.defaultErrnoRet!);
  const name = syscallName(arch, nr)!;
  const rules = oci.syscalls
    .filter(({ names }) => names.includes(name))
    .map((rule) => ({ ...rule, answer: answer(rule.action, rule.errnoRet!) }))
    .filter((rule) => rule.answer !== otherwise)
    .flatMap((rule) => {
      const list = rule.args!;
      const repeats = list.some(({ index }, i) => list.some((other, j) => i < j && other.index === index));
      const parts = repeats ? list.map((one) => [one]) : [list];
      // A comparison under a mask without bits is none.
      return parts.map((part) => ({
        answer: rule.answer,
        args: part.filter(({ op, value: mask }) => op !== "SCMP_CMP_MASKED_EQ" || mask !== 0),
      }));
    });
  const plain = rules.find((rule) => rule.args.length === 0);
  if (plain !== undefined) return plain.answer;
  const found = rules.find((rule) =>
    rule.args.every((one) => holds(one, args[one.index]!, arch === "x32" ? 32 : 64)),
  );
  return found?.answer ?? otherwise;
}

describe("decide", () => {
  it("is what the profile says, for any profile and call", () => {
    const call = fc.record({
      // i386 has 32-bit registers, and its multiplexers have a test of their own.
      arch: fc.constantFrom<TableArch>("x86_64", "x32"),
      name: fc.constantFrom(...NAMES.slice(0, 6)),
      args: fc.tuple(argument, argument, argument),
    });
    fc.assert(
      fc.property(ociSeccomp, fc.array(call, { minLength: 1, maxLength: 10 }), (oci, calls) => {
        for (const { arch, name, args } of calls) {
          const nr = syscallNumber(arch, name)!;
          const { action, errno } = decide(oci, { arch, nr, args });
          expect(action === "errno" ? `errno ${errno}` : action).toBe(meaning(oci, arch, nr, args));
        }
      }),
      { numRuns: 1500 },
    );
  });

  it("compares only 32 bits of i386's and x32's arguments", () => {
    const oci: OciSeccomp = {
      ...profile({
        names: ["openat"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 1, op: "SCMP_CMP_GE", value: 0x1_0000_0005 }],
      }),
      architectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    };
    for (const arch of ["i386", "x32"] as const) {
      const nr = syscallNumber(arch, "openat")!;
      expect(decide(oci, { arch, nr, args: [0n, 5n] }).action).toBe("allow");
      expect(decide(oci, { arch, nr, args: [0n, 4n] }).action).toBe("errno");
      expect(decide(oci, { arch, nr, args: [0n, 0x2_0000_0005n] }).action).toBe("allow");
    }
  });

  it("gives a program that the kernel takes, for any profile", () => {
    fc.assert(
      fc.property(ociSeccomp, fc.constantFrom<TableArch>("x86_64", "aarch64"), (oci, arch) => {
        expect(checkClassic(compileToInstructions(oci, { arch }))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
