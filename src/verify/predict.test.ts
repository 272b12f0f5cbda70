import { describe, expect, it } from "vitest";
import { emitSeccomp } from "../emit/index.ts";
import { syscallNumber } from "../linux/index.ts";
import type { RecordedSyscall } from "../profile/index.ts";
import type { Policy } from "./policy.ts";
import { predictDenials } from "./predict.ts";
import { appCalls, profile, recording } from "./testing.ts";

const call = (name: string, more: Partial<RecordedSyscall> = {}): RecordedSyscall => ({
  name,
  nr: syscallNumber("x86_64", name)!,
  errnos: [],
  ...more,
});

const limited = profile({
  syscalls: { allow: ["read", { name: "socket", args: [[{ index: 0, op: "eq", value: 2 }]] }] },
});

function policy(more: Partial<Policy> = {}): Policy {
  return { arch: "x86_64", seccomp: emitSeccomp(limited), capabilities: [], files: {}, ...more };
}

const predict = (plain: Parameters<typeof predictDenials>[0], more: Partial<Policy> = {}, runtime = false) =>
  predictDenials(plain, policy(more), { runtime });

describe("predictDenials", () => {
  it("lists every call that the filter refuses, at once", () => {
    const { denials } = predict(recording({ phases: appCalls(call("read"), call("mount"), call("bpf")) }));
    expect(denials.map(({ syscall, errno }) => `${syscall} ${errno}`)).toEqual(["mount EPERM", "bpf EPERM"]);
  });

  it("asks with the argument values that were recorded", () => {
    const args = {
      names: ["domain", "type", "protocol"],
      values: [
        [2, 1, 0],
        [16, 3, 0],
      ],
      closed: true,
    };
    const { denials } = predict(recording({ phases: appCalls(call("socket", { args })) }));
    expect(denials).toHaveLength(1);
    expect(denials[0]).toMatchObject({ syscall: "socket", args: ["0x10", "0x3", "0x0"] });
    expect(denials[0]!.suggestion).toContain("{ index: 0, op: eq, value: 16 }");
  });

  it("takes new calls for probes", () => {
    const { denials, probes } = predict(recording({ phases: appCalls(call("clone3"), call("mseal")) }));
    expect(denials).toEqual([]);
    expect(probes.map(({ syscall }) => syscall)).toEqual(["clone3", "mseal"]);
  });

  it("passes over calls that nothing saw, and those that only ever failed in the same way", () => {
    const phases = appCalls(call("mount", { assumed: true }), call("bpf", { errnos: ["EPERM"] }));
    expect(predict(recording({ phases })).denials).toEqual([]);
  });

  it("looks at the runtime's calls only where they can be compared", () => {
    const plain = recording({ phases: [{ name: "runtime", abi: "native", syscalls: [call("keyctl")] }] });
    expect(predict(plain).denials).toEqual([]);
    expect(predict(plain, {}, true).denials).toMatchObject([{ syscall: "keyctl", phase: "runtime" }]);
  });

  it("uses the table of the convention", () => {
    const exit = { name: "exit", nr: syscallNumber("i386", "exit")!, errnos: [] };
    const plain = recording({ phases: [{ name: "app", abi: "i386", syscalls: [exit] }] });
    expect(predict(plain).denials).toMatchObject([{ syscall: "exit", errno: "SIGSYS" }]);
  });

  it("lists capabilities that were used and are dropped", () => {
    const capabilities = [
      { name: "CAP_CHOWN", granted: true, syscalls: ["chown"] },
      { name: "CAP_SETUID", granted: true, syscalls: ["setuid"] },
      { name: "CAP_SYS_ADMIN", granted: false, syscalls: ["mmap"] },
    ];
    const { denials } = predict(recording({ capabilities }), { capabilities: ["CAP_SETUID"] });
    expect(denials.map(({ capability }) => capability)).toEqual(["CAP_CHOWN"]);
  });

  it("lists files outside what may be written, where that is held at all", () => {
    const files = [
      { path: "/var/lib/app/db", access: ["write" as const], ok: true },
      { path: "/etc/passwd", access: ["create" as const], ok: true },
      { path: "/etc/shadow", access: ["write" as const], ok: false, errnos: ["EACCES"] },
    ];
    expect(predict(recording({ files })).denials).toEqual([]);
    const { denials } = predict(recording({ files }), { files: { write: ["/var/lib/app/"] } });
    expect(denials.map(({ path }) => path)).toEqual(["/etc/passwd"]);
  });
});
