import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  type TableArch,
  X32_BIT,
  isSyscall,
  syscallArgs,
  syscallName,
  syscallNames,
  syscallNumber,
  syscallSince,
  tables,
} from "./index.ts";

const ARCHES: TableArch[] = ["x86_64", "i386", "x32", "aarch64"];

describe("numbers", () => {
  // From the kernel's arch/x86/entry/syscalls/syscall_{64,32}.tbl and include/uapi/asm-generic/unistd.h.
  it.each<[TableArch, number, string]>([
    ["x86_64", 0, "read"],
    ["x86_64", 59, "execve"],
    ["x86_64", 257, "openat"],
    ["x86_64", 435, "clone3"],
    ["i386", 11, "execve"],
    ["i386", 20, "getpid"],
    ["i386", 102, "socketcall"],
    ["i386", 359, "socket"],
    ["x32", 520, "execve"],
    ["x32", 512, "rt_sigaction"],
    ["aarch64", 56, "openat"],
    ["aarch64", 221, "execve"],
    ["aarch64", 435, "clone3"],
  ])("%s %i is %s", (arch, nr, name) => {
    expect(syscallName(arch, nr)).toBe(name);
    expect(syscallNumber(arch, name)).toBe(nr);
  });

  it("takes x32 numbers with bit 30 and without, and x86_64's only without", () => {
    expect(syscallName("x32", X32_BIT + 520)).toBe("execve");
    expect(syscallName("x32", X32_BIT)).toBe("read");
    expect(syscallName("x86_64", X32_BIT)).toBeUndefined();
    expect(syscallName("x86_64", 520)).toBeUndefined();
  });

  it("has no made-up answer for what it does not know", () => {
    for (const arch of ARCHES)
      for (const nr of [-1, 5000, NaN, 1.5]) expect(syscallName(arch, nr)).toBeUndefined();
    expect(syscallNumber("aarch64", "open")).toBeUndefined();
    expect(isSyscall("constructor")).toBe(false);
    expect(syscallNumber("x86_64", "toString")).toBeUndefined();
  });

  it.each(ARCHES)("%s: every name has one number and the reverse", (arch) => {
    const names = syscallNames(arch);
    expect(new Set(names.map((name) => syscallNumber(arch, name))).size).toBe(names.length);
    for (const name of names) expect(syscallName(arch, syscallNumber(arch, name)!)).toBe(name);
    expect(names.length).toBeGreaterThan(300);
    expect(names).toEqual(names.toSorted());
  });

  it("knows at least Linux 7.3, whose newest call is fchroot", () => {
    expect(tables.kernel).toBe("7.3");
    for (const arch of ARCHES) expect(syscallNumber(arch, "fchroot")).toBe(472);
  });

  it("agrees with libseccomp wherever that has a number", ({ skip }) => {
    let resolved: string;
    try {
      resolved = execFileSync(
        "sh",
        [
          "-c",
          'set -e; for call; do printf "%s " "$call"; scmp_sys_resolver -a "${call%%/*}" "${call#*/}"; done',
          "sh",
        ].concat(ARCHES.flatMap((arch) => syscallNames(arch).map((name) => `${scmpArch(arch)}/${name}`))),
        { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
      );
    } catch {
      skip(
        "scmp_sys_resolver is missing (Debian: apt install seccomp), so the tables are not compared with libseccomp",
      );
      return;
    }
    let compared = 0;
    for (const line of resolved.trim().split("\n")) {
      const [, scmp, name, number] = /^(\w+)\/(\w+) (-?\d+)$/.exec(line)!;
      const arch = ARCHES.find((candidate) => scmpArch(candidate) === scmp)!;
      // Negative: unknown to this libseccomp, or reached by a multiplexer (socketcall).
      if (Number(number) < 0) continue;
      expect(syscallName(arch, Number(number)), line).toBe(name);
      compared++;
    }
    expect(compared).toBeGreaterThan(1300);
  });
});

function scmpArch(arch: TableArch): string {
  return arch === "i386" ? "x86" : arch;
}

describe("arguments", () => {
  it("says which are paths, with the directory before each", () => {
    expect(syscallArgs("open")).toEqual(["path", "flags", "value"]);
    expect(syscallArgs("rename")).toEqual(["path", "path"]);
    expect(syscallArgs("renameat2")).toEqual(["dirfd", "path", "dirfd", "path", "flags"]);
    expect(syscallArgs("linkat")).toEqual(["dirfd", "path", "dirfd", "path", "flags"]);
    expect(syscallArgs("execveat").slice(0, 2)).toEqual(["dirfd", "path"]);
    // The text that a symbolic link will hold is not looked up.
    expect(syscallArgs("symlink")).toEqual(["pointer", "path"]);
    expect(syscallArgs("symlinkat")).toEqual(["pointer", "dirfd", "path"]);
    expect(syscallArgs("connect")).toEqual(["fd", "sockaddr", "sockaddr-len"]);
    expect(syscallArgs("getpid")).toEqual([]);
    expect(syscallArgs("no_such_call")).toEqual([]);
  });

  it("knows i386's own forms", () => {
    expect(syscallArgs("fanotify_mark").indexOf("path")).toBe(4);
    expect(syscallArgs("fanotify_mark", "i386").indexOf("path")).toBe(5);
    expect(syscallArgs("mmap", "i386")).toEqual(["pointer"]);
    expect(syscallArgs("mmap", "x86_64")).toHaveLength(6);
  });

  it("has a path after each dirfd, and at most six arguments", () => {
    for (const name of syscallNames()) {
      const kinds = syscallArgs(name);
      expect(kinds.length, name).toBeLessThanOrEqual(6);
      kinds.forEach((kind, at) => {
        if (kind === "dirfd") expect(kinds[at + 1], name).toBe("path");
        if (kind === "sockaddr-len") expect(kinds[at - 1], name).toBe("sockaddr");
      });
    }
  });
});

describe("since", () => {
  it.each([
    ["clone3", "5.3"],
    ["openat2", "5.6"],
    ["faccessat2", "5.8"],
    ["close_range", "5.9"],
    ["epoll_pwait2", "5.11"],
    ["futex_waitv", "5.16"],
    ["fchmodat2", "6.6"],
    ["mseal", "6.10"],
    ["statx", "4.11"],
  ])("%s came with %s", (name, version) => expect(syscallSince(name)).toBe(version));

  it("is known for every call with a number of the common range after Linux 5.0", () => {
    // From 403 on all architectures share the numbers (Linux 5.1).
    for (const arch of ARCHES) {
      for (const name of syscallNames(arch)) {
        if (syscallNumber(arch, name)! >= 403 && !(arch === "x32" && syscallNumber(arch, name)! >= 512)) {
          const [major, minor] = syscallSince(name)!.split(".").map(Number) as [number, number];
          expect(major * 100 + minor, name).toBeGreaterThanOrEqual(501);
        }
      }
    }
  });
});
