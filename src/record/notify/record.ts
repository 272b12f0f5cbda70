import { closeSync } from "node:fs";
import { release } from "node:os";
import { Worker } from "node:worker_threads";
import { CinchError } from "../../base/index.ts";
import { AUDIT_ARCH } from "../../bpf/index.ts";
import { notifyFilter } from "../../kernel/index.ts";
import {
  constants,
  socketDomainName,
  socketTypeName,
  syscallName,
  syscallNumber,
} from "../../linux/index.ts";
import type { Note, RecordedPhase, RecordedSyscall, Recording } from "../../profile/index.ts";
import { ARGUMENTS } from "../calls.ts";
import { ABIS, nameOf, tableOf } from "../ebpf/collect.ts";
import { FileSet } from "../files.ts";
import { lossNotes, notesOn } from "../notes.ts";
import type { RecordOptions, RecordResult } from "../record.ts";
import { HOT_CALLS, hotNumbers } from "./hot.ts";
import type { WorkerResult, WorkerTask } from "./messages.ts";

/** More distinct values of an argument than this make no set one would filter by. */
const MAX_VALUES = 64;

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
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const startedAt = new Date();
  const filter = notifyFilter(AUDIT_ARCH[arch], hotNumbers(arch));
  const running = await subject.start(
    watch === undefined ? { local: { filter, listener: true, noNewPrivileges: true } } : {},
  );
  if (running.listener === undefined) {
    throw new CinchError("notify", `${options.target} was started without a filter that notifies`, {
      hint: "recording without root works for local programs: cinch record -- COMMAND",
    });
  }
  const task: WorkerTask = {
    listener: running.listener,
    arch,
    mode: watch === undefined ? { kind: "record" } : { kind: "watch", policy: watch },
    stop: new SharedArrayBuffer(4),
  };
  const supervisor = supervise(task);
  const { runWorkload } = await import("../../workload/index.ts");
  let seen: WorkerResult;
  let result: RecordResult["result"];
  try {
    result = await runWorkload(running, options.workload, { signal, talk });
  } finally {
    Atomics.store(new Int32Array(task.stop), 0, 1);
    seen = await supervisor;
    closeSync(running.listener);
  }
  const seconds = (Date.now() - startedAt.getTime()) / 1000;
  const phases = watch === undefined ? phasesOf(seen, arch) : [];
  const lost = { strings: seen.lostStrings };
  const notes: Note[] = [
    ...(watch === undefined
      ? LIMITS
      : [{ code: "denials-only", text: "only what the filter refused was watched" }]),
    ...notesOn(phases),
    ...lossNotes(lost),
    ...(seen.error === undefined
      ? []
      : [{ code: "supervisor", text: `the supervisor met an error: ${seen.error}` }]),
  ];
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
    user: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    phases,
    capabilities: [],
    files: files.files(),
    executables: seen.executables.sort(),
    sockets: seen.sockets.map(({ op, family, type, address }) => ({
      domain: socketDomainName(family),
      // bind and connect do not say what kind of socket they are made on: the usual one.
      type: socketTypeName(type === 0 ? constants.SOCK.SOCK_STREAM : type),
      protocol: 0,
      op,
      address,
    })),
    notes,
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

const LIMITS: Note[] = [
  { code: "hot-list", text: `let through unseen and counted as used: ${HOT_CALLS.join(", ")}` },
  { code: "errors-unseen", text: "calls were noted before they were made: their errors are not known" },
  { code: "capabilities-unseen", text: "capabilities were not recorded: without root the program has none" },
];

function supervise(task: WorkerTask): Promise<WorkerResult> {
  const file = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js";
  const worker = new Worker(new URL(file, import.meta.url), { workerData: task });
  return new Promise((resolve, reject) => {
    worker.once("message", (result: WorkerResult) => resolve(result));
    worker.once("error", reject);
    worker.once("exit", (code) =>
      reject(new CinchError("notify", `the supervisor ended (${code}) without a result`)),
    );
  });
}

function phasesOf(seen: WorkerResult, arch: "x86_64" | "aarch64"): RecordedPhase[] {
  return ABIS.map((abi, index): RecordedPhase => {
    const calls = seen.calls
      .filter((call) => call.abi === index)
      .map(({ nr, rows }): RecordedSyscall => {
        const name = nameOf(arch, index, nr);
        const names = ARGUMENTS[name]?.map((spec) => spec.name);
        const values = rows.map((row) => row.map(Number)).sort(compareRows);
        return {
          name,
          nr,
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

function assume(
  name: string,
  arch: "x86_64" | "aarch64",
  calls: readonly RecordedSyscall[],
): RecordedSyscall[] {
  const nr = syscallNumber(arch, name);
  if (nr === undefined || calls.some((call) => call.nr === nr)) return [];
  return [{ name: syscallName(tableOf(arch, 0), nr) ?? name, nr, errnos: [], assumed: true }];
}

function compareRows(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return a[i]! - (b[i] ?? 0);
  return 0;
}
