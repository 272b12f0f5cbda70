import { describe, expect, it } from "vitest";
import {
  capabilities,
  capabilityName,
  capabilityNumber,
  constantName,
  constantValue,
  constants,
  errnoName,
  errnoNumber,
  flagNames,
  groupOf,
  socketDomainName,
  socketDomainNumber,
  socketTypeName,
  socketTypeNumber,
  syscallGroups,
  syscallNames,
} from "./index.ts";

describe("groups", () => {
  it("hold every call exactly once, and nothing else", () => {
    const members = syscallGroups.flatMap((group) => group.syscalls);
    expect(members.toSorted()).toEqual(syscallNames());
    for (const name of syscallNames()) expect(groupOf(name)?.syscalls).toContain(name);
    expect(groupOf("no_such_call")).toBeUndefined();
  });

  it("have names of their own, a title and a sentence", () => {
    expect(new Set(syscallGroups.map((group) => group.name)).size).toBe(syscallGroups.length);
    for (const { name, exposes, syscalls } of syscallGroups) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(exposes).toMatch(/^[A-Zi].*\.$/s);
      expect(syscalls, name).toEqual(syscalls.toSorted());
    }
  });
});

describe("capabilities", () => {
  it("are numbered without gaps and each say what they give", () => {
    expect(capabilities.map(({ nr }) => nr)).toEqual([...capabilities.keys()]);
    for (const { name, nr, gives } of capabilities) {
      expect(capabilityNumber(name)).toBe(nr);
      expect(capabilityName(nr)).toBe(name);
      expect(gives).toMatch(/^[A-Z].*\.$/s);
    }
    expect(capabilityNumber("CAP_SYS_ADMIN")).toBe(21);
    expect(capabilityName(63)).toBeUndefined();
    expect(capabilityNumber("CAP_NOT")).toBeUndefined();
  });
});

describe("errno", () => {
  it("goes both ways, also for second names and unknown numbers", () => {
    expect(errnoName(2)).toBe("ENOENT");
    expect(errnoName(11)).toBe("EAGAIN");
    expect(errnoNumber("EWOULDBLOCK")).toBe(11);
    expect(errnoName(512)).toBe("ERESTARTSYS");
    expect(errnoName(999)).toBe("errno 999");
    for (let nr = 1; nr < 600; nr++) expect(errnoNumber(errnoName(nr))).toBe(nr);
    expect(errnoNumber("constructor")).toBeUndefined();
  });
});

describe("constants", () => {
  it("names socket domains and types, without the flags in the type", () => {
    expect(socketDomainName(1)).toBe("AF_UNIX");
    expect(socketDomainName(16)).toBe("AF_NETLINK");
    expect(socketDomainName(38)).toBe("AF_ALG");
    expect(socketDomainName(99)).toBe("AF_99");
    expect(socketDomainNumber("AF_LOCAL")).toBe(1);
    expect(socketDomainNumber("AF_99")).toBe(99);
    expect(socketDomainNumber("AF_")).toBeUndefined();
    expect(socketTypeName(1 | 0o2000000 | 0o4000)).toBe("SOCK_STREAM");
    expect(socketTypeName(9)).toBe("SOCK_9");
    expect(socketTypeNumber("SOCK_RAW")).toBe(3);
  });

  it("has the values that filters and recorders rest on", () => {
    expect(constants.clone.CLONE_NEWUSER).toBe(0x1000_0000);
    expect(constants.prctl.PR_SET_NO_NEW_PRIVS).toBe(38);
    expect(constants.fcntl.F_GETLK64).toBe(12);
    expect(constants.personality.ADDR_NO_RANDOMIZE).toBe(0x4_0000);
    expect(constantName("ioctl", 0x5401)).toBe("TCGETS");
    expect(constantValue("ioctl", "TUNSETIFF")).toBe(0x4004_54ca);
    expect(constantValue("keyctl", "KEYCTL_READ")).toBe(11);
    expect(constantValue("bpf", "BPF_PROG_LOAD")).toBe(5);
    expect(constantValue("ptrace", "PTRACE_ATTACH")).toBe(16);
    // O_DIRECTORY is where arm64 and x86 differ.
    expect(constants["open.x86_64"].O_DIRECTORY).toBe(0o200000);
    expect(constants["open.aarch64"].O_DIRECTORY).toBe(0o40000);
    expect(constantValue("prctl", "hasOwnProperty")).toBeUndefined();
  });

  it("takes flags apart", () => {
    const { CLONE_NEWUSER, CLONE_NEWNS } = constants.clone;
    expect(flagNames("clone", CLONE_NEWUSER | CLONE_NEWNS | 17)).toEqual({
      names: ["CLONE_NEWNS", "CLONE_NEWUSER"],
      rest: 17,
    });
    expect(flagNames("clone", 0)).toEqual({ names: [], rest: 0 });
  });
});
