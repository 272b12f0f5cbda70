import { NotSupportedError, type Talk, messageOf } from "../base/index.ts";
import type { OciSeccomp } from "../linux/index.ts";
import type { Recording } from "../profile/index.ts";
import type { Subject, Workload, WorkloadResult } from "../workload/index.ts";
import type { RefusedCall } from "./ebpf/assemble.ts";
import { EbpfSession } from "./ebpf/session.ts";

export interface RecordOptions {
  /** Prepared, not yet started; it is started here, and ended when the workload is done. */
  subject: Subject;
  workload: Workload;
  /** How the target is named in the recording. */
  target: string;
  /** Without files, sockets and arguments: calls and capabilities only, at less cost. */
  callsOnly?: boolean;
  /** The subject's own filter notifies: watch what it refuses, by this policy, and answer for it. */
  watch?: OciSeccomp;
  signal: AbortSignal;
  talk: Talk;
}

export interface RecordResult {
  recording: Recording;
  /** How the workload went. */
  result: WorkloadResult;
  /** Calls that were answered EPERM, EACCES or ENOSYS; empty for a method that sees no errors. */
  refused: RefusedCall[];
}

/** How a recording can be made here: by eBPF with the privilege for it, else by seccomp user notification. */
export function chooseMethod(engine: Subject["engine"]): { method: "ebpf" | "notify"; why: string } {
  if (process.platform !== "linux") {
    throw new NotSupportedError("linux", `recording needs Linux; this is ${process.platform}`, {
      hint: "record on a Linux machine and carry the recording over: derive, emit and diff work anywhere",
    });
  }
  if (process.getuid?.() === 0) return { method: "ebpf", why: "root" };
  if (engine === "local") return { method: "notify", why: "not root" };
  throw new NotSupportedError("ebpf", `recording a container (${engine}) needs root and eBPF`, {
    hint: "run as root, or record the program by itself: cinch record -- COMMAND",
  });
}

const WATCHED = { method: "notify", why: "the filter notifies" } as const;

/**
 * Starts the subject under a recorder, exercises it, stops it, and gives what it used. Throws NotSupportedError where
 * no recorder works here, and what starting the subject throws. The subject is the caller's to dispose of.
 */
export async function record(options: RecordOptions): Promise<RecordResult> {
  const { subject, talk } = options;
  const { method, why } = options.watch === undefined ? chooseMethod(subject.engine) : WATCHED;
  if (method === "notify") {
    talk.phase(`recording ${options.target} by seccomp user notification (${why})`);
    const { recordByNotification } = await import("./notify/index.ts");
    return recordByNotification(options);
  }
  let session: EbpfSession;
  try {
    session = new EbpfSession({
      scope: subject.engine === "local" ? "tree" : "namespaces",
      strings: options.callsOnly !== true,
      talk,
    });
  } catch (error) {
    if (subject.engine !== "local" || !(error instanceof NotSupportedError)) throw error;
    talk.phase(
      `recording ${options.target} by seccomp user notification (no eBPF here: ${messageOf(error)})`,
    );
    const { recordByNotification } = await import("./notify/index.ts");
    return recordByNotification(options);
  }
  using recorder = session;
  talk.phase(`recording ${options.target} by eBPF (${why})`);
  recorder.attach();
  const running = await subject.start({ gate: async (pid) => recorder.follow(pid) });
  if (subject.engine !== "local") {
    recorder.identify({ cgroup: subject.cgroup, pid: running.pid });
  }
  // Loaded here: recording a process by itself needs no engine.
  const { runWorkload } = await import("../workload/index.ts");
  const result = await runWorkload(running, options.workload, { signal: options.signal, talk });
  if (subject.engine !== "local") recorder.identify({ cgroup: subject.cgroup, pid: running.pid });
  const { recording, refused } = recorder.finish(
    { target: options.target, runtime: subject.runtime, noNewPrivileges: subject.noNewPrivileges },
    result.cutShort,
  );
  return { recording, result, refused };
}
