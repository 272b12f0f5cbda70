import { expect, test } from "vitest";
import { test as property } from "@fast-check/vitest";
import { isSyscall } from "../../linux/index.ts";
import { anyRecording, recording } from "../../../test/support/samples.ts";
import { always, baselines, derive, diffProfiles, explain, families, fits, grantsOf } from "../index.ts";

const { profile, evidence } = derive([recording]);
const grants = new Set(grantsOf(profile));
const evidenceOf = (grant: string): unknown[] =>
  evidence.grants.find((one) => one.grant === grant)?.evidence ?? [];
const limitsOn = (name: string): unknown =>
  profile.syscalls.allow.find((one) => typeof one !== "string" && one.name === name);

test("what was recorded is granted, with who says so", () => {
  expect(evidenceOf("syscall:openat")).toContainEqual({
    kind: "recorded",
    run: expect.any(String),
    phase: "app",
    errnos: ["ENOENT"],
  });
  expect(evidenceOf("syscall:getdents64")).toContainEqual(
    expect.objectContaining({ kind: "recorded", phase: "exec", detail: "/bin/ls" }),
  );
  expect(evidenceOf("syscall:open")).toEqual([expect.objectContaining({ kind: "equivalent", of: "openat" })]);
  expect(evidenceOf("syscall:exit_group")).toEqual([expect.objectContaining({ kind: "always" })]);
});

test("every grant has evidence, and every evidence a grant", () => {
  expect(evidence.grants.map(({ grant }) => grant).sort()).toEqual([...grants].sort());
  expect(evidence.grants.every((one) => one.evidence.length > 0)).toBe(true);
});

test("holes around filters are left out, with their stand-ins granted", () => {
  for (const name of ["clone3", "io_uring_setup"]) expect(grants).not.toContain(`syscall:${name}`);
  expect(evidence.leftOut.map(({ grant }) => grant)).toEqual(
    expect.arrayContaining(["syscall:clone3", "syscall:io_uring_setup"]),
  );
  expect(grants).toContain("syscall:clone");
  expect(limitsOn("clone")).toEqual({
    name: "clone",
    args: [[{ index: 0, op: "masked-eq", mask: 0x7e02_0000, value: 0 }]],
  });
});

test("the runtime's own calls stay out, unless its baseline does not know them", () => {
  expect(grants).not.toContain("syscall:mount");
  expect(evidenceOf("syscall:sysinfo")).toContainEqual(
    expect.objectContaining({ kind: "recorded", phase: "runtime" }),
  );
});

test("arguments are limited where all values are known", () => {
  // Netlink's protocols lead to much of the kernel: only that of routes, which C libraries use.
  expect(limitsOn("socket")).toMatchObject({
    args: expect.arrayContaining([
      [{ index: 0, op: "eq", value: 1 }],
      [{ index: 0, op: "eq", value: 2 }],
      [
        { index: 0, op: "eq", value: 16 },
        { index: 2, op: "eq", value: 0 },
      ],
    ]),
  });
  expect(limitsOn("ioctl")).toMatchObject({
    args: [
      [
        { op: "ne", value: 0x5412 },
        { op: "ne", value: 0x541c },
      ],
    ],
  });
  const open = structuredClone(recording);
  for (const phase of open.phases)
    for (const call of phase.syscalls) if (call.args !== undefined) call.args.closed = false;
  const names = derive([open])
    .profile.syscalls.allow.filter((one) => typeof one !== "string")
    .map((one) => (one as { name: string }).name);
  // Docker's own limits, which hold whatever is known.
  expect(names).toEqual(["clone", "socket"]);
});

test("capabilities: granted ones are kept, refused ones are told", () => {
  expect(profile.capabilities).toEqual(["CAP_CHOWN"]);
  expect(evidence.leftOut).toContainEqual(expect.objectContaining({ grant: "capability:CAP_NET_ADMIN" }));
});

test("paths become few, and cover what was used", () => {
  expect(profile.filesystem).toEqual({
    root: "read-only",
    read: ["/etc/app.conf", "/usr/"],
    write: ["/dev/null", "/var/lib/app/", "/var/log/app.log"],
    execute: ["/usr/bin/app"],
    tmpfs: ["/run/"],
  });
  expect(profile.network).toEqual({
    sockets: [
      { domain: "AF_INET", type: "SOCK_STREAM" },
      { domain: "AF_UNIX", type: "SOCK_STREAM" },
    ],
    listen: ["tcp:80"],
    connect: ["unix:/run/db.sock"],
  });
});

test("an incomplete recording makes an incomplete profile", () => {
  const cut = {
    ...recording,
    complete: false,
    notes: [{ code: "interrupted", text: "the recording was cut short" }],
  };
  expect(derive([cut]).profile.incomplete).toContain("the recording was cut short");
  // What a program calls in place of what is left out was not recorded.
  expect(profile.incomplete).toEqual([expect.stringContaining("io_uring")]);
});

property.prop([anyRecording], { numRuns: 200 })("a recording fits the profile that is made of it", (one) => {
  const made = derive([one]).profile;
  const missing = fits(made, one).filter(({ grant }) => !/^(read|write):\/?$/.test(grant));
  expect(missing).toEqual([]);
});

test("a run that uses more does not fit, and the difference is named", () => {
  const more = structuredClone(recording);
  more.phases[1]!.syscalls.push({ name: "ptrace", nr: 101, errnos: [] });
  more.files.push({ path: "/etc/shadow", access: ["write"], ok: true, type: "file" });
  expect(fits(profile, more).map(({ grant }) => grant)).toEqual(["syscall:ptrace", "write:/etc/shadow"]);
  const diff = diffProfiles(profile, derive([more]).profile);
  expect(diff).toMatchObject({ onlyA: [], onlyB: ["syscall:ptrace", "write:/etc/shadow"], same: false });
  expect(diffProfiles(profile, structuredClone(profile)).same).toBe(true);
});

test("explain says what a grant is for, who used it and what it exposes", () => {
  const { grants: explained } = explain(profile, evidence, "CAP_CHOWN");
  expect(explained).toHaveLength(1);
  expect(explained[0]).toMatchObject({ grant: "capability:CAP_CHOWN", evidence: [{ kind: "recorded" }] });
  expect(explained[0]!.exposes.length).toBeGreaterThan(20);
  expect(explain(profile, evidence).grants).toHaveLength(grants.size);
});

test("families and lists name real calls, each family with a reason", () => {
  const unknown = [
    ...families.flatMap(({ members, fallback }) => [...members, ...(fallback ?? [])]),
    ...always.flatMap(({ names }) => names),
  ].filter((name) => !isSyscall(name));
  expect(unknown).toEqual([]);
  expect(families.filter(({ reason }) => reason.length < 15)).toEqual([]);
});

test("no runtime's baseline holds what no container's start needs after its filter", () => {
  const never = ["mount", "pivot_root", "setns", "unshare", "umount2", "umount", "keyctl", "ptrace", "bpf"];
  for (const { parts } of baselines) {
    const syscalls = parts.flatMap((one) => one.syscalls);
    expect(syscalls.filter((name) => never.includes(name))).toEqual([]);
    expect(syscalls.filter((name) => !isSyscall(name))).toEqual([]);
    expect(syscalls).toContain("execve");
  }
});
