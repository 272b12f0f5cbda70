import { once } from "node:events";
import { CinchError, Cleanup, messageOf } from "../base/index.ts";
import type { Target } from "../image/index.ts";
import { type Launched, type LocalConfinement, launch } from "../kernel/index.ts";
import { endsWithin } from "./container-running.ts";
import type { EngineOptions } from "./engine-args.ts";
import { emptyOptions } from "./engine-args.ts";
import { runOnHost, settled } from "./host.ts";
import type { Address, ExecResult, Exit, Running, StartHooks, Subject } from "./model.ts";
import { Orphans } from "./orphans.ts";
import { OutputLog } from "./output.ts";
import { resolveUser } from "./user.ts";

export interface LocalOptions {
  target: Extract<Target, { kind: "command" | "file" }>;
  confinement: LocalConfinement;
  options: EngineOptions;
  env: Readonly<Record<string, string>>;
  stdio: "capture" | "inherit";
}

/** A program of this machine, started as a child of ours. */
export function prepareLocal(given: LocalOptions): Subject {
  return new Local(given);
}

/** Of docker run's options those that mean something for a process. */
const KNOWN: ReadonlySet<keyof EngineOptions> = new Set([
  "env",
  "workingDir",
  "user",
  "interactive",
  "tty",
  "noNewPrivileges",
]);

class Local implements Subject {
  readonly engine = "local";
  readonly runtime = "local";
  readonly noNewPrivileges: boolean;
  readonly user: { uid: number; gid: number };
  #given: LocalOptions;
  #undo = new Cleanup();

  constructor(given: LocalOptions) {
    const { options, confinement, target } = given;
    const plain: Record<string, unknown> = { ...emptyOptions() };
    for (const [name, value] of Object.entries(options)) {
      if (KNOWN.has(name as keyof EngineOptions) || JSON.stringify(value) === JSON.stringify(plain[name]))
        continue;
      throw new CinchError("bad-engine-args", `engine arguments: a local process has no ${name}`, {
        hint: "--env, --workdir and --user count for it",
      });
    }
    const wanted = options.user ?? target.user;
    const user = wanted === undefined ? undefined : resolveUser(wanted, "/");
    this.#given = {
      ...given,
      confinement:
        user === undefined ? confinement : { ...confinement, user: { uid: user.uid, gid: user.gid } },
    };
    this.noNewPrivileges = confinement.noNewPrivileges === true || options.noNewPrivileges;
    this.user = confinement.user ?? user ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  }

  async start(hooks: StartHooks = {}): Promise<Running> {
    const { target, confinement, options, stdio } = this.#given;
    const argv = target.kind === "command" ? target.argv : [target.path, ...target.args];
    const cwd = options.workingDir ?? (target.kind === "command" ? target.cwd : process.cwd());
    const env: NodeJS.ProcessEnv = { ...process.env, ...target.env, ...this.#given.env };
    for (const text of options.env) env[text.slice(0, text.indexOf("="))] = text.slice(text.indexOf("=") + 1);
    const orphans = new Orphans();
    const log = new OutputLog();
    let launched: Launched;
    try {
      launched = await launch(argv, {
        confinement: {
          ...confinement,
          ...hooks.local,
          ...(this.noNewPrivileges ? { noNewPrivileges: true } : {}),
        },
        cwd,
        env,
        stdio,
        onOutput: (chunk, stream) => log.write(chunk, stream),
        ...(hooks.gate === undefined ? {} : { gate: hooks.gate }),
      });
    } catch (error) {
      await orphans.end();
      orphans.stop();
      if (error instanceof CinchError && error.code === "launch-failed") {
        throw new CinchError("start-failed", error.message, { hint: error.hint, cause: error });
      }
      throw error;
    }
    const running = new RunningLocal(launched, { log, drained: launched.exited, place: { cwd, env } });
    this.#undo.add(async () => {
      launched.child.kill("SIGKILL");
      await running.wait();
      await orphans.end();
      orphans.stop();
    });
    return running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo[Symbol.asyncDispose]();
  }
}

interface Parts {
  log: OutputLog;
  drained: Promise<unknown>;
  /** Where commands beside it run. */
  place: { cwd: string; env: NodeJS.ProcessEnv };
}

class RunningLocal implements Running {
  readonly engine = "local";
  readonly pid: number;
  readonly root = "/";
  /** A program of this machine does not say beforehand on what it listens. */
  readonly ports: readonly number[] = [];
  readonly log: OutputLog;
  readonly listener?: number;
  #place: Parts["place"];
  #launched: Launched;
  #exit: Promise<Exit>;
  #ended: Exit | undefined;

  constructor(launched: Launched, { log, drained, place }: Parts) {
    const { child } = launched;
    this.#launched = launched;
    this.#place = place;
    this.log = log;
    this.pid = launched.pid;
    if (launched.listener !== undefined) this.listener = launched.listener;
    const exited =
      child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : once(child, "exit");
    this.#exit = exited.then(async () => {
      // A daemon it left behind holds its output open.
      await settled(drained);
      return (this.#ended = { code: child.exitCode, signal: child.signalCode });
    });
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

  /** A command of this machine in the same folder and environment; it is not held by the target's confinement. */
  exec(argv: readonly string[], options: { signal?: AbortSignal } = {}): Promise<ExecResult> {
    return runOnHost({ argv, ...this.#place, signal: options.signal });
  }

  async kill(signal: string): Promise<void> {
    try {
      this.#launched.child.kill(signal as NodeJS.Signals);
    } catch (error) {
      throw new CinchError("bad-signal", `${signal}: ${messageOf(error)}`, { cause: error });
    }
    await Promise.resolve();
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
