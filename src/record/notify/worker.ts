import { readlinkSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { AUDIT_ARCH, decide } from "../../bpf/index.ts";
import { Listener, type Notification } from "../../kernel/index.ts";
import { X32_BIT, errnoName } from "../../linux/index.ts";
import { messageOf } from "../../base/index.ts";
import { tableOf } from "../ebpf/collect.ts";
import type { SeenRefusal, WorkerResult, WorkerTask } from "./messages.ts";
import { Observer } from "./observer.ts";

/** How often the worker looks whether it is to finish. */
const LOOK_MS = 50;

const task = workerData as WorkerTask;
const stop = new Int32Array(task.stop);
const observer = new Observer(task.arch);
const refusals = new Map<string, SeenRefusal>();
const result: WorkerResult = {
  calls: [],
  files: [],
  sockets: [],
  executables: [],
  refusals: [],
  lostStrings: 0,
};

try {
  const listener = new Listener(task.listener);
  while (Atomics.load(stop, 0) === 0) {
    const call = listener.receive(LOOK_MS);
    if (call === "over") break;
    if (call === "none") continue;
    let errno: number | undefined;
    try {
      errno = handle(call);
    } catch (error) {
      // A call whose details could not be looked at is made all the same; the loss is counted.
      observer.lostStrings += 1;
      result.error ??= messageOf(error);
    }
    listener.answer(call.id, errno);
  }
} catch (error) {
  result.error = messageOf(error);
}
result.calls = [...observer.calls.values()];
result.files = [...observer.files.values()];
result.sockets = [...observer.sockets.values()];
result.executables = [...observer.executables];
result.refusals = [...refusals.values()];
result.lostStrings = observer.lostStrings;
parentPort?.postMessage(result);

/** Gives the errno to answer with; undefined: the call is made. */
function handle(call: Notification): number | undefined {
  const isI386 = call.arch === AUDIT_ARCH.i386;
  const abi = isI386 ? 1 : task.arch === "x86_64" && (call.nr & X32_BIT) !== 0 ? 2 : 0;
  const nr = abi === 2 ? call.nr & ~X32_BIT : call.nr;
  if (task.mode.kind === "record") {
    observer.note(call, abi, nr);
    return undefined;
  }
  const decision = decide(task.mode.policy, { arch: tableOf(task.arch, abi), nr, args: call.args });
  if (decision.action === "allow" || decision.action === "log") return undefined;
  const ENOSYS = 38;
  const errno = decision.action === "errno" ? (decision.errno ?? 1) : ENOSYS;
  const executable = executableOf(call.pid);
  const key = `${abi} ${nr} ${errno} ${executable}`;
  if (!refusals.has(key))
    refusals.set(key, { abi, nr, errno: errnoName(errno), args: call.args, executable });
  return errno;
}

function executableOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return "";
  }
}
