import { canonicalJson, sortedSet } from "./canonical.ts";
import type { GrantName, Profile } from "./model.ts";

/** What a profile allows, one name a grant (model.ts, `GrantName`), sorted. */
export function grantsOf(profile: Profile): GrantName[] {
  const { filesystem, network } = profile;
  return sortedSet([
    ...profile.arch.slice(1).map((arch) => `arch:${arch}`),
    ...profile.syscalls.allow.map((grant) => `syscall:${typeof grant === "string" ? grant : grant.name}`),
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

/** A call's limits in one line; undefined for a call without any, or one that is not allowed. */
export function limitsOf(profile: Profile, syscall: string): string | undefined {
  const grant = profile.syscalls.allow.find((one) => typeof one !== "string" && one.name === syscall);
  return grant === undefined || typeof grant === "string" ? undefined : canonicalJson(grant.args);
}

/** Whether one of the paths (a trailing slash: everything below) covers a path. */
export function covers(paths: readonly string[], path: string): boolean {
  return paths.some((one) =>
    one.endsWith("/") ? path === one.slice(0, -1) || path.startsWith(one) : one === path,
  );
}
