import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type OciSeccomp, type TableArch, syscallNames, syscallNumber } from "../linux/index.ts";
import { type ArgTest, type Profile, type SyscallGrant, baselineFor } from "../profile/index.ts";
import { checkClassic, compileToInstructions, decide } from "../bpf/index.ts";
import { profileWith } from "../../test/support/profile-fixture.ts";
import { isProbed } from "./probed.ts";
import { emitSeccomp, seccompFor } from "./seccomp.ts";
import { stringifySeccomp } from "./seccomp-text.ts";

function ask(oci: OciSeccomp, name: string, args: bigint[] = [], arch: TableArch = "x86_64"): string {
  const { action, errno } = decide(oci, { arch, nr: syscallNumber(arch, name)!, args });
  return action === "errno" ? { 1: "EPERM", 13: "EACCES", 38: "ENOSYS" }[errno!]! : action;
}

const withCalls = (...allow: Profile["syscalls"]["allow"]): Profile => profileWith({ syscalls: { allow } });
const eq = (index: ArgTest["index"], value: number): ArgTest => ({ index, op: "eq", value });

describe("emitSeccomp", () => {
  it("allows what the profile grants, and answers the rest as the C library expects it", () => {
    const oci = emitSeccomp(withCalls("read", "write", "exit_group"), { runtimes: [] });
    expect(ask(oci, "read")).toBe("allow");
    expect(ask(oci, "mount")).toBe("EPERM");
    expect(ask(oci, "ptrace")).toBe("EPERM");
    for (const probe of [
      "clone3",
      "openat2",
      "faccessat2",
      "fchmodat2",
      "rseq",
      "statx",
      "close_range",
      "mseal",
    ]) {
      expect(ask(oci, probe)).toBe("ENOSYS");
    }
    expect(ask(oci, "io_uring_setup")).toBe("ENOSYS");
    expect(decide(oci, { arch: "x86_64", nr: 9999, args: [] })).toEqual({ action: "errno", errno: 38 });
  });

  it("gives each call exactly one answer, by name", () => {
    const oci = emitSeccomp(profileWith({}), {});
    const named = oci.syscalls.filter(({ args }) => args === undefined).flatMap(({ names }) => names);
    expect(new Set(named).size).toBe(named.length);
    const limited = new Set(
      oci.syscalls.filter(({ args }) => args !== undefined).flatMap(({ names }) => names),
    );
    expect(named.filter((name) => limited.has(name))).toEqual([]);
    expect([...named, ...limited].toSorted()).toEqual(syscallNames("x86_64").toSorted());
  });

  it("answers EPERM to a call with other arguments than those allowed", () => {
    const oci = emitSeccomp(
      withCalls(
        { name: "socket", args: [[eq(0, 1)], [eq(0, 2), eq(1, 1)]] },
        { name: "personality", args: [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff].map((value) => [eq(0, value)]) },
      ),
      { runtimes: [] },
    );
    expect(ask(oci, "socket", [1n, 5n])).toBe("allow");
    expect(ask(oci, "socket", [2n, 1n])).toBe("allow");
    expect(ask(oci, "socket", [2n, 3n])).toBe("EPERM");
    expect(ask(oci, "socket", [38n, 5n])).toBe("EPERM");
    expect(ask(oci, "personality", [0xffff_ffffn])).toBe("allow");
    expect(ask(oci, "personality", [1n])).toBe("EPERM");
  });

  it("means what the profile says, for any grants and calls", () => {
    const NAMES = ["socket", "ioctl", "openat", "clone", "bpf", "keyctl", "read"];
    const test: fc.Arbitrary<ArgTest> = fc
      .record({
        index: fc.constantFrom<0 | 1>(0, 1),
        op: fc.constantFrom<ArgTest["op"]>("eq", "ne", "masked-eq"),
        value: fc.constantFrom(0, 1, 2, 16, 0x5412, 0xffff_ffff),
        mask: fc.constantFrom(1, 3, 0xff, 0xffff_ffff),
      })
      .map(({ mask, ...rest }) => (rest.op === "masked-eq" ? { ...rest, mask } : rest));
    const grant: fc.Arbitrary<string | SyscallGrant> = fc.oneof(
      fc.constantFrom(...NAMES),
      fc.record({
        name: fc.constantFrom(...NAMES),
        args: fc.array(fc.array(test, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 2 }),
      }),
    );
    const values = [0n, 1n, 2n, 3n, 16n, 0x5412n, 0xffff_ffffn, 0x1_0000_0001n];
    fc.assert(
      fc.property(fc.array(grant, { maxLength: 6 }), (allow) => {
        const { seccomp: oci, warnings } = seccompFor(withCalls(...allow), { runtimes: [] });
        for (const name of NAMES) {
          const grants = allow.filter(
            (one) => one === name || (typeof one !== "string" && one.name === name),
          );
          for (const [a, b] of values.flatMap((x) => values.map((y): [bigint, bigint] => [x, y]))) {
            const allowed = grants.some(
              (one) =>
                typeof one === "string" ||
                one.args.some((list) => list.every((t) => meets(t, [a, b][t.index]!))),
            );
            const answer = ask(oci, name, [a, b]);
            if (allowed) expect(answer).toBe("allow");
            else if (warnings.length === 0) expect(["EPERM", "ENOSYS"]).toContain(answer);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it("compiles to a filter that the kernel takes, with all of Docker's architectures", () => {
    const oci = emitSeccomp(
      profileWith({
        arch: ["x86_64", "i386", "x32"],
        syscalls: { allow: [...syscallNames().slice(0, 200)] },
      }),
    );
    expect(checkClassic(compileToInstructions(oci, { arch: "x86_64" }))).toEqual([]);
    expect(oci.architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
  });

  it("refuses architectures that the profile does not name", () => {
    const oci = emitSeccomp(withCalls("getpid"));
    expect(ask(oci, "getpid", [], "x32")).toBe("kill");
    expect(ask(oci, "getpid", [], "i386")).toBe("kill");
  });

  it("leaves old 32-bit C libraries their way back from calls with long times", () => {
    const oci = emitSeccomp(
      profileWith({ arch: ["x86_64", "i386"], syscalls: { allow: ["clock_gettime"] } }),
    );
    expect(ask(oci, "clock_gettime64", [], "i386")).toBe("ENOSYS");
    expect(ask(oci, "futex_time64", [], "i386")).toBe("ENOSYS");
    expect(isProbed("stat64")).toBe(false);
  });

  it("gives the same bytes for the same profile, whatever the order of its grants", () => {
    const allow = [
      { name: "socket", args: [[eq(0, 1)]] },
      "write",
      "read",
      { name: "ioctl", args: [[eq(1, 1)]] },
    ];
    const text = stringifySeccomp(emitSeccomp(withCalls(...allow)));
    expect(stringifySeccomp(emitSeccomp(withCalls(...allow.toReversed())))).toBe(text);
  });

  it("ignores names that the profile's architectures do not have", () => {
    const oci = emitSeccomp(withCalls("read", "_llseek", "not_a_call"));
    const names = oci.syscalls.flatMap((rule) => rule.names);
    expect(names).not.toContain("_llseek");
    expect(names).not.toContain("not_a_call");
  });
});

function meets({ op, value, mask }: ArgTest, given: bigint): boolean {
  const low = BigInt.asUintN(32, given);
  if (op === "masked-eq") return (given & BigInt(mask!)) === BigInt(value);
  return (low === BigInt(value)) === (op === "eq");
}

describe("the runtimes' own calls", () => {
  it("are added, without any that would undo the filter", () => {
    for (const noNewPrivileges of [true, false]) {
      const oci = emitSeccomp(profileWith({ noNewPrivileges, syscalls: { allow: [] } }));
      for (const runtime of ["runc", "crun"]) {
        for (const name of baselineFor({ runtime, noNewPrivileges })) {
          if (syscallNumber("x86_64", name) !== undefined)
            expect([name, ask(oci, name)]).toEqual([name, "allow"]);
        }
      }
      for (const name of ["mount", "umount2", "pivot_root", "setns", "unshare", "keyctl", "ptrace", "bpf"]) {
        expect([name, ask(oci, name)]).toEqual([name, "EPERM"]);
      }
    }
  });

  it("change no user under no-new-privileges, where they come after that", () => {
    const early = emitSeccomp(profileWith({ noNewPrivileges: false, syscalls: { allow: [] } }));
    const last = emitSeccomp(profileWith({ noNewPrivileges: true, syscalls: { allow: [] } }));
    for (const name of ["setuid", "setgid", "setgroups", "capset"]) {
      expect(ask(early, name)).toBe("allow");
      expect(ask(last, name)).toBe("EPERM");
    }
  });

  it("may make threads, but no namespaces, and keep the profile's limits on clone", () => {
    const CLONE_NEWUSER = 0x1000_0000n;
    for (const allow of [[], [{ name: "clone", args: [[eq(0, 0x11)]] }]]) {
      const oci = emitSeccomp(withCalls(...allow));
      expect(ask(oci, "clone", [0x3d_0f00n])).toBe("allow");
      expect(ask(oci, "clone", [CLONE_NEWUSER])).toBe("EPERM");
    }
    expect(ask(emitSeccomp(withCalls("clone")), "clone", [CLONE_NEWUSER])).toBe("allow");
  });

  it("lift the profile's limits on a call that they need, and say so", () => {
    const { seccomp, warnings } = seccompFor(withCalls({ name: "openat", args: [[eq(2, 0)]] }));
    expect(ask(seccomp, "openat", [0n, 0n, 1n])).toBe("allow");
    expect(warnings).toEqual([
      expect.stringContaining("openat is allowed with any arguments: runc and crun"),
    ]);
    const local = seccompFor(withCalls({ name: "openat", args: [[eq(2, 0)]] }), { runtimes: ["local"] });
    expect(ask(local.seccomp, "openat", [0n, 0n, 1n])).toBe("EPERM");
    expect(local.warnings).toEqual([]);
  });
});

describe("i386's socketcall and ipc", () => {
  const CONNECT = [3n];
  const SOCKET = [1n];
  const i386 = (...allow: Profile["syscalls"]["allow"]) =>
    seccompFor(profileWith({ arch: ["x86_64", "i386"], syscalls: { allow } }), { runtimes: [] });

  it("follow the calls that the profile allows without limits", () => {
    const { seccomp, warnings } = i386("connect", "semop");
    expect(ask(seccomp, "socketcall", CONNECT, "i386")).toBe("allow");
    expect(ask(seccomp, "socketcall", SOCKET, "i386")).toBe("EPERM");
    expect(ask(seccomp, "ipc", [1n], "i386")).toBe("allow");
    expect(warnings).toEqual([]);
  });

  it("are refused as a whole where they would get around a limit", () => {
    const { seccomp } = i386("connect", { name: "socket", args: [[eq(0, 1)]] });
    expect(ask(seccomp, "socket", [2n], "i386")).toBe("EPERM");
    expect(ask(seccomp, "socketcall", SOCKET, "i386")).toBe("EACCES");
    expect(ask(seccomp, "socketcall", CONNECT, "i386")).toBe("EACCES");
    expect(ask(seccomp, "ipc", [1n], "i386")).toBe("EPERM");
  });

  it("are allowed as a whole where the profile grants them, and that is said", () => {
    const { seccomp, warnings } = i386("socketcall", { name: "socket", args: [[eq(0, 1)]] });
    expect(ask(seccomp, "socketcall", SOCKET, "i386")).toBe("allow");
    expect(warnings).toEqual([expect.stringContaining("can be passed by through socketcall")]);
    const limited = i386({ name: "socketcall", args: [[eq(0, 3)]] });
    expect(ask(limited.seccomp, "socketcall", SOCKET, "i386")).toBe("allow");
    expect(limited.warnings).toEqual([expect.stringContaining("socketcall is allowed with any arguments")]);
  });
});

describe("stringifySeccomp", () => {
  it("is JSON for the same value", () => {
    const oci = emitSeccomp(profileWith({}));
    expect(JSON.parse(stringifySeccomp(oci))).toEqual(oci);
    const empty: OciSeccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [] };
    expect(JSON.parse(stringifySeccomp(empty))).toEqual(empty);
  });
});
