import { setTimeout as sleep } from "node:timers/promises";
import type { Talk } from "../base/index.ts";
import type { Recording } from "../profile/index.ts";
import { EbpfSession } from "./ebpf/session.ts";

export interface ObserveOptions {
  /** The container's main process, as the host numbers it. */
  pid: number;
  target: string;
  runtime: string;
  noNewPrivileges: boolean;
  /** Milliseconds; undefined: until `signal`, or until the container ends. */
  duration?: number;
  /** Run once the recorder is attached: the exercise, if there is one. */
  exercise?: () => Promise<void>;
  signal: AbortSignal;
  talk: Talk;
}

/** How often it is looked whether the container still runs. */
const LOOK_MS = 200;

/** Records a container that runs already. What its start needed is missing, and the recording says so. */
export async function observeContainer(options: ObserveOptions): Promise<Recording> {
  using session = new EbpfSession({ scope: "namespaces", talk: options.talk });
  session.adopt(options.pid);
  session.attach();
  options.talk.phase(`recording ${options.target}, which runs already, by eBPF`);
  if (options.exercise !== undefined) await options.exercise();
  const end = options.duration === undefined ? undefined : Date.now() + options.duration;
  const isOver = (): boolean =>
    options.signal.aborted || (end !== undefined && Date.now() >= end) || !isAlive(options.pid);
  while ((options.exercise === undefined || options.duration !== undefined) && !isOver())
    await sleep(LOOK_MS);
  return session.finish(options).recording;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
