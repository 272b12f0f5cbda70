import type { LocalConfinement } from "../kernel/index.ts";
import type { OciSeccomp } from "../linux/index.ts";
import type { OutputLog } from "./output.ts";

export type EngineName = "docker" | "podman" | "runc" | "crun" | "local";

/** What holds a container. What is left out is the engine's default. */
export interface ContainerConfinement {
  /**
   * "allow-all": a filter that lets everything through. Without a filter nothing marks where the runtime's own calls
   * begin to count, and under a real one refused calls never reach the recorder.
   */
  seccomp: OciSeccomp | "allow-all";
  /** "CAP_CHOWN"; all others are dropped. */
  capabilities?: string[];
  noNewPrivileges?: boolean;
  readOnlyRoot?: boolean;
  /** Directories that begin empty and are written to: "/tmp", "/run:mode=0755". */
  tmpfs?: string[];
  /** Directories that keep the image's content and can be written to under a read-only root; gone with the container. */
  volumes?: string[];
  /** User, or user:group. */
  user?: string;
}

export type Confinement = { container: ContainerConfinement } | { local: LocalConfinement };

/** How a process ended. Engines tell a signal as code 128 + number; only a process of our own has `signal`. */
export interface Exit {
  code: number | null;
  signal: string | null;
}

export interface StartHooks {
  /** A local process waits before its first step until this has run. Not called for containers. */
  gate?: (pid: number) => Promise<void>;
  /** A local process is held by this too: the filter of the recorder that works by notification. */
  local?: LocalConfinement;
}

/** A target that is ready to start. Disposing of it ends and removes whatever was made for it. */
export interface Subject extends AsyncDisposable {
  readonly engine: EngineName;
  /** What starts the program: "runc 1.1.5", "crun 1.8.1", "local". */
  readonly runtime: string;
  readonly noNewPrivileges: boolean;
  /** The user it starts as, where known. */
  readonly user?: { uid: number; gid: number };
  /** Containers: a string that the name of the container's cgroup holds (its id). */
  readonly cgroup?: string;
  /** Throws `start-failed` where the engine or the kernel refused; a program that ends at once is no failure. */
  start(hooks?: StartHooks): Promise<Running>;
}

export interface ExecResult {
  code: number | null;
  output: string;
}

/** A place where a port of the target may answer. */
export interface Address {
  host: string;
  port: number;
  /** The engine's proxy listens here, whether or not the target does. */
  proxied?: boolean;
}

/** A target that was started. */
export interface Running {
  readonly engine: EngineName;
  /** Its main process as the host numbers it; 0 if it was gone at once. */
  readonly pid: number;
  /** Its file system as seen from here: "/proc/PID/root". */
  readonly root: string;
  /** The container's id. */
  readonly id?: string;
  /** TCP ports it says it listens on. */
  readonly ports: readonly number[];
  /** The signal its image wants to be stopped with. */
  readonly stopSignal?: string;
  /** Descriptor on which the notifications of its filter come: the taker's to close. */
  readonly listener?: number;
  readonly log: OutputLog;
  /** Where a TCP port of it may be reached from here, the best first. */
  addresses(port: number): Address[];
  /** The end, if it has come. */
  ended(): Exit | undefined;
  wait(): Promise<Exit>;
  /** Runs a command inside the target. */
  exec(argv: readonly string[], options?: { signal?: AbortSignal }): Promise<ExecResult>;
  /** Sends a signal to the main process. */
  kill(signal: string): Promise<void>;
  /** Sends the signal, waits for the end, and after `graceMs` sends SIGKILL. */
  stop(signal: string, graceMs: number): Promise<Exit & { killed: boolean }>;
  /** What it wrote to standard output and error: the beginning and the end, if it was much. */
  output(): string;
}

// ---- workload ----------------------------------------------------------------------------------------------

export type Ready =
  | { kind: "tcp"; port: number }
  | { kind: "http"; url: string }
  | { kind: "log"; pattern: RegExp }
  | { kind: "exec"; argv: string[] };

export interface HttpCall {
  method: string;
  url: string;
  body?: string;
  headers?: Record<string, string>;
  /** Statuses that count as success; undefined: 200 to 399. */
  expect?: number[];
  contains?: string;
}

export type Step = {
  name: string;
  /** Milliseconds. */
  timeout?: number;
} & (
  | { kind: "http"; call: HttpCall }
  | { kind: "run"; command: string }
  | { kind: "exec"; argv: string[] }
  | { kind: "sleep"; ms: number }
);

/** How a target is exercised. */
export interface Workload {
  ready?: Ready;
  /** How long it may take to be ready, in milliseconds (default 60 s). */
  timeout?: number;
  steps: Step[];
  /** Signal that ends it (default: what its image says, else SIGTERM). */
  stop?: string;
  /** How long it runs, from its start, in milliseconds. */
  duration?: number;
  /** The exit code that counts as success where it ends by itself (default 0). */
  exit?: number;
  /** Where commands on the host run (default: here). */
  cwd?: string;
}

export interface StepResult {
  name: string;
  /** Exit code, or HTTP status; null where there is none. */
  code: number | null;
  ok: boolean;
  /** The end of what it wrote. */
  output: string;
}

export interface WorkloadResult {
  /** Ready, all steps passed, and ended well. */
  ok: boolean;
  ready: boolean;
  steps: StepResult[];
  exit: Exit;
  /** cinch ended the target, which did not end by itself. */
  stopped: boolean;
  /** It did not end within the grace period and was killed. */
  killed: boolean;
  /** The signal was aborted. */
  interrupted: boolean;
  /** Interrupted before all that was to be done was done. */
  cutShort: boolean;
  /** Why it is not ok, a sentence each. */
  problems: string[];
}
