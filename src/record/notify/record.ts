import { release } from "node:os";
import { CinchError } from "../../base/index.ts";
import { AUDIT_ARCH } from "../../bpf/index.ts";
import { notifyFilter } from "../../kernel/index.ts";
import { decisiveArguments, syscallName, syscallNumber } from "../../linux/index.ts";
import type { Note, RecordedPhase, RecordedSyscall, Recording } from "../../profile/index.ts";
import { ABIS, nameOf, tableOf } from "../ebpf/collect.ts";
import { FileSet } from "../files.ts";
import { lossNotes, notesOn } from "../notes.ts";
import type { RecordOptions, RecordResult } from "../record.ts";
import { HOT_CALLS, hotCalls } from "./hot.ts";
import type { WorkerResult } from "./messages.ts";
import { Supervisor } from "./supervisor.ts";

/** More distinct values of an argument than this make no set one would filter by. */
const MAX_VALUES = 64;

type Arch = "x86_64" | "aarch64";

/**
 * Records a local program by seccomp user notification: each call but the hot ones waits until it is noted. Needs no
 * privilege. What this method does not see, the recording says: errors, capabilities, and how often the hot calls were
 * made, if at all.
 *
 * With `watch`, the subject's own filter notifies (it was compiled so): the calls it would refuse are noted and
 * refused.
 */
export async function recordByNotification(options: RecordOptions): Promise<RecordResult> {
  const { subject, signal, talk, watch } = options;
  const arch: Arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const startedAt = new Date();
  using supervisor = new Supervisor({
    arch,
    mode: watch === undefined ? { kind: "record" } : { kind: "watch", policy: watch },
  });
  let isSupervised = false;
  const listener = (fd: number): AbortSignal => {
    isSupervised = true;
    return supervisor.supervise(fd);
  };
  const running = await subject.start({
    local:
      watch === undefined
        ? { filter: notifyFilter(AUDIT_ARCH[arch], hotCalls(arch)), listener, noNewPrivileges: true }
        : { listener },
  });
  if (!isSupervised) {
    throw new CinchError("notify", `${options.target} was started without a filter that notifies`, {
      hint: "recording without root works for local programs: cinch record -- COMMAND",
    });
  }
  supervisor.failed.addEventListener("abort", () => void running.kill("SIGKILL"), { once: true });
  const { runWorkload } = await import("../../workload/index.ts");
  const result = await runWorkload(running, options.workload, { signal, talk });
  const seen = (await supervisor.finish())!;

  const seconds = (Date.now() - startedAt.getTime()) / 1000;
  const phases = watch === undefined ? phasesOf(seen, arch) : [];
  const lost = {
    strings: seen.lostStrings,
    ...(seen.lostRefusals > 0 && { refusals: seen.lostRefusals }),
  };
  const files = new FileSet(() => "/");
  for (const { path, access, errno, type } of seen.files) files.add(path, access, { errno, type });
  const recording: Recording = {
    schemaVersion: 1,
    kind: "recording",
    target: options.target,
    arch,
    kernel: release(),
    startedAt: startedAt.toISOString(),
    seconds,
    // Capabilities are not seen, and hot calls are assumed.
    complete: false,
    lost,
    method: "notify",
    runtimes: [subject.runtime],
    noNewPrivileges: true,
    user: subject.user ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    phases,
    capabilities: [],
    files: files.files(),
    executables: seen.executables.sort(),
    sockets: seen.sockets.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    notes: [
      ...(watch === undefined
        ? limits()
        : [{ code: "denials-only", text: "only what the filter refused was watched" }]),
      ...seen.privileged.map(([path, by]): Note => ({
        code: "setuid-without-privilege",
        text: `${path} was executed without the privilege it is given by ${by}: recording needs no-new-privileges`,
      })),
      ...notesOn(phases),
      ...lossNotes(lost),
      ...(seen.error === undefined
        ? []
        : [{ code: "supervisor", text: `the supervisor gave up, and the program was ended: ${seen.error}` }]),
      ...(result.cutShort ? [{ code: "interrupted", text: "the recording was cut short" }] : []),
    ],
  };
  const refused = seen.refusals.map(({ abi, nr, errno, args, executable }) => ({
    name: nameOf(arch, abi, nr),
    nr,
    abi: ABIS[abi]!,
    phase: "app" as const,
    errno,
    args,
    executable,
  }));
  return { recording, result, refused };
}

function limits(): Note[] {
  const capabilities =
    process.getuid?.() === 0
      ? "capabilities were not recorded: that needs eBPF"
      : "capabilities were not recorded: without root the program has none";
  return [
    { code: "hot-list", text: `let through unseen and counted as used: ${HOT_CALLS.join(", ")}` },
    {
      code: "errors-unseen",
      text: "calls were noted before they were made: their errors are not known, and whether a path could be used so is what cinch found when it looked just before",
    },
    { code: "capabilities-unseen", text: capabilities },
  ];
}

function phasesOf(seen: WorkerResult, arch: Arch): RecordedPhase[] {
  return ABIS.map((abi, index): RecordedPhase => {
    const calls = seen.calls
      .filter((call) => call.abi === index)
      .map(({ nr, count, rows }): RecordedSyscall => {
        const name = nameOf(arch, index, nr);
        const names = decisiveArguments[name]?.map((spec) => spec.name);
        const values = rows.map((row) => row.map(Number)).sort(compareRows);
        return {
          name,
          nr,
          count,
          errnos: [],
          ...(names !== undefined && {
            args: { names, values: values.slice(0, MAX_VALUES), closed: values.length <= MAX_VALUES },
          }),
        };
      });
    const assumed = index === 0 ? HOT_CALLS.flatMap((name) => assume(name, arch, calls)) : [];
    return { name: "app", abi, syscalls: [...calls, ...assumed].sort((a, b) => (a.name < b.name ? -1 : 1)) };
  }).filter(({ syscalls }) => syscalls.length > 0);
}

function assume(name: string, arch: Arch, calls: readonly RecordedSyscall[]): RecordedSyscall[] {
  const nr = syscallNumber(arch, name);
  if (nr === undefined || calls.some((call) => call.nr === nr)) return [];
  return [{ name: syscallName(tableOf(arch, 0), nr) ?? name, nr, errnos: [], assumed: true }];
}

function compareRows(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return a[i]! - (b[i] ?? 0);
  return 0;
}
