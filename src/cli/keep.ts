import { type EvidenceFile, type GrantName, type Profile, grantsOf } from "../profile/index.ts";

/** A grant that a person made, and what is known of why. */
export interface KeptGrant {
  grant: GrantName;
  by: string;
  reason: string;
}

/**
 * The grants of an existing profile that people made, so that a new run does not take them away: those whose evidence
 * says `declared`, and those that the evidence does not know, for they were written into the file by hand. `file` is
 * how the profile is named in the reason.
 */
export function humanGrants(profile: Profile, evidence: EvidenceFile | undefined, file: string): KeptGrant[] {
  const known = new Map(evidence?.grants.map((entry) => [entry.grant, entry.evidence]));
  return grantsOf(profile).flatMap((grant): KeptGrant[] => {
    const entries = known.get(grant);
    if (entries === undefined) return [{ grant, by: "hand", reason: `written into ${file} by hand` }];
    const declared = entries.find((entry) => entry.kind === "declared");
    return declared === undefined ? [] : [{ grant, by: declared.by, reason: declared.reason }];
  });
}

/**
 * A profile's grants of the given names alone: what is left of it when all else is taken away, to be merged into
 * another profile. Settings that are no grant stand at their strictest.
 */
export function onlyGrants(profile: Profile, grants: ReadonlySet<GrantName>): Profile {
  const paths = (kind: string, list: readonly string[]) =>
    list.filter((path) => grants.has(`${kind}:${path}`));
  return {
    ...profile,
    incomplete: undefined,
    arch: profile.arch.filter((arch, i) => i === 0 || grants.has(`arch:${arch}`)),
    syscalls: {
      allow: profile.syscalls.allow.filter((call) =>
        grants.has(`syscall:${typeof call === "string" ? call : call.name}`),
      ),
    },
    capabilities: profile.capabilities.filter((name) => grants.has(`capability:${name}`)),
    filesystem: {
      root: grants.has("root:writable") ? profile.filesystem.root : "read-only",
      read: paths("read", profile.filesystem.read),
      write: paths("write", profile.filesystem.write),
      execute: paths("execute", profile.filesystem.execute),
      tmpfs: paths("tmpfs", profile.filesystem.tmpfs),
    },
    network: {
      sockets: profile.network.sockets.filter(({ domain, type }) => grants.has(`socket:${domain} ${type}`)),
      listen: paths("listen", profile.network.listen),
      connect: paths("connect", profile.network.connect),
    },
    noNewPrivileges: grants.has("new-privileges") ? profile.noNewPrivileges : true,
  };
}
