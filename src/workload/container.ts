import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { CinchError, Cleanup, type Talk } from "../base/index.ts";
import {
  type EngineClient,
  EngineError,
  type EngineImage,
  StreamDemuxer,
  type Target,
  openEngine,
} from "../image/index.ts";
import { allowAll, containerBody, userOf } from "./container-body.ts";
import { RunningContainer } from "./container-running.ts";
import type { EngineOptions } from "./engine-args.ts";
import { guard } from "./guardian.ts";
import type { ContainerConfinement, Running, StartHooks, Subject } from "./model.ts";
import { OutputLog } from "./output.ts";
import { endMonitors } from "./monitors.ts";
import { bridgeTerminal } from "./terminal.ts";

/** On every container of ours, with cinch's process id: what was left behind can be told from what is in use. */
export const SESSION_LABEL = "dev.cinch.session";

export interface ContainerOptions {
  engine: "docker" | "podman";
  target: Extract<Target, { kind: "image" }>;
  confinement: ContainerConfinement;
  options: EngineOptions;
  /** Beyond the target's own. */
  env: Readonly<Record<string, string>>;
  stdio: "capture" | "inherit";
  talk: Talk;
}

/** Creates a container, which the subject then starts, by Docker's or Podman's API. */
export async function prepareContainer(given: ContainerOptions): Promise<Subject> {
  await using undo = new Cleanup();
  const { engine, target, confinement, options, talk } = given;
  const client = await connect(engine, options.runtime, undo);
  const image = await client.image(target.image);
  const interactive = given.stdio === "inherit";
  const tty = options.tty || (interactive && process.stdin.isTTY && process.stdout.isTTY);
  const plan = {
    image: target.image,
    config: image.config,
    command: target.command,
    env: Object.entries({ ...target.env, ...given.env }).map(([name, value]) => `${name}=${value}`),
    user: target.user,
    options: engine === "podman" ? { ...options, runtime: undefined } : options,
    confinement,
    seccomp: filterFor(engine, confinement, undo),
    labels: { [SESSION_LABEL]: String(process.pid) },
    stdin: interactive || options.interactive,
    tty,
  };
  const id = await create(client, containerBody(plan), options.name, undo, talk);
  const { HostConfig } = await client.container(id);
  const name = HostConfig.Runtime === "" || engine === "podman" ? client.defaultRuntime : HostConfig.Runtime;
  return new Container({
    client,
    id,
    image,
    terminal: { stdin: plan.stdin, tty, bridged: interactive },
    runtime: client.runtime(name === "oci" ? client.defaultRuntime : name),
    noNewPrivileges:
      HostConfig.SecurityOpt.some((option) => /^no-new-privileges([=:]true)?$/.test(option)) ||
      (await client.defaultNoNewPrivileges()),
    user: numericUser(userOf(plan) || image.config.user),
    undo: undo.move(),
  });
}

/** The engine's client; for Podman perhaps with a service of our own behind it. */
async function connect(
  engine: "docker" | "podman",
  runtime: string | undefined,
  undo: Cleanup,
): Promise<EngineClient> {
  const opened = await openEngine(engine, engine === "podman" ? { runtime } : {});
  if (opened.service !== undefined) {
    undo.add(guard({ kind: "remove", folder: opened.service.folder }));
    undo.add(guard({ kind: "kill", pid: opened.service.pid }));
  }
  undo.add(async () => opened[Symbol.asyncDispose]());
  return opened.client;
}

/** Docker takes the filter itself; Podman a file that its service can read. */
function filterFor(engine: "docker" | "podman", confinement: ContainerConfinement, undo: Cleanup): string {
  const filter = confinement.seccomp === "allow-all" ? allowAll() : confinement.seccomp;
  const text = JSON.stringify(filter);
  if (engine === "docker") return text;
  const folder = mkdtempSync(join(tmpdir(), "cinch-seccomp-"));
  undo.add(guard({ kind: "remove", folder }));
  undo.add(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "seccomp.json");
  writeFileSync(file, text);
  return file;
}

async function create(
  client: EngineClient,
  body: Record<string, unknown>,
  wanted: string | undefined,
  undo: Cleanup,
  talk: Talk,
): Promise<string> {
  // A name that is ours alone can be told to the guardian before the container is there.
  const name = wanted ?? `cinch-${randomBytes(6).toString("hex")}`;
  const remember = (container: string): void => {
    undo.add(guard({ kind: "delete", socket: client.socketPath, path: client.removalPath(container) }));
  };
  if (wanted === undefined) remember(name);
  let created: { id: string; warnings: string[] };
  try {
    created = await client.create(body, name);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new CinchError("start-failed", `the container could not be created: ${error.message}`, {
      cause: error,
    });
  }
  for (const warning of created.warnings) talk.warn(`${client.engine}: ${warning}`);
  // Podman leaves a process waiting for five minutes after each exec, in case somebody asks for its exit code.
  if (client.engine === "podman") undo.add(() => endMonitors(created.id));
  undo.add(() => client.remove(created.id));
  if (wanted !== undefined) remember(created.id);
  return created.id;
}

/** The daemon's words, the container's last ones, and what helps where that is known. */
function startFailure(error: unknown, log: OutputLog): unknown {
  if (!(error instanceof EngineError)) return error;
  const said = log.lastLines(5);
  const limits = /setrlimit/.test(error.message);
  return new CinchError(
    "start-failed",
    `the container did not start: ${error.message}${said === "" ? "" : `\nits last words: ${said}`}`,
    {
      cause: error,
      hint: limits
        ? "this machine does not let limits be raised: --engine-args '--ulimit nofile=1024:1024 --ulimit nproc=1000:1000'"
        : undefined,
    },
  );
}

/** "101:101" or "" (root); names are the image's to know. */
function numericUser(user: string): { uid: number; gid: number } | undefined {
  if (user === "") return { uid: 0, gid: 0 };
  const match = /^(\d+):(\d+)$/.exec(user);
  return match === null ? undefined : { uid: Number(match[1]), gid: Number(match[2]) };
}

interface Parts {
  client: EngineClient;
  id: string;
  image: EngineImage;
  terminal: { stdin: boolean; tty: boolean; bridged: boolean };
  runtime: string;
  noNewPrivileges: boolean;
  user: { uid: number; gid: number } | undefined;
  undo: Cleanup;
}

class Container implements Subject {
  readonly engine: "docker" | "podman";
  readonly runtime: string;
  readonly noNewPrivileges: boolean;
  readonly user?: { uid: number; gid: number };
  readonly cgroup: string;
  #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.engine = parts.client.engine;
    this.runtime = parts.runtime;
    this.noNewPrivileges = parts.noNewPrivileges;
    if (parts.user !== undefined) this.user = parts.user;
    this.cgroup = parts.id;
  }

  async start(_hooks?: StartHooks): Promise<Running> {
    const { client, id, image, terminal, undo } = this.#parts;
    const log = new OutputLog();
    try {
      // Before the start, so that nothing it says is missed. Podman makes the container here, Docker at its start.
      const stream = await client.attach(id, { stdin: terminal.stdin });
      undo.add(() => void stream.destroy());
      const drained = once(stream, "close").catch(() => {});
      if (terminal.bridged)
        undo.add(bridgeTerminal(stream, { ...terminal, resize: (size) => client.resize(id, size) }));
      readOutput(stream, log, terminal);
      await client.start(id);
      return await RunningContainer.of(client, id, { log, image, drained });
    } catch (error) {
      throw startFailure(error, log);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.undo[Symbol.asyncDispose]();
  }
}

function readOutput(stream: Duplex, log: OutputLog, terminal: Parts["terminal"]): void {
  const write = (name: string, bytes: Uint8Array): void => {
    log.write(bytes, name);
    if (terminal.bridged) (name === "stderr" ? process.stderr : process.stdout).write(bytes);
  };
  stream.on("error", () => {});
  if (terminal.tty) {
    stream.on("data", (chunk: Buffer) => write("stdout", chunk));
    return;
  }
  const demuxer = new StreamDemuxer((name, bytes) => {
    if (name !== "stdin") write(name, bytes);
  });
  stream.on("data", (chunk: Buffer) => demuxer.push(chunk));
}
