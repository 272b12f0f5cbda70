import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { emitDocker, emitOci, emitSeccomp, stringifySeccomp } from "../../src/emit/index.ts";
import { syscallNumber } from "../../src/linux/index.ts";
import type { Profile } from "../../src/profile/index.ts";
import { type RawCall, readResults, writeRawCalls } from "../support/raw-calls.ts";
import { tier } from "../support/tier.ts";

/** What artifacts do in a container: a program that makes raw calls is started under them, and asked what it got. */

const profile: Profile = {
  schemaVersion: 1,
  kind: "profile",
  name: "calls",
  target: "calls",
  arch: ["x86_64"],
  syscalls: {
    allow: [
      "execve",
      "exit_group",
      "getpid",
      "mkdir",
      "write",
      { name: "socket", args: [1, 2].map((value) => [{ index: 0, op: "eq", value }]) },
      {
        name: "ioctl",
        args: [
          [
            { index: 1, op: "ne", value: 0x5412 },
            { index: 1, op: "ne", value: 0x541c },
          ],
        ],
      },
      { name: "clone", args: [[{ index: 0, op: "masked-eq", mask: 0x7e02_0000, value: 0 }]] },
    ],
  },
  capabilities: [],
  filesystem: { root: "read-only", read: [], write: ["/data/"], execute: ["/calls"], tmpfs: ["/tmp/"] },
  network: { sockets: [], listen: [], connect: [] },
  user: {},
  noNewPrivileges: false,
  isolation: "namespace",
};

const [OK, EPERM, ENOTTY, EROFS, ENOSYS] = [0, 1, 25, 30, 38];
const TIOCSTI = 0x5412n;
const TCGETS = 0x5401;
const CLONE_NEWUSER = 0x1000_0000;

const call = (name: string, ...args: RawCall["args"]): RawCall => ({
  nr: syscallNumber("x86_64", name)!,
  args,
});

/** Calls, and what a program under the profile gets for them. */
const EXPECTED: [call: RawCall, errno: number][] = [
  [call("getpid"), OK],
  [call("socket", 1, 1, 0), OK],
  [call("socket", 38, 5, 0), EPERM],
  [call("socket", 17, 3, 0), EPERM],
  [call("socket", 38n | (1n << 32n), 5, 0), EPERM],
  [call("ioctl", 0, TCGETS, 0), ENOTTY],
  [call("ioctl", 0, TIOCSTI, "x"), EPERM],
  [call("ioctl", 0, TIOCSTI | (1n << 32n), "x"), EPERM],
  [call("clone", CLONE_NEWUSER, 0, 0, 0, 0), EPERM],
  ...[
    "mount",
    "unshare",
    "ptrace",
    "keyctl",
    "bpf",
    "init_module",
    "setns",
    "pivot_root",
    "umount2",
    "add_key",
  ].map((name): [RawCall, number] => [call(name), EPERM]),
  ...["clone3", "io_uring_setup", "mseal", "fchmodat2", "landlock_create_ruleset"].map(
    (name): [RawCall, number] => [call(name), ENOSYS],
  ),
  // Newer than all tables, so never named in a profile.
  [{ nr: 600, args: [] }, ENOSYS],
  [call("mkdir", "/made", 0o755), EROFS],
  [call("mkdir", "/tmp/made", 0o755), OK],
  [call("mkdir", "/data/made", 0o755), OK],
];
const CALLS = EXPECTED.map(([one]) => one);
const readable = (errnos: number[]): string[] =>
  EXPECTED.map(([{ nr, args }], i) => `${nr}(${args.join(", ")}) = ${errnos[i]}`);
const WANTED = readable(EXPECTED.map(([, errno]) => errno));

tier("engine")("artifacts in containers", () => {
  let folder: string;
  const at = (...path: string[]): string => join(folder, ...path);
  const IMAGE = "cinch-test-emit";

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "cinch-emit-"));
    for (const path of ["rootfs/tmp", "rootfs/data", "rootfs/proc", "rootfs/dev", "rootfs/sys", "data"]) {
      mkdirSync(at(path), { recursive: true });
    }
    writeRawCalls(at("rootfs/calls"), CALLS);
    const tar = execFileSync("tar", ["-C", at("rootfs"), "-c", "."], { maxBuffer: 64 * 1024 * 1024 });
    execFileSync("docker", ["import", "-", IMAGE], { input: tar, stdio: ["pipe", "ignore", "inherit"] });
  });

  afterAll(() => {
    spawnSync("docker", ["image", "rm", "-f", IMAGE], { stdio: "ignore" });
    rmSync(folder, { recursive: true, force: true });
  });

  function dockerRun(given: Profile): string[] {
    const seccompFile = at(`${given.noNewPrivileges}.seccomp.json`);
    writeFileSync(seccompFile, stringifySeccomp(emitSeccomp(given)));
    const { args } = emitDocker(given, { seccompFile });
    const { stdout, stderr } = spawnSync("docker", [
      "run",
      "--rm",
      "--network=none",
      ...args,
      IMAGE,
      "/calls",
    ]);
    expect(stderr.toString()).toBe("");
    return readable(readResults(stdout, CALLS));
  }

  it.each([false, true])("Docker, no-new-privileges: %s", (noNewPrivileges) => {
    expect(dockerRun({ ...profile, noNewPrivileges })).toEqual(WANTED);
  });

  const runtimes = ["runc", "crun"].flatMap((runtime) => [false, true].map((nnp) => [runtime, nnp] as const));
  it.each(runtimes)("%s, no-new-privileges: %s", (runtime, noNewPrivileges) => {
    if (!["/usr/bin", "/usr/sbin", "/usr/local/bin"].some((path) => existsSync(join(path, runtime)))) {
      process.stderr.write(`SKIPPED: ${runtime} is not installed\n`);
      return;
    }
    const bundle = at(`${runtime}-${noNewPrivileges}`);
    mkdirSync(bundle);
    writeFileSync(join(bundle, "config.json"), JSON.stringify(bundleConfig({ ...profile, noNewPrivileges })));
    rmSync(at("data/made"), { recursive: true, force: true });
    const id = `cinch-emit-${process.pid}-${runtime}-${noNewPrivileges}`;
    // crun refuses to work beside cgroups of both versions, as some machines have them: it need not see the second.
    const { stdout, stderr } = spawnSync("unshare", [
      ...["--mount", "sh", "-c", 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"', "sh"],
      ...[runtime, "--root", at("state"), "run", "--bundle", bundle, id],
    ]);
    expect(stderr.toString()).toBe("");
    expect(readable(readResults(stdout, CALLS))).toEqual(WANTED);
  });

  /** The fragment, and what a bundle needs that no profile decides. */
  function bundleConfig(given: Profile): object {
    const fragment = emitOci(given).value as {
      process: object;
      root: object;
      mounts: object[];
      linux: object;
    };
    return {
      ociVersion: "1.0.2",
      process: { cwd: "/", args: ["/calls"], env: [], user: { uid: 0, gid: 0 }, ...fragment.process },
      root: { path: at("rootfs"), ...fragment.root },
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
        { destination: "/data", type: "bind", source: at("data"), options: ["bind", "rw"] },
        ...fragment.mounts,
      ],
      linux: {
        namespaces: ["pid", "mount", "ipc", "uts", "network"].map((type) => ({ type })),
        ...fragment.linux,
      },
    };
  }
});
