import { describeLimits } from "./args.ts";
import { canonicalJson, sortedSet } from "./canonical.ts";
import type { GrantName, Profile, SyscallGrant } from "./model.ts";

/** What a profile allows, one name a grant (model.ts, `GrantName`), sorted. */
export function grantsOf(profile: Profile): GrantName[] {
  const { filesystem, network } = profile;
  return sortedSet([
    ...profile.arch.slice(1).map((arch) => `arch:${arch}`),
    ...callsOf(profile).map((name) => `syscall:${name}`),
    ...profile.capabilities.map((name) => `capability:${name}`),
    ...(filesystem.root === "writable" ? ["root:writable"] : []),
    ...filesystem.read.map((path) => `read:${path}`),
    ...filesystem.write.map((path) => `write:${path}`),
    ...filesystem.execute.map((path) => `execute:${path}`),
    ...filesystem.tmpfs.map((path) => `tmpfs:${path}`),
    ...network.sockets.map(({ domain, type }) => `socket:${domain} ${type}`),
    ...network.listen.map((address) => `listen:${address}`),
    ...network.connect.map((address) => `connect:${address}`),
    ...(profile.noNewPrivileges ? [] : ["new-privileges"]),
    ...(profile.isolation === "namespace" ? [] : [`isolation:${profile.isolation}`]),
  ]);
}

/** The parts of a grant's name: kind, and what follows the first colon ("" for one without). */
export function splitGrant(grant: GrantName): { kind: string; name: string } {
  const colon = grant.indexOf(":");
  return colon === -1
    ? { kind: grant, name: "" }
    : { kind: grant.slice(0, colon), name: grant.slice(colon + 1) };
}

/** The names of the calls that a profile allows, with or without limits. */
export function callsOf({ syscalls }: Profile): string[] {
  return syscalls.allow.map((grant) => (typeof grant === "string" ? grant : grant.name));
}

/** The limits on a call's arguments; undefined for a call without any, or one that is not allowed. */
export function limitsOf(profile: Profile, syscall: string): SyscallGrant | undefined {
  const allowed = profile.syscalls.allow.filter(
    (grant) => (typeof grant === "string" ? grant : grant.name) === syscall,
  );
  const limited = allowed.filter((grant) => typeof grant !== "string");
  if (limited.length === 0 || limited.length < allowed.length) return undefined;
  return { name: syscall, args: limited.flatMap(({ args }) => args) };
}

/** Limits in one line of words, and in one form by which they can be compared. */
export function limitText(grant: SyscallGrant | undefined): { text: string; key: string } {
  return grant === undefined
    ? { text: "any arguments", key: "" }
    : { text: describeLimits(grant), key: canonicalJson(grant.args) };
}
