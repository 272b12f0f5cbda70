import { describe, expect, it } from "vitest";
import {
  type OciSeccomp,
  dockerDefaultCapabilities,
  dockerDefaultSeccomp,
  isSyscall,
  resolveDockerDefault,
  resolveSeccomp,
} from "./index.ts";

const host = { capabilities: dockerDefaultCapabilities, arch: "x86_64", kernel: "6.18.44-generic" } as const;

/** The rules of a call without the lists of other names beside it. */
function rules(profile: OciSeccomp, name: string): Omit<OciSeccomp["syscalls"][number], "names">[] {
  return profile.syscalls
    .filter((rule) => rule.names.includes(name))
    .map(({ action, errnoRet, args }) => ({ action, errnoRet, args }));
}

const ALLOW = [{ action: "SCMP_ACT_ALLOW" }];

describe("Docker's default profile", () => {
  it("without CAP_SYS_ADMIN: no mount, clone without namespaces, clone3 as if the kernel had none", () => {
    const profile = resolveDockerDefault(host);
    expect(profile.defaultAction).toBe("SCMP_ACT_ERRNO");
    expect(profile.defaultErrnoRet).toBe(1);
    expect(profile.architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
    expect(rules(profile, "mount")).toEqual([]);
    expect(rules(profile, "unshare")).toEqual([]);
    expect(rules(profile, "clone3")).toEqual([{ action: "SCMP_ACT_ERRNO", errnoRet: 38 }]);
    expect(rules(profile, "clone")).toEqual([
      { action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 0x7e02_0000, op: "SCMP_CMP_MASKED_EQ" }] },
    ]);
    expect(rules(profile, "read")).toEqual(ALLOW);
    expect(rules(profile, "io_uring_setup")).toEqual([]);
    expect(rules(profile, "socket")).toHaveLength(3);
    expect(rules(profile, "chroot")).toEqual(ALLOW);
  });

  it("with CAP_SYS_ADMIN: these without a condition", () => {
    const profile = resolveDockerDefault({ ...host, capabilities: ["CAP_SYS_ADMIN"] });
    for (const name of ["mount", "unshare", "clone", "clone3", "bpf"])
      expect(rules(profile, name)).toEqual(ALLOW);
    expect(rules(profile, "chroot")).toEqual([]);
  });

  it("by kernel: ptrace from 4.8 on, compared by number and not as text", () => {
    const ptrace = (kernel: string): unknown[] => rules(resolveDockerDefault({ ...host, kernel }), "ptrace");
    expect(ptrace("4.7.99")).toEqual([]);
    expect(ptrace("3.10.0-1160.el7")).toEqual([]);
    expect(ptrace("4.8.0")).toEqual(ALLOW);
    expect(ptrace("4.19.0")).toEqual(ALLOW);
    expect(ptrace("10.0")).toEqual(ALLOW);
    expect(() => ptrace("unknown")).toThrow("'unknown' is not a kernel version");
  });

  it("by architecture: arch_prctl on x86 alone, set_tls on arm alone", () => {
    const arm = resolveDockerDefault({ ...host, arch: "aarch64" });
    expect(arm.architectures).toEqual(["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
    expect(rules(arm, "arch_prctl")).toEqual([]);
    expect(rules(arm, "set_tls")).toEqual(ALLOW);
    expect(rules(resolveDockerDefault(host), "arch_prctl")).toEqual(ALLOW);
    expect(rules(resolveDockerDefault(host), "set_tls")).toEqual([]);
  });

  it("leaves nothing of Docker's own form, and does not touch the value it is made from", () => {
    const before = JSON.stringify(dockerDefaultSeccomp);
    const profile = resolveDockerDefault(host);
    profile.syscalls[0]!.names.push("mount");
    for (const rule of profile.syscalls) {
      for (const member of Object.keys(rule))
        expect(["names", "action", "errnoRet", "args"]).toContain(member);
    }
    expect(JSON.stringify(dockerDefaultSeccomp)).toBe(before);
  });

  it("names hardly a call that our tables do not have: arm's and other machines' own", () => {
    const unknown = new Set(
      dockerDefaultSeccomp.syscalls.flatMap(({ names }) => names).filter((name) => !isSyscall(name)),
    );
    expect([...unknown].toSorted()).toEqual(
      [
        "arm_fadvise64_64",
        "arm_sync_file_range",
        "breakpoint",
        "cacheflush",
        "riscv_flush_icache",
        "riscv_hwprobe",
        "s390_pci_mmio_read",
        "s390_pci_mmio_write",
        "s390_runtime_instr",
        "send",
        "recv",
        "set_tls",
        "swapcontext",
        "sync_file_range2",
      ].toSorted(),
    );
  });
});

describe("rules", () => {
  const resolve = (rule: object): number =>
    resolveSeccomp({ defaultAction: "x", syscalls: [{ names: ["read"], action: "y", ...rule }] }, host)
      .syscalls.length;

  it("needs all included capabilities, and falls to any excluded one", () => {
    expect(resolve({ includes: { caps: ["CAP_CHOWN", "CAP_KILL"] } })).toBe(1);
    expect(resolve({ includes: { caps: ["CAP_CHOWN", "CAP_SYS_ADMIN"] } })).toBe(0);
    expect(resolve({ excludes: { caps: ["CAP_SYS_ADMIN", "CAP_KILL"] } })).toBe(0);
    expect(resolve({ excludes: { caps: ["CAP_SYS_ADMIN"] } })).toBe(1);
  });

  it("takes empty lists for no condition", () => {
    expect(resolve({ includes: { caps: [], arches: [] }, excludes: { caps: [], arches: [] } })).toBe(1);
  });

  it("excludes by architecture and kernel", () => {
    expect(resolve({ excludes: { arches: ["amd64"] } })).toBe(0);
    expect(resolve({ excludes: { minKernel: "6.18" } })).toBe(0);
    expect(resolve({ excludes: { minKernel: "6.19" } })).toBe(1);
    expect(resolve({ includes: { minKernel: "6.19" } })).toBe(0);
  });
});
