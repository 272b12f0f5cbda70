import { isSyscall, resolveDockerDefault } from "../../linux/index.ts";
import type { Analysis, ArchName } from "../model.ts";
import type { Collector } from "./collector.ts";
import { LEFT_OUT } from "./left-out.ts";

/**
 * Grants the calls that code could make, as far as Docker's default profile allows them to a container with the granted
 * capabilities; what is outside that and no run used is left out, and told with its path. So a profile is never wider than
 * the default unless a run needed it.
 */
export function grantReachable(
  collector: Collector,
  analysis: Analysis,
  capabilities: readonly string[],
): void {
  const allowed = allowedCalls(analysis.arch, capabilities);
  for (const { name, path, via } of analysis.syscalls) {
    const grant = `syscall:${name}`;
    const evidence = { kind: "reachable", path, via } as const;
    if (!isSyscall(name)) continue;
    const left = LEFT_OUT[name];
    if (left !== undefined) {
      collector.leaveOut(grant, left.reason, evidence);
      if (left.instead !== undefined)
        collector.grant(`syscall:${left.instead}`, { kind: "equivalent", of: name, reason: left.reason });
    } else if (allowed.has(name)) collector.grant(grant, evidence);
    else
      collector.leaveOut(grant, "Docker's default profile does not allow it, and no run used it", evidence);
  }
}

/** The calls that Docker's default profile allows with these capabilities, with whatever arguments. */
function allowedCalls(arch: ArchName, capabilities: readonly string[]): ReadonlySet<string> {
  const { syscalls } = resolveDockerDefault({
    capabilities,
    arch: arch === "aarch64" ? "aarch64" : "x86_64",
    // Its rules ask for no kernel above 4.8.
    kernel: "6.0",
  });
  return new Set(syscalls.filter(({ action }) => action === "SCMP_ACT_ALLOW").flatMap(({ names }) => names));
}

/** Why a profile may lack what code does beyond what the analyses saw: each a sentence. */
export function analysisGaps({ unresolved, possibilities, target }: Analysis): string[] {
  const numbers = unresolved.filter(({ address }) => address !== "").length;
  const others = unresolved.length - numbers;
  const kinds = new Set(possibilities.map(({ kind }) => kind));
  return [
    ...(numbers > 0
      ? [`${target}: at ${numbers} places the code makes a call whose number is not known`]
      : []),
    ...(others > 0
      ? [`${target}: of ${others} things that may run nothing is known (cinch analyze lists them)`]
      : []),
    ...(kinds.has("foreign-abi")
      ? [`${target}: its code holds calls by another convention, which are not analyzed`]
      : []),
  ];
}
