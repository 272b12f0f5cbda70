import { readlinkSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { AUDIT_ARCH, decide } from "../../bpf/index.ts";
import { Listener, type Notification, isLauncher } from "../../kernel/index.ts";
import { type OciSeccomp, X32_BIT, errnoName } from "../../linux/index.ts";
import { messageOf } from "../../base/index.ts";
import { tableOf } from "../ebpf/collect.ts";
import type { SeenRefusal, WorkerResult, WorkerTask } from "./messages.ts";
import { Observer } from "./observer.ts";

/** How often the worker looks whether it is to finish. */
const LOOK_MS = 50;
/** Distinct refusals that are kept: far more than anybody reads. */
const MAX_REFUSALS = 10_000;
const ENOSYS = 38;
const EXECVE = { x86_64: 59, aarch64: 221 } as const;

const task = workerData as WorkerTask;
const stop = new Int32Array(task.stop);
const refusals = new Map<string, SeenRefusal>();
let lostRefusals = 0;
let error: string | undefined;
/** Until the program is executed, calls are the launcher's. */
let isLaunching = true;

const listener = new Listener(task.listener);
const observer = new Observer(task.arch, (id) => listener.isValid(id));
try {
  while (Atomics.load(stop, 0) === 0) {
    const call = listener.receive(LOOK_MS);
    if (call === "over") break;
    if (call === "none") continue;
    isLaunching &&= isLauncher(call.pid);
    listener.answer(call.id, task.mode.kind === "record" ? record(call) : watch(call, task.mode.policy));
  }
} catch (reason) {
  error = messageOf(reason);
}
const result: WorkerResult = {
  calls: [...observer.calls.values()],
  files: [...observer.files.values()],
  sockets: [...observer.sockets.seen.values()],
  executables: [...observer.executables],
  privileged: [...observer.privileged],
  refusals: [...refusals.values()],
  lostStrings: observer.lostStrings,
  lostRefusals,
  ...(error !== undefined && { error }),
};
parentPort?.postMessage(result);

/** Index into ABIS, and the number in that table. */
function numberOf(call: Notification): { abi: number; nr: number } {
  if (call.arch === AUDIT_ARCH.i386) return { abi: 1, nr: call.nr };
  const isX32 = task.arch === "x86_64" && (call.nr & X32_BIT) !== 0;
  return isX32 ? { abi: 2, nr: call.nr & ~X32_BIT } : { abi: 0, nr: call.nr };
}

/** Notes a call, which is then made. */
function record(call: Notification): undefined {
  const { abi, nr } = numberOf(call);
  // Of the launcher's calls only the one by which it becomes the program is the program's.
  if (isLaunching && nr !== EXECVE[task.arch]) return undefined;
  try {
    observer.note(call, abi, nr);
  } catch {
    // A call whose details cannot be looked at is made all the same; the loss is counted.
    observer.lostStrings += 1;
  }
  return undefined;
}

/** Notes a call that the filter refuses, and gives the errno to answer with; undefined: the call is made. */
function watch(call: Notification, policy: OciSeccomp): number | undefined {
  if (isLaunching) return undefined;
  const { abi, nr } = numberOf(call);
  const decision = decide(policy, { arch: tableOf(task.arch, abi), nr, args: call.args });
  if (decision.action === "allow" || decision.action === "log") return undefined;
  const signal = decision.action === "kill" ? "SIGKILL" : decision.action === "trap" ? "SIGSYS" : undefined;
  const errno = decision.action === "errno" ? (decision.errno ?? 1) : ENOSYS;
  note(call, abi, nr, signal === undefined ? errnoName(errno) : "SIGSYS");
  // It comes before the answer is seen.
  if (signal !== undefined) end(call.pid, signal);
  return errno;
}

function note(call: Notification, abi: number, nr: number, errno: string): void {
  const executable = executableOf(call.pid);
  const key = `${abi} ${nr} ${errno} ${executable}`;
  if (refusals.has(key)) return;
  if (refusals.size < MAX_REFUSALS) refusals.set(key, { abi, nr, errno, args: call.args, executable });
  else lostRefusals += 1;
}

function end(pid: number, signal: "SIGKILL" | "SIGSYS"): void {
  // 0 would mean ourselves: a process that ended meanwhile.
  if (pid <= 0) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone.
  }
}

function executableOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return "";
  }
}
