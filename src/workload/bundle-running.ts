import { type ChildProcess, execFile } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import type { ImageConfig } from "../image/index.ts";
import { endsWithin, tcpPorts } from "./container-running.ts";
import { runOnHost, settled } from "./host.ts";
import type { Address, ExecResult, Exit, Running } from "./model.ts";
import type { OutputLog } from "./output.ts";

interface Parts {
  engine: "runc" | "crun";
  id: string;
  pid: number;
  /** The runtime with its state folder. */
  command: readonly string[];
  /** The runtime in the foreground, which ends as the container does. */
  child: ChildProcess;
  log: OutputLog;
  drained: Promise<unknown>;
  config: ImageConfig;
  env: readonly string[];
}

/** A bundle that runc or crun runs. */
export class RunningBundle implements Running {
  readonly engine: "runc" | "crun";
  readonly pid: number;
  readonly id: string;
  readonly ports: readonly number[];
  readonly stopSignal?: string;
  readonly log: OutputLog;
  #command: readonly string[];
  #exit: Promise<Exit>;
  #ended: Exit | undefined;

  constructor(parts: Parts) {
    this.engine = parts.engine;
    this.pid = parts.pid;
    this.id = parts.id;
    this.log = parts.log;
    this.ports = tcpPorts(parts.config.exposedPorts);
    if (parts.config.stopSignal !== undefined) this.stopSignal = parts.config.stopSignal;
    this.#command = parts.command;
    const { child } = parts;
    this.#exit = (
      child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : once(child, "exit")
    ).then(async () => {
      await settled(parts.drained);
      return (this.#ended = { code: child.exitCode, signal: child.signalCode });
    });
    this.#exit.catch(() => {});
  }

  get root(): string {
    return `/proc/${this.pid}/root`;
  }

  addresses(port: number): Address[] {
    return [{ host: "127.0.0.1", port }];
  }

  ended(): Exit | undefined {
    return this.#ended;
  }

  wait(): Promise<Exit> {
    return this.#exit;
  }

  exec(argv: readonly string[], options: { signal?: AbortSignal } = {}): Promise<ExecResult> {
    return runOnHost({ argv: [...this.#command, "exec", this.id, ...argv], signal: options.signal });
  }

  async kill(signal: string): Promise<void> {
    const [program, ...args] = this.#command;
    try {
      await promisify(execFile)(program!, [...args, "kill", this.id, signal]);
    } catch (error) {
      // It may have ended in the meantime.
      if (this.#ended === undefined && !(await endsWithin(this.#exit, 1000))) throw error;
    }
  }

  async stop(signal: string, graceMs: number): Promise<Exit & { killed: boolean }> {
    await this.kill(signal);
    if (await endsWithin(this.#exit, graceMs)) return { ...(await this.#exit), killed: false };
    await this.kill("SIGKILL");
    return { ...(await this.#exit), killed: true };
  }

  output(): string {
    return this.log.text();
  }
}
