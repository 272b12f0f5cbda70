import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { CinchError, NotSupportedError, messageOf } from "../../base/index.ts";
import { readBody } from "../body.ts";

// An import would load all that the module offers, among it a browser's WebSocket: 50 ms at each start.
const { request: httpRequest } = process.getBuiltinModule("node:http");

/** Answers are read whole; the largest seen (inspect of a container with hundreds of mounts) is below 1 MiB. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** A daemon that says nothing for so long hangs. Calls that wait for a container have no limit. */
const SILENCE_MS = 120_000;

export interface ApiRequest {
  method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** With the query, without the version. */
  path: string;
  body?: unknown;
  signal?: AbortSignal;
  /** The answer comes when something happens in the container: no limit to the silence before it. */
  waits?: boolean;
}

/** HTTP over a unix socket, as the Docker-compatible engines speak it. */
export class ApiSocket {
  readonly path: string;
  /** "docker" or "podman", for messages. */
  readonly engine: string;
  /** Before each path: "/v1.41", or "" until the version is agreed on. */
  prefix = "";

  constructor(path: string, engine: string) {
    this.path = path;
    this.engine = engine;
  }

  /** The JSON value of the answer; undefined for one without a body. Throws `engine-error` with the daemon's words. */
  async json(call: ApiRequest): Promise<unknown> {
    const answer = await this.send(call);
    const text = (await readAll(answer)).toString("utf8");
    if (text.trim() === "") return undefined;
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new CinchError("engine-error", `${this.engine} answered ${call.path} with what is not JSON`, {
        cause: error,
      });
    }
  }

  /** The answer with its body still to be read: for what is large (an exported file system). */
  send(call: ApiRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = this.#open(call, {}, reject);
      request.once("response", (answer) => {
        if ((answer.statusCode ?? 500) < 400) resolve(answer);
        else this.#failure(call, answer).then(reject, reject);
      });
    });
  }

  /**
   * A call after which the connection is a raw stream in both directions (attach, exec start). Ending the stream ends
   * the program's standard input.
   */
  hijack(call: ApiRequest): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const request = this.#open(call, { Connection: "Upgrade", Upgrade: "tcp" }, reject);
      request.once("upgrade", (_answer, socket, head) => {
        socket.setTimeout(0);
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      request.once("response", (answer) => {
        if ((answer.statusCode ?? 500) >= 400) {
          this.#failure(call, answer).then(reject, reject);
          return;
        }
        answer.destroy();
        const said = `${this.engine} did not open a stream for ${call.path} (status ${answer.statusCode})`;
        reject(new CinchError("engine-error", said, { hint: "is there a proxy before its socket?" }));
      });
    });
  }

  #open(call: ApiRequest, headers: Record<string, string>, fail: (error: Error) => void) {
    const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
    const request = httpRequest({
      socketPath: this.path,
      method: call.method,
      path: `${this.prefix}${call.path}`,
      agent: false,
      headers: {
        Host: this.engine,
        ...headers,
        ...(body === undefined
          ? call.method === "POST"
            ? { "Content-Length": 0 }
            : {}
          : { "Content-Type": "application/json", "Content-Length": body.length }),
      },
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    request.once("error", (error) => fail(this.#unreachable(error)));
    if (call.waits !== true) {
      request.setTimeout(SILENCE_MS, () => {
        request.destroy(new Error(`no answer to ${call.method} ${call.path} for ${SILENCE_MS / 1000} s`));
      });
    }
    request.end(body);
    return request;
  }

  #unreachable(error: Error & { code?: string }): Error {
    if (error.name === "AbortError") return error;
    const reasons: Record<string, string> = {
      ENOENT: `there is no socket ${this.path}`,
      ECONNREFUSED: `nobody listens on ${this.path}`,
      EACCES: `this user may not use ${this.path}`,
    };
    const reason = reasons[error.code ?? ""];
    if (reason === undefined)
      return new CinchError("engine-error", `${this.engine}: ${error.message}`, { cause: error });
    return new NotSupportedError(this.engine, `${this.engine} is not reachable: ${reason}`, {
      hint: hintFor(this.engine, error.code!),
      cause: error,
    });
  }

  async #failure(call: ApiRequest, answer: IncomingMessage): Promise<Error> {
    const text = await readAll(answer).then(
      (bytes) => bytes.toString("utf8"),
      (error: unknown) => messageOf(error),
    );
    const status = answer.statusCode ?? 0;
    const said = daemonMessage(text) ?? `status ${status} to ${call.method} ${call.path}`;
    return new EngineError(`${this.engine}: ${said}`, status);
  }
}

/** The daemon's answer to a call that failed. */
export class EngineError extends CinchError {
  /** Of HTTP: 404 no such thing, 409 conflict, 500 it failed. */
  readonly status: number;

  constructor(message: string, status: number) {
    super("engine-error", message);
    this.status = status;
  }
}

function hintFor(engine: string, code: string): string {
  if (code === "EACCES") {
    return engine === "docker"
      ? "run as root, or join the group docker: sudo usermod -aG docker $USER, then log in again"
      : "run as the user the service belongs to";
  }
  return engine === "docker"
    ? "start it: sudo systemctl start docker (or sudo dockerd); another socket: DOCKER_HOST=unix:///path"
    : "start it: systemctl start podman.socket, or podman system service --time=0";
}

/** Docker says {message}; Podman {cause, message, response}. Some proxies answer with plain text. */
function daemonMessage(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (
      typeof value === "object" &&
      value !== null &&
      "message" in value &&
      typeof value.message === "string"
    ) {
      return value.message.slice(0, MAX_MESSAGE);
    }
  } catch {
    // Not JSON: as it is.
  }
  const line = text.trim();
  return line === "" ? undefined : line.slice(0, MAX_MESSAGE);
}

/** Longer ones hold a whole log. */
const MAX_MESSAGE = 4096;

function readAll(answer: IncomingMessage): Promise<Buffer> {
  return readBody(answer, MAX_ANSWER_BYTES, "the engine's answer");
}
