import { describe, expect, it } from "vitest";
import { emitSeccomp } from "../emit/index.ts";
import { syscallNumber } from "../linux/index.ts";
import type { Profile } from "../profile/index.ts";
import type { RefusedCall } from "../record/index.ts";
import { classifyRefusals } from "./classify.ts";
import type { Policy } from "./policy.ts";
import { appCalls, profile, recording } from "./testing.ts";

function policyOf(given: Profile, files: Policy["files"] = {}): Policy {
  return { arch: "x86_64", seccomp: emitSeccomp(given), capabilities: given.capabilities, files };
}

function refused(name: string, errno: string, more: Partial<RefusedCall> = {}): RefusedCall {
  return {
    name,
    nr: syscallNumber("x86_64", name)!,
    abi: "native",
    phase: "app",
    errno,
    args: [0n, 0n, 0n, 0n, 0n, 0n],
    executable: "/bin/app",
    ...more,
  };
}

const call = (name: string, errnos: string[] = []) => ({ name, nr: syscallNumber("x86_64", name)!, errnos });

describe("classifyRefusals", () => {
  const policy = policyOf(profile());

  it("names who called what with which arguments", () => {
    const { denials } = classifyRefusals(
      [refused("unshare", "EPERM", { args: [0x20000n, -1n, 0n, 0n, 0n, 0n] })],
      recording(),
      recording({ phases: appCalls(call("unshare")) }),
      policy,
    );
    expect(denials).toHaveLength(1);
    expect(denials[0]).toMatchObject({
      syscall: "unshare",
      errno: "EPERM",
      executable: "/bin/app",
      phase: "app",
      args: ["0x20000", "0xffffffffffffffff", "0x0", "0x0", "0x0", "0x0"],
    });
    expect(denials[0]!.suggestion).toContain('under syscalls.allow: "- unshare"');
  });

  it("passes over what the filter lets through: the kernel refused it for its own reasons", () => {
    expect(classifyRefusals([refused("read", "EPERM")], recording(), recording(), policy).denials).toEqual(
      [],
    );
    // The filter would answer EPERM.
    expect(classifyRefusals([refused("mount", "EACCES")], recording(), recording(), policy).denials).toEqual(
      [],
    );
  });

  it("passes over what failed with the same error unconfined", () => {
    const plain = recording({ phases: appCalls(call("mount", ["EPERM"])) });
    expect(classifyRefusals([refused("mount", "EPERM")], recording(), plain, policy).denials).toEqual([]);
    const other = recording({ phases: appCalls(call("mount", ["EBUSY"])) });
    expect(classifyRefusals([refused("mount", "EPERM")], recording(), other, policy).denials).toHaveLength(1);
  });

  it("tells new calls, which programs probe, from old ones with the wrong arguments", () => {
    const limited = policyOf(
      profile({
        syscalls: { allow: ["read", { name: "socket", args: [[{ index: 0, op: "eq", value: 1 }]] }] },
      }),
    );
    const refusals = classifyRefusals(
      [
        refused("clone3", "ENOSYS"),
        refused("socket", limitedErrno(limited), { args: [38n, 5n, 0n, 0n, 0n, 0n] }),
      ],
      recording(),
      recording(),
      limited,
    );
    expect(refusals.probes.map(({ syscall }) => syscall)).toEqual(["clone3"]);
    expect(refusals.denials.map(({ syscall }) => syscall)).toEqual(["socket"]);
  });

  it("counts a capability only if the unconfined run was granted it", () => {
    const asked = recording({ capabilities: [{ name: "CAP_CHOWN", granted: false, syscalls: ["chown"] }] });
    const had = recording({ capabilities: [{ name: "CAP_CHOWN", granted: true, syscalls: ["chown"] }] });
    expect(classifyRefusals([], asked, had, policy).denials).toMatchObject([
      {
        capability: "CAP_CHOWN",
        syscall: "chown",
        errno: "EPERM",
        suggestion: 'under capabilities: "- CAP_CHOWN"',
      },
    ]);
    expect(classifyRefusals([], asked, asked, policy).denials).toEqual([]);
    const granted = policyOf(profile({ capabilities: ["CAP_CHOWN"] }));
    expect(classifyRefusals([], asked, had, granted).denials).toEqual([]);
  });

  it("counts a file only if the unconfined run could use it so", () => {
    const failed = recording({
      files: [{ path: "/data/a", access: ["create", "write"], ok: false, errnos: ["EROFS"] }],
    });
    const wrote = recording({ files: [{ path: "/data/a", access: ["write"], ok: true }] });
    const read = recording({ files: [{ path: "/data/a", access: ["read"], ok: true }] });
    expect(classifyRefusals([], failed, wrote, policy).denials).toMatchObject([
      { path: "/data/a", errno: "EROFS", suggestion: 'under filesystem.write: "- /data/a"' },
    ]);
    expect(classifyRefusals([], failed, read, policy).denials).toEqual([]);
    const missing = recording({
      files: [{ path: "/data/a", access: ["write"], ok: false, errnos: ["ENOENT"] }],
    });
    expect(classifyRefusals([], missing, wrote, policy).denials).toEqual([]);
  });
});

function limitedErrno(policy: Policy): string {
  // Whatever the emitter answers where a call is allowed with other arguments only.
  const hasRule = policy.seccomp.syscalls.some(
    ({ names, action }) => action === "SCMP_ACT_ERRNO" && names.includes("socket"),
  );
  return hasRule ? "EPERM" : "ENOSYS";
}
