import { closeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { CinchError } from "../../base/index.ts";
import type { WorkerResult, WorkerTask } from "./messages.ts";

/** Answers a filter's notifications in a thread of its own, which waits for nothing else. */
export class Supervisor implements Disposable {
  /** Aborted when calls are no longer answered though processes may wait for it. */
  readonly failed: AbortSignal;
  #task: Omit<WorkerTask, "listener">;
  #stop = new Int32Array(new SharedArrayBuffer(4));
  #failure = new AbortController();
  #listener: number | undefined;
  #result: Promise<WorkerResult> | undefined;

  constructor(task: Pick<WorkerTask, "arch" | "mode">) {
    this.failed = this.#failure.signal;
    this.#task = { ...task, stop: this.#stop.buffer };
  }

  /** Takes charge of a listener, and begins. Gives `failed`. */
  supervise(listener: number): AbortSignal {
    this.#listener = listener;
    const file = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js";
    const workerData: WorkerTask = { ...this.#task, listener };
    const worker = new Worker(new URL(file, import.meta.url), {
      workerData,
      // Not those of this process, which may say how to read what it was given to evaluate.
      execArgv: [],
      // Descriptors here come from system calls, and are closed like others.
      trackUnmanagedFds: false,
    });
    const result = new Promise<WorkerResult>((resolve, reject) => {
      worker.once("message", (message: WorkerResult) => resolve(message));
      worker.once("error", reject);
      worker.once("exit", (code) =>
        reject(new CinchError("notify", `the supervisor ended (${code}) without a result`)),
      );
    });
    // Whoever waits for an answer that will not come is let go: without a listener the calls fail.
    const give = (reason: unknown): void => {
      this.#close();
      this.#failure.abort(reason);
    };
    const check = async (): Promise<void> => {
      const { error } = await result;
      if (error !== undefined) throw new CinchError("notify", `the supervisor gave up: ${error}`);
    };
    check().catch(give);
    this.#result = result;
    return this.failed;
  }

  /** Stops, and gives what was seen; undefined if it never began. Throws what ended the thread. */
  async finish(): Promise<WorkerResult | undefined> {
    Atomics.store(this.#stop, 0, 1);
    try {
      return await this.#result;
    } finally {
      this.#close();
    }
  }

  [Symbol.dispose](): void {
    Atomics.store(this.#stop, 0, 1);
    // The thread may still look at it: it is closed when that has ended.
    void this.finish().catch(() => {});
  }

  #close(): void {
    if (this.#listener !== undefined) closeSync(this.#listener);
    this.#listener = undefined;
  }
}
