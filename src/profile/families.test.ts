import { describe, expect, test } from "vitest";
import { isSyscall, syscallNames, syscallNumber } from "../linux/index.ts";
import { always, baselineFor, baselines, defaultCalls, families } from "./index.ts";

const membersOf = (name: string): string[] =>
  families.flatMap(({ members, fallback }) =>
    members.includes(name) ? [...members, ...(fallback ?? [])] : [],
  );

describe("families", () => {
  test("name real calls, each once in a family, each family with a reason and a name of its own", () => {
    for (const { name, members, fallback, reason } of families) {
      const all = [...members, ...(fallback ?? [])];
      expect(
        all.filter((call) => !isSyscall(call)),
        name,
      ).toEqual([]);
      expect(new Set(all).size, name).toBe(all.length);
      expect(all.length, name).toBeGreaterThan(1);
      expect(reason.length, name).toBeGreaterThan(15);
    }
    expect(new Set(families.map(({ name }) => name)).size).toBe(families.length);
  });

  test("hold the two forms of each call that 32-bit architectures have twice", () => {
    // The forms without the suffix that take other arguments, or of which the suffix is no second form.
    const alone = new Set(["fadvise64", "getdents64", "pread64", "pwrite64", "prlimit64"]);
    const second = syscallNames("i386").filter((name) => /(_time64|64|32)$/.test(name) && !alone.has(name));
    const apart = second.filter((name) => {
      const first = name.replace(/(_time64|64_64|64|32)$/, "");
      const base = [first, `${first}64`, `${first}6`, "newfstatat"].find(
        (one) => one !== name && isSyscall(one),
      );
      return base === undefined || !membersOf(name).includes(base);
    });
    expect(apart).toEqual([]);
  });

  test("give the at-form of each call that aarch64 lacks", () => {
    const lacking = [
      "open",
      "stat",
      "mkdir",
      "rename",
      "unlink",
      "link",
      "symlink",
      "readlink",
      "chmod",
      "chown",
      "access",
      "pipe",
      "dup2",
      "poll",
      "select",
      "fork",
      "epoll_wait",
      "epoll_create",
      "inotify_init",
      "eventfd",
      "signalfd",
      "mknod",
      "rmdir",
      "utimes",
    ];
    for (const name of lacking) {
      expect(syscallNumber("aarch64", name), name).toBeUndefined();
      expect(
        membersOf(name).filter((one) => syscallNumber("aarch64", one) !== undefined),
        name,
      ).not.toEqual([]);
    }
  });

  test("are wholly inside Docker's default profile or wholly outside: none leads out of it", () => {
    const defaults = defaultCalls("x86_64");
    for (const { name, members } of families) {
      const refused = members.filter((call) => !defaults.has(call));
      expect([0, members.length], name).toContain(refused.length);
    }
  });
});

test("what is always granted is in Docker's default profile", () => {
  const names = always.flatMap((entry) => entry.names);
  expect(names.filter((name) => !isSyscall(name))).toEqual([]);
  expect(names.filter((name) => !defaultCalls("x86_64").has(name))).toEqual([]);
  expect(new Set(names).size).toBe(names.length);
});

describe("baselines", () => {
  test.each(baselines)(
    "$runtime, no-new-privileges $noNewPrivileges: nothing beyond Docker's default",
    (baseline) => {
      const calls = baselineFor({ ...baseline, runtime: `${baseline.runtime} 1.2.3` });
      const never = [
        "mount",
        "pivot_root",
        "setns",
        "unshare",
        "umount",
        "umount2",
        "keyctl",
        "clone3",
        "ptrace",
        "bpf",
      ];
      expect(calls.filter((name) => never.includes(name))).toEqual([]);
      expect(calls.filter((name) => !defaultCalls("x86_64").has(name))).toEqual([]);
      expect(calls).toContain("execve");
      expect(calls).toEqual([...new Set(calls)].sort());
      expect(baseline.parts.filter(({ source }) => source.length < 20)).toEqual([]);
    },
  );

  test("hold what was measured", () => {
    const early =
      "capset close execve prctl pselect6 read rt_sigaction rt_sigprocmask setresgid setresuid write";
    expect(baselineFor({ runtime: "crun 1.8.1", noNewPrivileges: false })).toEqual(
      expect.arrayContaining(early.split(" ")),
    );
    const runc =
      "capget capset chdir close epoll_ctl execve faccessat2 fcntl fstat fstatfs futex getcwd getdents64 getpid getppid newfstatat openat prctl read setgid setgroups setuid write";
    expect(baselineFor({ runtime: "runc 1.1.5", noNewPrivileges: false })).toEqual(
      expect.arrayContaining(runc.split(" ")),
    );
    expect(baselineFor({ runtime: "runc 1.1.5", noNewPrivileges: true })).not.toContain("setuid");
    expect(baselineFor({ runtime: "youki", noNewPrivileges: true })).toEqual([]);
  });
});
