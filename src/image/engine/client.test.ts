import { mkdtempSync, rmSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Cleanup } from "../../base/index.ts";
import { EngineClient } from "./client.ts";

let cleanup = new Cleanup();
afterEach(async () => {
  await cleanup[Symbol.asyncDispose]();
  cleanup = new Cleanup();
});

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

interface Fake {
  path: string;
  /** "METHOD path" of every call. */
  calls: string[];
  bodies: unknown[];
}

const VERSION = { Version: "20.10.24", ApiVersion: "1.41", MinAPIVersion: "1.12", Components: null };

/** A daemon that answers as a table says; what is not in it is a 404 in Docker's form. */
async function fake(
  answers: Record<string, Answer | object>,
  upgrade?: (socket: Socket) => void,
): Promise<Fake> {
  const folder = mkdtempSync(join(tmpdir(), "cinch-client-"));
  const path = join(folder, "sock");
  const calls: string[] = [];
  const bodies: unknown[] = [];
  const table: Record<string, Answer | object> = { "GET /version": VERSION, ...answers };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("end", () => {
      const body = Buffer.concat(chunks).toString();
      const call = `${request.method} ${request.url}`;
      calls.push(call);
      if (body !== "") bodies.push(JSON.parse(body));
      const answer = table[call] ?? table[call.replace(/\?.*/, "")];
      if (typeof answer === "function") (answer as Answer)(request, response, body);
      else if (answer !== undefined) response.end(JSON.stringify(answer));
      else response.writeHead(404).end(JSON.stringify({ message: `No such thing: ${request.url}` }));
    });
  });
  server.on("upgrade", (request, socket: Socket) => {
    calls.push(`${request.method} ${request.url}`);
    upgrade?.(socket);
  });
  await new Promise<void>((done) => server.listen(path, done));
  cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
  cleanup.add(() => {
    server.closeAllConnections();
    server.close();
  });
  return { path, calls, bodies };
}

const fails =
  (status: number, text: string): Answer =>
  (_request, response) =>
    void response.writeHead(status).end(text);

const container = (state: object): object => ({
  Id: "b",
  State: { ExitCode: 0, ...state },
  Config: {},
  HostConfig: {},
  NetworkSettings: {},
});

test("agrees on the older of both versions", async () => {
  const { path, calls } = await fake({ "DELETE /v1.41/containers/x": {} });
  const client = await EngineClient.connect("docker", path);
  await client.remove("x");
  expect(calls).toEqual(["GET /version", "DELETE /v1.41/containers/x?force=1&v=1"]);
});

test("a daemon newer than what is known is spoken to in what both know", async () => {
  const newer = await fake({ "GET /version": { ...VERSION, ApiVersion: "1.60", MinAPIVersion: "1.44" } });
  expect((await EngineClient.connect("docker", newer.path)).removalPath("a")).toMatch(/^\/v1\.47\//);
  const strict = await fake({ "GET /version": { ...VERSION, ApiVersion: "1.60", MinAPIVersion: "1.50" } });
  expect((await EngineClient.connect("docker", strict.path)).removalPath("a")).toMatch(/^\/v1\.50\//);
});

test("an old daemon is told apart from a broken one", async () => {
  const { path } = await fake({ "GET /version": { ...VERSION, Version: "18.06", ApiVersion: "1.38" } });
  await expect(EngineClient.connect("docker", path)).rejects.toMatchObject({
    code: "not-supported",
    exitCode: 3,
    message: "docker 18.06 speaks API 1.38; 1.40 is needed",
  });
});

test("nobody at the socket: what is missing, and how to start it", async () => {
  await expect(EngineClient.connect("docker", "/nonexistent/docker.sock")).rejects.toMatchObject({
    exitCode: 3,
    message: "docker is not reachable: there is no socket /nonexistent/docker.sock",
    hint: expect.stringContaining("systemctl start docker") as string,
  });
});

test("the daemon's own words are in the error", async () => {
  const { path } = await fake({
    "POST /v1.41/containers/a/start": fails(500, JSON.stringify({ message: "OCI runtime create failed" })),
    "POST /v1.41/containers/b/start": fails(
      500,
      JSON.stringify({ cause: "x", message: "podman says no", response: 500 }),
    ),
    "POST /v1.41/containers/c/start": fails(502, "bad gateway"),
    "POST /v1.41/containers/d/start": fails(500, ""),
  });
  const client = await EngineClient.connect("docker", path);
  await expect(client.start("a")).rejects.toMatchObject({
    code: "engine-error",
    status: 500,
    message: "docker: OCI runtime create failed",
  });
  await expect(client.start("b")).rejects.toThrow("docker: podman says no");
  await expect(client.start("c")).rejects.toThrow("docker: bad gateway");
  await expect(client.start("d")).rejects.toThrow("docker: status 500 to POST /containers/d/start");
});

test("an image: its config without nulls; its absence: similar ones", async () => {
  const { path } = await fake({
    "GET /v1.41/images/shop/web%3A1/json": {
      Id: "sha256:1",
      Architecture: "amd64",
      Config: {
        Cmd: ["nginx"],
        Entrypoint: null,
        Env: null,
        ExposedPorts: { "443/tcp": {}, "80/tcp": {} },
        StopSignal: "SIGQUIT",
      },
    },
    "GET /v1.41/images/json": [
      { Id: "1", RepoTags: ["redis:7"] },
      { Id: "2", RepoTags: null },
    ],
  });
  const client = await EngineClient.connect("docker", path);
  expect(await client.findImage("shop/web:1")).toEqual({
    id: "sha256:1",
    architecture: "amd64",
    tags: [],
    config: {
      entrypoint: [],
      command: ["nginx"],
      env: [],
      user: "",
      workingDir: "/",
      exposedPorts: ["80/tcp", "443/tcp"],
      volumes: [],
      stopSignal: "SIGQUIT",
    },
  });
  expect(await client.findImage("none")).toBeUndefined();
  await expect(client.image("redis:8")).rejects.toMatchObject({ code: "no-image", hint: "it has redis:7" });
  await expect(client.image("mysql")).rejects.toMatchObject({
    hint: "get it first: docker pull mysql, or docker load -i FILE",
  });
});

test("answers that are not what they should be are errors, not crashes", async () => {
  const { path } = await fake({
    "POST /v1.41/containers/create": { Id: 7 },
    "GET /v1.41/containers/a/json": fails(200, "<html>"),
    "GET /v1.41/containers/b/json": (_request, response) => {
      response.write("{");
      const blank = Buffer.alloc(1024 * 1024, 32);
      for (let i = 0; i < 20; i += 1) response.write(blank);
      response.end();
    },
  });
  const client = await EngineClient.connect("docker", path);
  await expect(client.create({})).rejects.toThrow("docker answered what cinch does not understand: Id:");
  await expect(client.container("a")).rejects.toThrow("with what is not JSON");
  await expect(client.container("b")).rejects.toMatchObject({ code: "too-large" });
});

test("a daemon that hangs up in the middle of an answer", async () => {
  const { path } = await fake({
    "GET /v1.41/containers/a/json": (_request, response) => {
      response.writeHead(200, { "Content-Length": 100 });
      response.write("{");
      setImmediate(() => response.destroy());
    },
  });
  const client = await EngineClient.connect("docker", path);
  await expect(client.container("a")).rejects.toThrow(/aborted|hang up/);
});

test("waiting gives the exit code; what the daemon says went wrong is an error", async () => {
  const { path } = await fake({
    "POST /v1.41/containers/a/wait": { StatusCode: 137 },
    "POST /v1.41/containers/b/wait": { StatusCode: 0, Error: { Message: "lost" } },
  });
  const client = await EngineClient.connect("docker", path);
  expect(await client.wait("a")).toBe(137);
  await expect(client.wait("b")).rejects.toThrow("docker: lost");
});

test("a container that has ended cannot be killed, and that is fine", async () => {
  const { path } = await fake({
    "POST /v1.41/containers/a/kill": fails(409, JSON.stringify({ message: "is not running" })),
    "POST /v1.41/containers/b/kill": fails(500, JSON.stringify({ message: "invalid signal: SIGX" })),
    "GET /v1.41/containers/b/json": container({ Running: true, Pid: 7 }),
    "POST /v1.41/containers/c/kill": fails(
      500,
      JSON.stringify({ message: "can only kill running containers" }),
    ),
    "GET /v1.41/containers/c/json": container({ Running: false, Pid: 0 }),
  });
  const client = await EngineClient.connect("docker", path);
  await client.kill("a", "SIGTERM");
  await client.kill("gone", "SIGTERM");
  await client.kill("c", "SIGTERM");
  await expect(client.kill("b", "SIGX")).rejects.toThrow("invalid signal");
});

test("an upgraded connection: the first bytes may come with the answer, and both ways work", async () => {
  const { path } = await fake({}, (socket) => {
    socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nfirst ");
    socket.once("data", (chunk: Buffer) => socket.end(`then ${chunk.toString()}`));
  });
  const client = await EngineClient.connect("docker", path);
  const stream = await client.attach("a", { stdin: true });
  stream.write("input");
  let text = "";
  for await (const chunk of stream as AsyncIterable<Buffer>) text += chunk.toString();
  expect(text).toBe("first then input");
});

test("a refused upgrade is the daemon's error; one passed over is ours", async () => {
  const refused = await fake({}, (socket) =>
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 30\r\n\r\n{"message":"No such container"}'),
  );
  const client = await EngineClient.connect("docker", refused.path);
  await expect(client.attach("a")).rejects.toThrow(/^docker: /);
  const passed = await fake({}, (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  const other = await EngineClient.connect("docker", passed.path);
  await expect(other.attach("a")).rejects.toMatchObject({ hint: "is there a proxy before its socket?" });
});

test("exec: created, then started as a stream, then asked for its code", async () => {
  const fakeDaemon = await fake(
    {
      "POST /v1.41/containers/a/exec": { Id: "e1" },
      "GET /v1.41/exec/e1/json": { Running: false, ExitCode: 3 },
    },
    (socket) => socket.end("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
  );
  const client = await EngineClient.connect("docker", fakeDaemon.path);
  const { id, stream } = await client.exec("a", { argv: ["id", "-u"] });
  stream.resume();
  expect(await client.execCode(id)).toBe(3);
  expect(fakeDaemon.bodies[0]).toEqual({ AttachStdout: true, AttachStderr: true, Cmd: ["id", "-u"] });
  expect(fakeDaemon.calls).toContain("POST /v1.41/exec/e1/start");
});

test("the runtime with its version, as Docker and as Podman say it", async () => {
  const docker = await fake({
    "GET /version": {
      ...VERSION,
      Components: [
        { Name: "Engine", Version: "20" },
        { Name: "runc", Version: "1.1.5+ds1" },
      ],
    },
  });
  const client = await EngineClient.connect("docker", docker.path);
  expect([client.runtime("runc"), client.runtime("kata"), client.defaultRuntime]).toEqual([
    "runc 1.1.5",
    "kata",
    "runc",
  ]);
  const podman = await fake({
    "GET /version": {
      ...VERSION,
      Components: [{ Name: "OCI Runtime (crun)", Version: "crun version 1.8.1\ncommit: f8a0" }],
    },
  });
  const other = await EngineClient.connect("podman", podman.path);
  expect(other.runtime(other.defaultRuntime)).toBe("crun 1.8.1");
});
