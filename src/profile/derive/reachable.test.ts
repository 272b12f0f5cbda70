import { describe, expect, it } from "vitest";
import { analysis, recording } from "../../../test/support/samples.ts";
import {
  type Analysis,
  type Profile,
  callsOf,
  derive,
  parseAnalysis,
  parseProfile,
  stringifyProfile,
} from "../index.ts";

const calls = (profile: Profile): string[] => callsOf(profile);
const limit = (profile: Profile, name: string) =>
  profile.syscalls.allow.find((grant) => typeof grant !== "string" && grant.name === name);

describe("a profile of runs and code", () => {
  const { profile, evidence } = derive([recording], { analyses: [analysis] });

  it("has what runs used, and what code could use as far as Docker's default allows it", () => {
    expect(calls(profile)).toEqual(expect.arrayContaining(["openat", "rename", "getdents64"]));
    const of = (grant: string) => evidence.grants.find((entry) => entry.grant === grant)?.evidence;
    expect(of("syscall:rename")).toContainEqual({
      kind: "reachable",
      path: ["sample:rotate", "libc.so.6:rename"],
      via: "direct",
    });
    expect(of("syscall:openat")?.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["recorded", "reachable"]),
    );
  });

  it("leaves out what is outside, with its path", () => {
    expect(calls(profile)).not.toContain("mount");
    expect(evidence.leftOut).toContainEqual(
      expect.objectContaining({
        grant: "syscall:mount",
        reason: expect.stringContaining("Docker's default") as string,
        evidence: expect.arrayContaining([expect.objectContaining({ kind: "reachable" })]) as unknown[],
      }),
    );
    expect(calls(profile)).not.toContain("clone3");
  });

  it("names what was analyzed, and reads back", () => {
    expect(profile.analyzed).toEqual([{ path: "/usr/bin/sample", digest: `sha256:${"0a".repeat(32)}` }]);
    expect(parseProfile(stringifyProfile(profile), "test")).toEqual(profile);
    expect(parseAnalysis(JSON.stringify(analysis), "test")).toEqual(analysis);
  });

  it("limits arguments to what runs used and code could use, where both are known", () => {
    const domains = (limit(profile, "socket") as { args: { value: number }[][] }).args.map(
      ([first]) => first!.value,
    );
    expect(domains).toEqual(expect.arrayContaining([1, 2]));
    const open: Analysis = {
      ...analysis,
      syscalls: analysis.syscalls.map((call) =>
        call.args === undefined ? call : { ...call, args: [{ ...call.args[0]!, closed: false }] },
      ),
    };
    const wide = limit(derive([recording], { analyses: [open] }).profile, "socket") as {
      args: { op: string }[][];
    };
    expect(wide.args[0]!.every(({ op }) => op === "ne")).toBe(true);
  });

  it("has only one kind on request", () => {
    expect(calls(derive([recording], { analyses: [analysis], only: "recorded" }).profile)).not.toContain(
      "rename",
    );
    expect(derive([recording], { analyses: [analysis], only: "recorded" }).profile.analyzed).toBeUndefined();
    const only = derive([recording], { analyses: [analysis], only: "reachable" }).profile;
    expect(calls(only)).toContain("rename");
    expect(calls(only)).not.toContain("getdents64");
  });
});

describe("a profile of code alone", () => {
  it("says what it cannot know, and is wide there", () => {
    const { profile, evidence } = derive([], { analyses: [analysis], only: "reachable" });
    expect(profile.filesystem.root).toBe("writable");
    expect(profile.noNewPrivileges).toBe(false);
    expect(profile.capabilities).toEqual(["CAP_DAC_OVERRIDE"]);
    expect(evidence.leftOut.map(({ grant }) => grant)).toContain("capability:CAP_SYS_ADMIN");
    expect(profile.incomplete?.join()).toContain("code alone");
  });

  it("is asked for by name, and needs an analysis", () => {
    expect(() => derive([], { analyses: [analysis] })).toThrow(/at least one recording/);
    expect(() => derive([recording], { only: "reachable" })).toThrow(/at least one analysis/);
  });

  it("is of one architecture", () => {
    expect(() => derive([recording], { analyses: [{ ...analysis, arch: "aarch64" }] })).toThrow(
      /one architecture/,
    );
  });
});

it("what an analysis could not see through makes a profile incomplete", () => {
  const unresolved = [{ module: "libx.so", function: "f", address: "0x10", reason: "r" }];
  const { profile } = derive([recording], { analyses: [{ ...analysis, unresolved }] });
  expect(profile.incomplete?.join()).toContain("number is not known");
});
