import { constants, isSyscall, syscallNumber, tables } from "../../linux/index.ts";
import { always } from "../always.ts";
import { baselineFor } from "../baselines.ts";
import { families } from "../families.ts";
import type { ArchName, Evidence, RecordedPhase, RecordedSyscall, Recording } from "../model.ts";
import type { Collector } from "./collector.ts";
import { LEFT_OUT, NEVER_FOR_RUNTIME } from "./left-out.ts";

/**
 * Grants the calls of one recording's phases, with the evidence for each. `defaults`: the calls that Docker's default
 * profile allows.
 */
export function grantRecorded(
  collector: Collector,
  recording: Recording,
  run: string,
  defaults: ReadonlySet<string>,
): void {
  const baseline = runtimeBaseline(recording);
  for (const phase of recording.phases) {
    for (const call of phase.syscalls) {
      const grant = `syscall:${call.name}`;
      const evidence = evidenceOf(phase, call, run, defaults.has(call.name));
      const left = leftOutReason(phase, call, baseline, defaults);
      if (left === "") continue;
      if (left !== undefined) collector.leaveOut(grant, left, evidence);
      else collector.grant(grant, evidence);
      grantMultiplexed(collector, call);
      const instead = phase.name === "runtime" ? undefined : LEFT_OUT[call.name]?.instead;
      // What takes a left-out call's place was never made, and so never recorded.
      if (instead !== undefined) {
        collector.grant(`syscall:${instead}`, {
          kind: "equivalent",
          of: call.name,
          reason: LEFT_OUT[call.name]!.reason,
        });
      }
    }
  }
}

/** Why a call that was made is not granted; "" where it need not even be told, undefined where it is granted. */
function leftOutReason(
  phase: RecordedPhase,
  call: RecordedSyscall,
  baseline: ReadonlySet<string>,
  defaults: ReadonlySet<string>,
): string | undefined {
  if (phase.name === "runtime") {
    // It is added again when an artifact is made.
    if (baseline.has(call.name)) return "";
    if (NEVER_FOR_RUNTIME.has(call.name) || !defaults.has(call.name)) {
      return "the container runtime made it, which starts under Docker's default profile without";
    }
  }
  if (!isSyscall(call.name))
    return `Linux ${tables.kernel} has no call of this number that a profile could name`;
  return LEFT_OUT[call.name]?.reason;
}

function evidenceOf(phase: RecordedPhase, call: RecordedSyscall, run: string, isDefault: boolean): Evidence {
  if (call.assumed === true) {
    return { kind: "assumed", run, reason: "a hot call, which the recorder lets through unseen" };
  }
  const detail = [
    ...(phase.label === undefined ? [] : [phase.label]),
    ...(isDefault ? [] : ["outside Docker's default profile"]),
  ].join("; ");
  return {
    kind: "recorded",
    run,
    phase: phase.name,
    ...(phase.abi !== "native" && { abi: phase.abi }),
    ...(call.count !== undefined && { count: call.count }),
    ...(call.errnos.length > 0 && { errnos: [...call.errnos].sort() }),
    ...(detail !== "" && { detail }),
  };
}

/** i386's socketcall and ipc stand for many calls, which other C libraries make by themselves: equals of what was asked for. */
function grantMultiplexed(collector: Collector, { name, args }: RecordedSyscall): void {
  const set: Record<string, number> | undefined =
    name === "socketcall" ? constants.socketcall : name === "ipc" ? constants.ipc : undefined;
  const place = args?.names.indexOf("call") ?? -1;
  if (set === undefined || args === undefined || place === -1) return;
  for (const [constant, number] of Object.entries(set)) {
    // ipc's upper half is a version (ipc(2)).
    if (!args.values.some((row) => ((row[place] ?? 0) & 0xffff) === number)) continue;
    collector.grant(`syscall:${callOf(constant)}`, {
      kind: "equivalent",
      of: name,
      reason: `${name} was asked for it; C libraries that know the call make it directly`,
    });
  }
}

/** "SYS_SOCKET" → "socket", "SEMOP" → "semop"; send and recv have no call of their own on i386. */
function callOf(constant: string): string {
  const name = constant.replace(/^SYS_/, "").toLowerCase();
  return name === "send" ? "sendto" : name === "recv" ? "recvfrom" : name;
}

function runtimeBaseline(recording: Recording): Set<string> {
  return new Set(
    recording.runtimes.flatMap((runtime) =>
      [false, true].flatMap((noNewPrivileges) => baselineFor({ runtime, noNewPrivileges })),
    ),
  );
}

/** Adds what any program may call, and the equals of what was recorded, as far as the architectures have them. */
export function grantAround(collector: Collector, arches: readonly ArchName[]): void {
  const exists = (name: string): boolean => arches.some((arch) => syscallNumber(arch, name) !== undefined);
  const recorded = new Set(collector.names("syscall:"));
  for (const { names, reason } of always) {
    for (const name of names.filter(exists)) collector.grant(`syscall:${name}`, { kind: "always", reason });
  }
  for (const { members, fallback, reason } of families) {
    const of = [...members, ...(fallback ?? [])].find((name) => recorded.has(name));
    if (of === undefined) continue;
    for (const name of members) {
      if (recorded.has(name) || !exists(name)) continue;
      collector.grant(`syscall:${name}`, { kind: "equivalent", of, reason });
    }
  }
}
