import { fc } from "@fast-check/vitest";
import type { Analysis, AnalyzedSyscall, Profile, Recording } from "../../src/profile/index.ts";

/** Made-up documents for tests: a small plain one of each kind, and arbitrary ones of small worlds, so that they overlap. */
export const recording: Recording = {
  schemaVersion: 1,
  kind: "recording",
  target: "docker:sample",
  arch: "x86_64",
  kernel: "6.18.0",
  startedAt: "2026-01-02T03:04:05.000Z",
  seconds: 1.5,
  complete: true,
  lost: { strings: 0 },
  method: "ebpf",
  runtimes: ["runc 1.1.5"],
  noNewPrivileges: false,
  user: { uid: 0, gid: 0 },
  phases: [
    {
      name: "runtime",
      abi: "native",
      syscalls: [
        { name: "execve", nr: 59, errnos: [] },
        { name: "mount", nr: 165, errnos: [] },
        { name: "sysinfo", nr: 99, errnos: [] },
      ],
    },
    {
      name: "app",
      abi: "native",
      syscalls: [
        { name: "openat", nr: 257, errnos: ["ENOENT"] },
        {
          name: "clone3",
          nr: 435,
          errnos: [],
          args: { names: ["flags"], values: [[0x3d0f00]], closed: true },
        },
        { name: "io_uring_setup", nr: 425, errnos: [] },
        {
          name: "socket",
          nr: 41,
          errnos: [],
          args: { names: ["domain", "type", "protocol"], values: [[2, 1, 0]], closed: true },
        },
        { name: "ioctl", nr: 16, errnos: [], args: { names: ["request"], values: [[0x5401]], closed: true } },
      ],
    },
    {
      name: "exec",
      abi: "native",
      label: "/bin/ls",
      syscalls: [{ name: "getdents64", nr: 217, errnos: [] }],
    },
  ],
  capabilities: [
    { name: "CAP_CHOWN", granted: true, syscalls: ["chown"] },
    { name: "CAP_NET_ADMIN", granted: false, syscalls: ["openat"] },
  ],
  files: [
    { path: "/etc/app.conf", access: ["read"], ok: true, type: "file" },
    { path: "/etc/missing", access: ["read"], ok: false, errnos: ["ENOENT"] },
    { path: "/run/app.pid", access: ["create", "write"], ok: true, type: "file" },
    { path: "/usr/bin/app", access: ["execute"], ok: true, type: "file" },
    { path: "/usr/lib/libc.so.6", access: ["read"], ok: true, type: "file" },
    { path: "/var/lib/app/db", access: ["create", "read", "write"], ok: true, type: "file" },
    { path: "/var/log/app.log", access: ["write"], ok: true, type: "file" },
    { path: "/dev/null", access: ["write"], ok: true, type: "device" },
  ],
  executables: ["/usr/bin/app"],
  sockets: [
    { domain: "AF_INET", type: "SOCK_STREAM", protocol: 0, op: "create", address: "" },
    { domain: "AF_INET", type: "SOCK_STREAM", protocol: 6, op: "listen", address: "0.0.0.0:80" },
    { domain: "AF_INET", type: "SOCK_STREAM", protocol: 6, op: "bind", address: "0.0.0.0:0" },
    { domain: "AF_UNIX", type: "SOCK_STREAM", protocol: 0, op: "connect", address: "/run/db.sock" },
  ],
  notes: [],
};

const some = <const T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const listOf = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(item, { maxLength: 4 });
const path = some("/", "/a", "/a/b", "/tmp/x", "/run/x.pid", "/usr/lib/y", "/etc/c", "/proc/1/stat");
const access = some("read", "write", "create", "execute", "stat", "delete" as const);

const call = fc.record(
  {
    name: some("read", "openat", "clone", "socket", "ioctl"),
    nr: some(0, 257, 56, 41, 16),
    count: fc.nat(3),
    errnos: listOf(some("ENOENT", "EPERM")),
    args: fc.record({
      names: some("flags", "domain").map((name) => (name === "flags" ? ["flags"] : ["domain", "type"])),
      values: listOf(fc.array(fc.nat(5), { minLength: 1, maxLength: 2 })),
      closed: fc.boolean(),
    }),
    assumed: fc.constant(true),
  },
  { requiredKeys: ["name", "nr", "errnos"] },
);

export const anyRecording: fc.Arbitrary<Recording> = fc.record(
  {
    schemaVersion: fc.constant(1 as const),
    kind: fc.constant("recording" as const),
    target: some("docker:a", "docker:b"),
    arch: fc.constant("x86_64" as const),
    kernel: some("6.1", "6.18"),
    startedAt: some("2026-01-02T03:04:05.000Z", "2026-01-01T00:00:00.000Z"),
    seconds: fc.nat(9),
    complete: fc.boolean(),
    lost: fc.record({ strings: fc.nat(2), events: fc.nat(2) }),
    method: some("ebpf", "notify", "import" as const),
    runtimes: listOf(some("runc 1.1.5", "local")),
    noNewPrivileges: fc.boolean(),
    user: fc.record({ uid: fc.nat(1), gid: fc.nat(1) }),
    phases: listOf(
      fc.record(
        {
          name: some("app", "exec", "runtime" as const),
          abi: some("native", "i386" as const),
          label: some("x", "y"),
          syscalls: listOf(call),
        },
        { requiredKeys: ["name", "abi", "syscalls"] },
      ),
    ),
    capabilities: listOf(
      fc.record({
        name: some("CAP_CHOWN", "CAP_KILL"),
        granted: fc.boolean(),
        syscalls: listOf(some("kill", "chown")),
      }),
    ),
    files: listOf(
      fc.record(
        {
          path,
          access: listOf(access),
          ok: fc.boolean(),
          errnos: listOf(some("ENOENT")),
          type: some("file", "directory" as const),
        },
        { requiredKeys: ["path", "access", "ok"] },
      ),
    ),
    executables: listOf(path),
    sockets: listOf(
      fc.record({
        domain: some("AF_INET", "AF_UNIX"),
        type: some("SOCK_STREAM", "SOCK_DGRAM"),
        protocol: fc.nat(1),
        op: some("create", "bind", "listen", "connect" as const),
        address: some("", "0.0.0.0:80", "/run/x"),
      }),
    ),
    notes: listOf(fc.record({ code: some("a", "b"), text: some("x") })),
  },
  {
    requiredKeys: [
      "schemaVersion",
      "kind",
      "target",
      "arch",
      "kernel",
      "startedAt",
      "seconds",
      "complete",
      "lost",
      "method",
      "runtimes",
      "phases",
      "capabilities",
      "files",
      "executables",
      "sockets",
      "notes",
    ],
  },
);

const grant = fc.oneof(
  some("read", "write", "socket", "clone"),
  fc.record({
    name: some("socket", "clone"),
    args: fc.array(
      fc.array(fc.record({ index: some(0, 1 as const), op: some("eq", "ne" as const), value: fc.nat(4) }), {
        minLength: 1,
        maxLength: 2,
      }),
      { minLength: 1, maxLength: 2 },
    ),
  }),
);

export const anyProfile: fc.Arbitrary<Profile> = fc.record(
  {
    schemaVersion: fc.constant(1 as const),
    kind: fc.constant("profile" as const),
    name: some("a", "b"),
    target: some("docker:a", "docker:b"),
    arch: fc.boolean().map((more): Profile["arch"] => (more ? ["x86_64", "i386"] : ["x86_64"])),
    incomplete: listOf(some("one reason.", "another")),
    syscalls: fc.record({
      allow: fc.uniqueArray(grant, {
        minLength: 1,
        maxLength: 4,
        selector: (one) => (typeof one === "string" ? one : one.name),
      }),
    }),
    capabilities: listOf(some("CAP_CHOWN", "CAP_KILL")),
    filesystem: fc.record({
      root: some("read-only", "writable" as const),
      read: listOf(path),
      write: listOf(path),
      execute: listOf(path),
      tmpfs: listOf(path),
    }),
    network: fc.record({
      sockets: listOf(fc.record({ domain: some("AF_INET", "AF_UNIX"), type: some("SOCK_STREAM") })),
      listen: listOf(some("tcp:80", "unix:/a b: c")),
      connect: listOf(some("tcp:1", "unix:@#x")),
    }),
    user: some({}, { uid: 0, gid: 0 }, { uid: 5 }),
    noNewPrivileges: fc.boolean(),
    isolation: some("namespace", "sandbox", "vm" as const),
  },
  {
    requiredKeys: [
      "schemaVersion",
      "kind",
      "name",
      "target",
      "arch",
      "syscalls",
      "capabilities",
      "filesystem",
      "network",
      "user",
      "noNewPrivileges",
      "isolation",
    ],
  },
);

/** An analysis of a program that reads, opens sockets and could do more than its run. */
export const analysis: Analysis = {
  schemaVersion: 1,
  kind: "analysis",
  target: "docker:sample",
  arch: "x86_64",
  mode: "strict",
  executables: [
    {
      path: "/usr/bin/sample",
      digest: `sha256:${"0a".repeat(32)}`,
      kind: "elf",
      reason: ["ENTRYPOINT sample"],
      syscalls: 4,
    },
  ],
  modules: [],
  syscalls: [
    {
      name: "openat",
      nr: 257,
      path: ["sample:main", "libc.so.6:openat"],
      via: "direct",
      executables: ["/usr/bin/sample"],
    },
    {
      name: "socket",
      nr: 41,
      path: ["sample:main", "libc.so.6:socket"],
      via: "address-taken",
      executables: ["/usr/bin/sample"],
      args: [{ index: 0, name: "domain", values: [1, 2], closed: true }],
    },
    {
      name: "rename",
      nr: 82,
      path: ["sample:rotate", "libc.so.6:rename"],
      via: "direct",
      executables: ["/usr/bin/sample"],
    },
    {
      name: "mount",
      nr: 165,
      path: ["sample:main", "libc.so.6:mount"],
      via: "direct",
      executables: ["/usr/bin/sample"],
    },
    { name: "clone3", nr: 435, path: ["libc.so.6:clone3"], via: "direct", executables: ["/usr/bin/sample"] },
  ],
  capabilities: [
    { name: "CAP_DAC_OVERRIDE", syscalls: ["openat", "rename"] },
    { name: "CAP_SYS_ADMIN", syscalls: ["mount"] },
  ],
  unresolved: [],
  possibilities: [],
  assumptions: [],
  notes: [],
};

const anyAnalyzedCall: fc.Arbitrary<AnalyzedSyscall> = fc
  .record({
    call: fc.constantFrom<[string, number]>(["read", 0], ["socket", 41], ["mount", 165]),
    path: fc.array(fc.constantFrom("a:f", "b:g"), { minLength: 1, maxLength: 3 }),
    via: fc.constantFrom("direct" as const, "nss" as const),
    executables: fc.uniqueArray(fc.constantFrom("/a", "/b"), { minLength: 1 }),
    args: fc.option(fc.record({ values: fc.uniqueArray(fc.nat(3)), closed: fc.boolean() }), {
      nil: undefined,
    }),
  })
  .map(({ call: [name, nr], path, via, executables, args }) => ({
    name,
    nr,
    path,
    via,
    executables: executables.sort(),
    ...(args && {
      args: [
        { index: 0 as const, name: "x", values: args.values.sort((a, b) => a - b), closed: args.closed },
      ],
    }),
  }));

/** Small analyses that overlap. */
export const anyAnalysis: fc.Arbitrary<Analysis> = fc.record({
  schemaVersion: fc.constant(1 as const),
  kind: fc.constant("analysis" as const),
  target: fc.constantFrom("a", "b"),
  arch: fc.constant("x86_64" as const),
  mode: fc.constantFrom("strict" as const, "tight" as const),
  executables: fc.uniqueArray(
    fc.record({
      path: fc.constantFrom("/a", "/b"),
      digest: fc.constantFrom(`sha256:${"0a".repeat(32)}`, `sha256:${"0b".repeat(32)}`),
      kind: fc.constant("elf" as const),
      reason: fc.array(fc.constantFrom("x", "y"), { maxLength: 2 }),
      syscalls: fc.nat(3),
    }),
    { selector: ({ path, digest }) => path + digest },
  ),
  modules: fc.uniqueArray(
    fc.record({
      path: fc.constantFrom("/a", "/l"),
      buildId: fc.constant("00"),
      digest: fc.constant(`sha256:${"0a".repeat(32)}`),
      reason: fc.constantFrom("x", "y"),
      functions: fc.nat(3),
      reachable: fc.nat(3),
    }),
    { selector: ({ path }) => path },
  ),
  syscalls: fc.uniqueArray(anyAnalyzedCall, { selector: ({ nr }) => nr }),
  capabilities: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom("CAP_CHOWN", "CAP_KILL"),
      syscalls: fc.uniqueArray(fc.constantFrom("kill", "chown")),
    }),
    { selector: ({ name }) => name },
  ),
  unresolved: fc.array(
    fc.record({
      module: fc.constantFrom("a", "b"),
      function: fc.constant("f"),
      address: fc.constant("0x1"),
      reason: fc.constant("r"),
    }),
    { maxLength: 2 },
  ),
  possibilities: fc.array(
    fc.record({
      kind: fc.constantFrom("jit" as const, "exec" as const),
      module: fc.constant("a"),
      detail: fc.constant("d"),
    }),
    { maxLength: 2 },
  ),
  assumptions: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom("x", "y"),
      effect: fc.constant("e"),
      active: fc.boolean(),
      removes: fc.uniqueArray(fc.constantFrom("poll", "dup")),
    }),
    { selector: ({ name }) => name },
  ),
  notes: fc.array(fc.record({ code: fc.constant("c"), text: fc.constantFrom("s", "t") }), { maxLength: 2 }),
});
