import { decide } from "../emit/index.ts";
import { type OciSeccomp, type TableArch, errnoName } from "../linux/index.ts";
import type { Abi, ArchName } from "../profile/index.ts";

/** What is enforced in a run, as far as it can be asked without running anything. */
export interface Policy {
  arch: ArchName;
  seccomp: OciSeccomp;
  capabilities: readonly string[];
  /** Paths that may be read, written or executed, as a profile lists them; left out where nothing holds that access. */
  files: { read?: readonly string[]; write?: readonly string[]; execute?: readonly string[] };
}

/** Whose table of calls a convention uses on a machine. */
function tableOf(arch: ArchName, abi: Abi): TableArch {
  return abi === "native" ? arch : abi;
}

/** How the filter answers a call: the name of the error, or of the signal; undefined if the call passes. */
export function refusalOf(policy: Policy, abi: Abi, nr: number, args: readonly bigint[]): string | undefined {
  const decision = decide(policy.seccomp, { arch: tableOf(policy.arch, abi), nr, args });
  switch (decision.action) {
    case "allow":
    case "log":
      return undefined;
    case "errno":
      return errnoName(decision.errno ?? 0);
    case "kill":
    case "trap":
      return "SIGSYS";
    case "notify":
    case "trace":
      // Nobody is there to answer.
      return "ENOSYS";
  }
}

/** Whether a list of paths covers one: the path itself, or a folder above it that is listed with a slash at its end. */
export function covers(paths: readonly string[], path: string): boolean {
  return paths.some((entry) => (entry.endsWith("/") ? `${path}/`.startsWith(entry) : entry === path));
}
