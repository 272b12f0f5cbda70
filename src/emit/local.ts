import type { OciSeccomp } from "../linux/index.ts";
import type { Profile } from "../profile/index.ts";
import { seccompFor } from "./seccomp.ts";

/** What a process without an engine is held by. */
export interface LocalPolicy {
  seccomp: OciSeccomp;
  capabilities: string[];
  noNewPrivileges: boolean;
  /** For Landlock: paths that exist are looked up when the rules are made. */
  files: { read: string[]; write: string[]; execute: string[]; tmpfs: string[] };
  /** What these do not hold. */
  warnings: string[];
}

/**
 * The parts of a profile that a process can take on by itself: filter, capabilities, no-new-privileges, and its paths as
 * Landlock rules. Folders of tmpfs are the machine's own there.
 */
export function localConfinement(profile: Profile): LocalPolicy {
  const { read, write, execute, tmpfs } = profile.filesystem;
  const { seccomp, warnings } = seccompFor(profile, { runtimes: ["local"] });
  return {
    seccomp,
    capabilities: profile.capabilities,
    noNewPrivileges: profile.noNewPrivileges,
    files: { read, write, execute, tmpfs },
    warnings: [
      ...warnings,
      "a local run writes to the real folders: a read-only root and tmpfs need an engine",
      "ports and hosts are not held",
    ],
  };
}
