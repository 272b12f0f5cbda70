import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { z } from "zod";
import { CinchError, NotSupportedError } from "../../base/index.ts";
import { type ImageConfig, imageConfigOf } from "../config.ts";
import {
  type ContainerAnswer,
  type VersionAnswer,
  containerAnswer,
  createAnswer,
  execAnswer,
  imageAnswer,
  imageListAnswer,
  versionAnswer,
  waitAnswer,
} from "./answers.ts";
import { ApiSocket, EngineError } from "./http.ts";

/** Docker 19.03 and Podman 3: the oldest that take all the options cinch sets. */
const MIN_API = "1.40";
/** The newest whose documentation was read. A daemon that knows later ones still speaks this one. */
const MAX_API = "1.47";

/** An image an engine has. */
export interface EngineImage {
  id: string;
  /** "amd64", as the engine names it. */
  architecture: string;
  tags: string[];
  config: ImageConfig;
}

export interface AttachOptions {
  stdin?: boolean;
  /** Output from before the call too. */
  logs?: boolean;
}

/**
 * A client of the Docker Engine API over a unix socket, for Docker and for Podman's compatible service. Calls throw
 * EngineError with the daemon's words and the status, and NotSupportedError where nobody answers.
 */
export class EngineClient {
  readonly engine: "docker" | "podman";
  readonly version: VersionAnswer;
  #socket: ApiSocket;

  private constructor(engine: "docker" | "podman", socket: ApiSocket, version: VersionAnswer) {
    this.engine = engine;
    this.#socket = socket;
    this.version = version;
  }

  /** Agrees on a version with the service that listens on `socketPath`. */
  static async connect(engine: "docker" | "podman", socketPath: string): Promise<EngineClient> {
    const socket = new ApiSocket(socketPath, engine);
    const version = parse(versionAnswer, await socket.json({ method: "GET", path: "/version" }), engine);
    if (compareVersions(version.ApiVersion, MIN_API) < 0) {
      throw new NotSupportedError(
        engine,
        `${engine} ${version.Version} speaks API ${version.ApiVersion}; ${MIN_API} is needed`,
        { hint: "Docker 19.03 or Podman 3 and later have it" },
      );
    }
    const wanted = compareVersions(version.ApiVersion, MAX_API) < 0 ? version.ApiVersion : MAX_API;
    const least = version.MinAPIVersion;
    socket.prefix = `/v${least !== "" && compareVersions(least, wanted) > 0 ? least : wanted}`;
    return new EngineClient(engine, socket, version);
  }

  get socketPath(): string {
    return this.#socket.path;
  }

  /** Under which path, with the version, a container is removed: for whoever cleans up when this process cannot. */
  removalPath(id: string): string {
    return `${this.#socket.prefix}/containers/${encodeURIComponent(id)}?force=1&v=1`;
  }

  /** The image, or undefined if the engine has none of that name. */
  async findImage(name: string): Promise<EngineImage | undefined> {
    const path = `/images/${name.split("/").map(encodeURIComponent).join("/")}/json`;
    const value = await absentIf404(this.#socket.json({ method: "GET", path }));
    if (value === undefined) return undefined;
    const image = parse(imageAnswer, value, this.engine);
    return {
      id: image.Id,
      architecture: image.Architecture,
      tags: image.RepoTags,
      config: imageConfigOf(image.Config),
    };
  }

  /** As `findImage`; throws `no-image`, naming similar ones. */
  async image(name: string): Promise<EngineImage> {
    const image = await this.findImage(name);
    if (image !== undefined) return image;
    const similar = (await this.imageTags()).filter(
      (tag) => tag.includes(bareName(name)) && !tag.startsWith("<"),
    );
    throw new CinchError("no-image", `${this.engine} has no image '${name}'`, {
      hint:
        similar.length > 0
          ? `it has ${similar.slice(0, 5).join(", ")}`
          : `get it first: ${this.engine} pull ${name}, or ${this.engine} load -i FILE`,
    });
  }

  async imageTags(): Promise<string[]> {
    const value = await this.#socket.json({ method: "GET", path: "/images/json" });
    return parse(imageListAnswer, value, this.engine)
      .flatMap(({ RepoTags }) => RepoTags)
      .sort();
  }

  /** Whether the daemon gives every container no-new-privileges (dockerd --no-new-privileges). */
  async defaultNoNewPrivileges(): Promise<boolean> {
    const answer = z.object({ SecurityOptions: z.array(z.string()).nullish() });
    const { SecurityOptions } = parse(
      answer,
      await this.#socket.json({ method: "GET", path: "/info" }),
      this.engine,
    );
    return (SecurityOptions ?? []).some((option) => /(^|name=)no-new-privileges/.test(option));
  }

  /** Creates a container; `body` is the API's ContainerCreate. Warnings are the daemon's. */
  async create(body: unknown, name?: string): Promise<{ id: string; warnings: string[] }> {
    const query = name === undefined ? "" : `?name=${encodeURIComponent(name)}`;
    const value = await this.#socket.json({ method: "POST", path: `/containers/create${query}`, body });
    const { Id, Warnings } = parse(createAnswer, value, this.engine);
    return { id: Id, warnings: Warnings };
  }

  async start(id: string): Promise<void> {
    await this.#socket.json({ method: "POST", path: containerPath(id, "/start") });
  }

  /** The exit code, once the container has ended. */
  async wait(id: string, signal?: AbortSignal): Promise<number> {
    const path = containerPath(id, "/wait?condition=not-running");
    const value = await this.#socket.json({ method: "POST", path, waits: true, signal });
    const { StatusCode, Error: failure } = parse(waitAnswer, value, this.engine);
    if (failure?.Message) throw new CinchError("engine-error", `${this.engine}: ${failure.Message}`);
    return StatusCode;
  }

  /** Sends a signal. A container that has ended is none to complain about. */
  async kill(id: string, signal: string): Promise<void> {
    try {
      const path = containerPath(id, `/kill?signal=${encodeURIComponent(signal)}`);
      await this.#socket.json({ method: "POST", path });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (error.status === 404 || error.status === 409) return;
      // Podman says 500 for one that has ended.
      if ((await this.findContainer(id))?.State.Running === true) throw error;
    }
  }

  /** Ends the container if it runs and removes it with its anonymous volumes. Gone already is fine. */
  async remove(id: string): Promise<void> {
    const path = containerPath(id, "?force=1&v=1");
    await absentIf404(this.#socket.json({ method: "DELETE", path }));
  }

  /** A container by id, start of id, or name; undefined if there is none. */
  async findContainer(id: string): Promise<ContainerAnswer | undefined> {
    const value = await absentIf404(this.#socket.json({ method: "GET", path: containerPath(id, "/json") }));
    return value === undefined ? undefined : parse(containerAnswer, value, this.engine);
  }

  async container(id: string): Promise<ContainerAnswer> {
    const container = await this.findContainer(id);
    if (container === undefined)
      throw new CinchError("no-container", `${this.engine} has no container '${id}'`);
    return container;
  }

  /** Ids of containers with a label ("name" or "name=value"), running or not. */
  async containersLabelled(label: string): Promise<{ id: string; labels: Record<string, string> }[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
    const path = `/containers/json?all=1&filters=${filters}`;
    const answer = z.array(z.object({ Id: z.string(), Labels: z.record(z.string(), z.string()).nullish() }));
    const value = await this.#socket.json({ method: "GET", path });
    return parse(answer, value, this.engine).map(({ Id, Labels }) => ({ id: Id, labels: Labels ?? {} }));
  }

  /** The container's streams: multiplexed (StreamDemuxer) unless it has a terminal. Before its start none is missed. */
  attach(id: string, options: AttachOptions = {}): Promise<Duplex> {
    const query = `stream=1&stdout=1&stderr=1${options.stdin ? "&stdin=1" : ""}${options.logs ? "&logs=1" : ""}`;
    return this.#socket.hijack({ method: "POST", path: containerPath(id, `/attach?${query}`), waits: true });
  }

  /** Size of the container's terminal. */
  async resize(id: string, size: { columns: number; rows: number }): Promise<void> {
    const path = containerPath(id, `/resize?h=${size.rows}&w=${size.columns}`);
    await this.#socket.json({ method: "POST", path });
  }

  /** Output so far, multiplexed, the last `lines` lines. */
  logs(id: string, lines: number): Promise<IncomingMessage> {
    const path = containerPath(id, `/logs?stdout=1&stderr=1&tail=${lines}`);
    return this.#socket.send({ method: "GET", path });
  }

  /** Starts a command inside a running container; the stream is its output, multiplexed. */
  async exec(
    id: string,
    command: { argv: string[]; env?: string[]; user?: string },
  ): Promise<{ id: string; stream: Duplex }> {
    const created = await this.#socket.json({
      method: "POST",
      path: containerPath(id, "/exec"),
      body: {
        AttachStdout: true,
        AttachStderr: true,
        Cmd: command.argv,
        ...(command.env === undefined ? {} : { Env: command.env }),
        ...(command.user === undefined ? {} : { User: command.user }),
      },
    });
    const { Id } = parse(createAnswer.pick({ Id: true }), created, this.engine);
    const path = `/exec/${encodeURIComponent(Id)}/start`;
    const body = { Detach: false, Tty: false };
    return { id: Id, stream: await this.#socket.hijack({ method: "POST", path, body, waits: true }) };
  }

  /** How an exec ended; null while it runs or where the engine does not know. */
  async execCode(id: string): Promise<number | null> {
    const value = await this.#socket.json({ method: "GET", path: `/exec/${encodeURIComponent(id)}/json` });
    const { Running, ExitCode } = parse(execAnswer, value, this.engine);
    return Running ? null : (ExitCode ?? null);
  }

  /** The container's whole file system as a tar archive. Volumes are not in it. */
  export(id: string, signal?: AbortSignal): Promise<IncomingMessage> {
    return this.#socket.send({ method: "GET", path: containerPath(id, "/export"), signal });
  }

  /** An image as `docker save` writes it. */
  save(id: string, signal?: AbortSignal): Promise<IncomingMessage> {
    return this.#socket.send({ method: "GET", path: `/images/${encodeURIComponent(id)}/get`, signal });
  }

  /** One path of the container's file system as a tar archive; undefined if there is no such path. */
  archive(id: string, path: string): Promise<IncomingMessage | undefined> {
    const query = `/archive?path=${encodeURIComponent(path)}`;
    return absentIf404(this.#socket.send({ method: "GET", path: containerPath(id, query) }));
  }

  /** "runc 1.1.5": what starts this engine's containers, with its version where the engine says it. */
  runtime(name: string): string {
    // Docker lists its runtimes by name; Podman says "OCI Runtime (crun)" and puts the version into a sentence.
    const components = this.version.Components;
    const component =
      components.find((one) => one.Name === name) ??
      components.find((one) => one.Name.toLowerCase().startsWith("oci runtime") && one.Name.includes(name));
    const said = [component?.Version, component?.Details["Version"]]
      .filter((one) => typeof one === "string")
      .join(" ");
    const version = /\d+\.\d+(?:\.\d+)?(?:-rc[.\d]*)?/.exec(said)?.[0];
    return version === undefined ? name : `${name} ${version}`;
  }

  /** Podman's default runtime, from what it says of itself; Docker's is runc unless a container says otherwise. */
  get defaultRuntime(): string {
    const component = this.version.Components.find(({ Name }) => Name.startsWith("OCI Runtime"));
    return /\((\w+)\)/.exec(component?.Name ?? "")?.[1] ?? "runc";
  }
}

function containerPath(id: string, rest: string): string {
  return `/containers/${encodeURIComponent(id)}${rest}`;
}

/** "redis" of "registry:5000/library/redis:7". */
function bareName(image: string): string {
  return image.slice(image.lastIndexOf("/") + 1).replace(/[:@].*$/, "");
}

async function absentIf404<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) return undefined;
    throw error;
  }
}

function parse<T extends z.ZodType>(schema: T, value: unknown, engine: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.join(".") || "the answer";
  throw new CinchError(
    "engine-error",
    `${engine} answered what cinch does not understand: ${where}: ${issue?.message}`,
  );
}

/** API versions are two numbers. */
function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split(".").map(Number);
  const [majorB = 0, minorB = 0] = b.split(".").map(Number);
  return majorA - majorB || minorA - minorB;
}
