import { describe, expect, test } from "vitest";
import { test as property } from "@fast-check/vitest";
import { anyRecording, recording } from "../../../test/support/samples.ts";
import {
  type Profile,
  type RecordedSyscall,
  type Recording,
  type SyscallGrant,
  derive,
  describeLimits,
  diffProfiles,
  explain,
  fits,
  grantsOf,
  mergeProfiles,
} from "../index.ts";

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
  expect(fits(derive([one]).profile, one)).toEqual([]);
});

/** A path is the same kind of thing in all runs. */
const anyRun = anyRecording.map((one) => ({
  ...one,
  files: one.files.map((file) => ({ ...file, type: "file" as const })),
}));
property.prop([anyRun, anyRun], { numRuns: 200 })(
  "a profile of several runs, or merged of their profiles, holds each of them",
  (a, b) => {
    for (const made of [derive([a, b]).profile, mergeProfiles(derive([a]).profile, derive([b]).profile)]) {
      for (const one of [a, b]) expect(fits(made, one)).toEqual([]);
    }
  },
);

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

/** The sample, with other calls in its app phase. */
const withCalls = (calls: RecordedSyscall[], more: Partial<Recording> = {}): Recording => ({
  ...recording,
  ...more,
  phases: [{ name: "app", abi: "native", syscalls: calls }],
});
const call = (name: string, names: string[], ...values: number[][]): RecordedSyscall => ({
  name,
  nr: 0,
  errnos: [],
  args: { names, values, closed: true },
});
const limitsIn = ({ syscalls }: Profile, name: string): string | undefined => {
  const grant = syscalls.allow.find(
    (one): one is SyscallGrant => typeof one !== "string" && one.name === name,
  );
  return grant && describeLimits(grant);
};
const socket = (...values: number[][]): RecordedSyscall =>
  call("socket", ["domain", "type", "protocol"], ...values);

describe("limits on arguments", () => {
  const limit = (one: RecordedSyscall, more?: Partial<Recording>): string | undefined =>
    limitsIn(derive([withCalls([one], more)]).profile, one.name);

  test.each<[string, RecordedSyscall, string | undefined]>([
    [
      "netlink's protocols",
      socket([16, 3, 12]),
      "domain AF_UNIX; or domain AF_INET; or domain AF_INET6; or domain AF_NETLINK, protocol NETLINK_ROUTE; or domain AF_NETLINK, protocol NETLINK_NETFILTER",
    ],
    [
      "a domain that Docker refuses",
      socket([38, 5, 0]),
      "domain AF_UNIX; or domain AF_INET; or domain AF_INET6; or domain AF_NETLINK, protocol NETLINK_ROUTE; or domain AF_ALG",
    ],
    [
      "namespaces that were made",
      call("clone", ["flags"], [0x1002_0011]),
      "no new namespaces; or new namespaces by CLONE_NEWNS|CLONE_NEWUSER",
    ],
    ["one terminal request that was made", call("ioctl", ["request"], [0x5412]), "request not TIOCLINUX"],
    [
      "keyctl",
      call("keyctl", ["operation"], [1], [5]),
      "operation KEYCTL_JOIN_SESSION_KEYRING; or operation KEYCTL_SETPERM",
    ],
    [
      "personality, with what Docker allows",
      call("personality", ["persona"], [0x4_0000]),
      "persona PER_LINUX; or persona PER_LINUX32; or persona 0x20000; or persona 0x20008; or persona ADDR_NO_RANDOMIZE; or persona 0xffffffff",
    ],
    ["setns", call("setns", ["type"], [0x4000_0000]), "type CLONE_NEWNET"],
    ["prctl has none", call("prctl", ["option"], [15]), undefined],
  ])("%s", (_, one, expected) => {
    expect(limit(one)).toBe(expected);
  });

  test("as in Docker's default where not all values are known, and never against what was seen", () => {
    const gaps: Partial<Recording>[] = [
      { method: "import" },
      { lost: { strings: 0, arguments: 1 } },
      { complete: false, notes: [{ code: "start-missed", text: "" }] },
    ];
    for (const gap of gaps) {
      expect(limit(socket([2, 1, 0]), gap)).toBe("domain not AF_ALG, domain not AF_VSOCK");
      expect(limit(socket([40, 1, 0]), gap)).toBe(
        "domain AF_VSOCK; or domain not AF_ALG, domain not AF_VSOCK",
      );
      expect(limit(call("keyctl", ["operation"], [1]), gap)).toBeUndefined();
      expect(limit(call("clone", ["flags"], [0x1000_0000]), gap)).toBe(
        "no new namespaces; or new namespaces by CLONE_NEWUSER",
      );
      expect(limit(call("ioctl", ["request"], [1]), gap)).toBeUndefined();
    }
    const admin = [{ name: "CAP_SYS_ADMIN", granted: true, syscalls: ["clone"] }];
    expect(limit(call("clone", ["flags"], [0]), { method: "import", capabilities: admin })).toBeUndefined();
  });

  test("a kernel that shows no capabilities hides no arguments", () => {
    const old = { complete: false, notes: [{ code: "capabilities-unseen", text: "no tracepoint" }] };
    expect(limit(call("keyctl", ["operation"], [1]), old)).toBe("operation KEYCTL_JOIN_SESSION_KEYRING");
  });

  test("one run that does not know opens the set for all", () => {
    const known = withCalls([call("bpf", ["command"], [0])]);
    const unknown = withCalls([{ name: "bpf", nr: 0, errnos: [] }], { kernel: "other" });
    expect(limitsIn(derive([known]).profile, "bpf")).toBe("command BPF_MAP_CREATE");
    expect(limitsIn(derive([known, unknown]).profile, "bpf")).toBeUndefined();
  });
});

describe("calls", () => {
  test("i386's socketcall is limited to what it was asked for, which others call directly", () => {
    const one = withCalls([call("socketcall", ["call"], [1], [9])]);
    one.phases[0]!.abi = "i386";
    const made = derive([one]);
    expect(made.profile.arch).toEqual(["x86_64", "i386"]);
    expect(limitsIn(made.profile, "socketcall")).toBe("call SYS_SOCKET; or call SYS_SEND");
    expect(grantsOf(made.profile)).toEqual(expect.arrayContaining(["syscall:socket", "syscall:sendto"]));
  });

  test("calls of the runtime outside Docker's default are told, and not granted", () => {
    const one = structuredClone(recording);
    one.phases[0]!.syscalls.push({ name: "fsopen", nr: 430, errnos: [] });
    const made = derive([one]);
    expect(grantsOf(made.profile)).not.toContain("syscall:fsopen");
    expect(made.evidence.leftOut.map(({ grant }) => grant)).toContain("syscall:fsopen");
  });

  test("a call without a name is told, and makes the profile incomplete", () => {
    const made = derive([withCalls([{ name: "syscall_999", nr: 999, errnos: [] }])]);
    expect(made.evidence.leftOut.map(({ grant }) => grant)).toContain("syscall:syscall_999");
    expect(made.profile.incomplete).toEqual([expect.stringContaining("999")]);
  });

  test("io_uring makes the profile incomplete: what the program does without was not recorded", () => {
    expect(profile.incomplete).toEqual([expect.stringContaining("io_uring")]);
  });

  test("what Docker's default refuses and a run needed is granted, and said", () => {
    const { evidence: found } = derive([withCalls([{ name: "mount", nr: 165, errnos: [] }])]);
    expect(found.grants.find(({ grant }) => grant === "syscall:mount")?.evidence).toEqual([
      expect.objectContaining({ kind: "recorded", detail: "outside Docker's default profile" }),
    ]);
  });

  test("aarch64 is granted no call that it has not", () => {
    const arm: Recording = { ...withCalls([{ name: "openat", nr: 56, errnos: [] }]), arch: "aarch64" };
    const names = grantsOf(derive([arm]).profile);
    expect(names).toContain("syscall:openat");
    expect(names).not.toContain("syscall:open");
    expect(names).not.toContain("syscall:arch_prctl");
  });

  test("a capability that one run was refused and another one granted is granted", () => {
    const capability = { name: "CAP_KILL", syscalls: ["kill"] };
    const runs = [true, false].map((granted) => ({
      ...recording,
      capabilities: [{ ...capability, granted }],
    }));
    const made = derive(runs);
    expect(made.profile.capabilities).toEqual(["CAP_KILL"]);
    expect(made.evidence.leftOut.map(({ grant }) => grant)).not.toContain("capability:CAP_KILL");
  });

  test("a set-user-ID program that was run needs new privileges", () => {
    const one = { ...recording, notes: [{ code: "setuid-exec", text: "/usr/bin/su gained privileges" }] };
    const made = derive([one]).profile;
    expect(made.noNewPrivileges).toBe(false);
    expect(fits(made, one)).toEqual([]);
    expect(fits(profile, one).map(({ grant }) => grant)).toEqual(["new-privileges"]);
  });
});

test("fits looks at arguments, with the limits in words", () => {
  const more = withCalls([socket([38, 5, 0])]);
  expect(fits(profile, more)).toContainEqual({
    grant: "syscall:socket",
    reason: expect.stringMatching(
      /^called in phase app with domain 38, type 5, protocol 0; allowed: domain AF_UNIX/,
    ),
  });
});

test("diff looks through what is said in other words", () => {
  const wide = structuredClone(profile);
  wide.filesystem.read = ["/etc/", "/usr/"];
  wide.filesystem.read.reverse();
  expect(diffProfiles(profile, wide)).toMatchObject({ onlyA: [], onlyB: ["read:/etc/"], limits: [] });
  const other = structuredClone(profile);
  other.user = { uid: 1000, gid: 1000 };
  other.syscalls.allow = other.syscalls.allow.map((one) =>
    typeof one !== "string" && one.name === "clone" ? "clone" : one,
  );
  expect(diffProfiles(profile, other).limits).toEqual([
    { grant: "syscall:clone", a: "no new namespaces", b: "any arguments" },
    { grant: "user", a: "0:0", b: "1000:1000" },
  ]);
});

test("explain groups calls, and tells those that were used from those that stand beside them", () => {
  const { groups, summary } = explain(profile, evidence);
  const opening = groups.find(({ name }) => name === "file-open");
  expect(opening).toMatchObject({ used: ["openat"], besides: ["creat", "open"] });
  expect(explain(profile, evidence, "file-open").grants.map(({ grant }) => grant)).toEqual([
    "syscall:creat",
    "syscall:open",
    "syscall:openat",
  ]);
  expect(explain(profile, evidence, "socket").grants[0]!.limits).toContain("AF_UNIX");
  expect(explain(profile, evidence, "nothing").grants).toEqual([]);
  expect(summary.syscalls).toBeLessThan(summary.defaultSyscalls / 4);
  expect(summary.limited).toEqual(["clone", "ioctl", "socket"]);
});
