import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type ResolveOptions, resolveTarget } from "./target.ts";

let cwd: string;
beforeAll(() => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), "cinch-target-")));
  mkdirSync(join(cwd, "shop"));
  writeFileSync(
    join(cwd, "shop/cinch.yaml"),
    "command: [node, server.js]\nenv: { PORT: 80 }\nuser: nobody\n",
  );
  mkdirSync(join(cwd, "imaged"));
  writeFileSync(join(cwd, "imaged/cinch.yaml"), "target: docker:shop:dev\ncommand: [serve]\nname: web\n");
  mkdirSync(join(cwd, "vague"));
  writeFileSync(join(cwd, "vague/cinch.yaml"), "target: shop\n");
  mkdirSync(join(cwd, "empty"));
  writeFileSync(join(cwd, "program"), "");
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
afterEach(() => void vi.unstubAllEnvs());

const resolve = (text: string | undefined, options: Partial<ResolveOptions> = {}) =>
  resolveTarget(text, { cwd, ...options });

test("images by engine, with a command in place of theirs", async () => {
  expect(await resolve("docker:registry:5000/team/shop:dev")).toEqual({
    kind: "image",
    engine: "docker",
    image: "registry:5000/team/shop:dev",
    text: "docker:registry:5000/team/shop:dev",
    name: "shop",
    env: {},
  });
  expect(await resolve("podman:redis@sha256:abc", { command: ["redis-cli"] })).toMatchObject({
    engine: "podman",
    name: "redis",
    command: ["redis-cli"],
  });
});

test("containers, root folders, files and commands", async () => {
  expect(await resolve("container:abc123")).toMatchObject({ kind: "container", id: "abc123" });
  expect(await resolve("rootfs:empty", { command: ["/bin/sh"] })).toMatchObject({
    kind: "rootfs",
    path: join(cwd, "empty"),
    command: ["/bin/sh"],
  });
  expect(await resolve("file:program", { command: ["-v"] })).toMatchObject({
    kind: "file",
    path: join(cwd, "program"),
    root: "/",
    args: ["-v"],
  });
  expect(await resolve("file:/program", { root: "." })).toMatchObject({
    path: join(cwd, "program"),
    root: cwd,
  });
  expect(await resolve(undefined, { command: ["./server.sh", "it's", "-x"] })).toMatchObject({
    kind: "command",
    argv: ["./server.sh", "it's", "-x"],
    cwd,
    text: "./server.sh 'it'\\''s' -x",
    name: "server",
  });
});

test("a folder with cinch.yaml: its command, or its target, with what else it says", async () => {
  const shop = await resolve("./shop");
  expect(shop).toMatchObject({
    kind: "command",
    argv: ["node", "server.js"],
    cwd: join(cwd, "shop"),
    text: "./shop",
    name: "shop",
    env: { PORT: "80" },
    user: "nobody",
  });
  expect(shop.project?.folder).toBe(join(cwd, "shop"));
  expect(await resolve("imaged/")).toMatchObject({
    kind: "image",
    image: "shop:dev",
    text: "docker:shop:dev",
    name: "web",
    command: ["serve"],
  });
  // The command line's word counts more than the file's.
  expect(await resolve("./shop", { command: ["node", "other.js"] })).toMatchObject({
    argv: ["node", "other.js"],
  });
  expect(await resolveTarget(undefined, { cwd: join(cwd, "shop") })).toMatchObject({
    kind: "command",
    name: "shop",
  });
  expect(await resolve(undefined, { config: "shop/cinch.yaml" })).toMatchObject({
    argv: ["node", "server.js"],
  });
});

test("what cannot be resolved says what to do instead", async () => {
  await expect(resolve(undefined)).rejects.toMatchObject({ code: "no-target" });
  await expect(resolve("docker:")).rejects.toThrow("names nothing after the colon");
  await expect(resolve("rootfs:nowhere")).rejects.toMatchObject({ code: "no-target" });
  await expect(resolve("rootfs:program")).rejects.toThrow("is not a folder");
  await expect(resolve("file:empty")).rejects.toThrow("is not a file");
  await expect(resolve("./empty")).rejects.toMatchObject({ message: "./empty holds no cinch.yaml" });
  await expect(resolve("./program")).rejects.toMatchObject({
    hint: expect.stringContaining("file:./program") as string,
  });
  await expect(resolve("./vague")).rejects.toMatchObject({ code: "bad-project" });
  await expect(resolve("container:x", { command: ["sh"] })).rejects.toThrow("runs already");
  await expect(resolve("oci-dir:nowhere")).rejects.toMatchObject({ code: "no-target" });
  await expect(resolve("oci-dir:./program")).rejects.toMatchObject({ code: "bad-target" });
  await expect(resolve("registry:")).rejects.toMatchObject({ code: "bad-target" });
});

test("images that no engine has", async () => {
  expect(await resolve("registry:ghcr.io/team/shop:1.2", { command: ["sh"] })).toMatchObject({
    kind: "stored",
    form: "registry",
    path: "ghcr.io/team/shop:1.2",
    name: "shop",
    command: ["sh"],
  });
  mkdirSync(join(cwd, "layout"), { recursive: true });
  writeFileSync(join(cwd, "a:b.tar"), "");
  expect(await resolve("oci-dir:layout:v1")).toMatchObject({
    path: join(cwd, "layout"),
    tag: "v1",
    name: "v1",
  });
  expect(await resolve("oci-archive:a:b.tar")).toMatchObject({ path: join(cwd, "a:b.tar"), name: "a-b" });
  expect(await resolve("docker-archive:a:b.tar:team/redis:7")).toMatchObject({
    path: join(cwd, "a:b.tar"),
    tag: "team/redis:7",
    name: "redis",
  });
});

/** A Docker that has one image, and a podman on PATH that has none, or all. */
async function engines(image: string, podman: "none" | "all"): Promise<AsyncDisposable> {
  const folder = mkdtempSync(join(tmpdir(), "cinch-target-"));
  const socket = join(folder, "sock");
  const server = createServer((request, response) => {
    if (request.url === "/version")
      response.end('{"ApiVersion":"1.41","MinAPIVersion":"1.12","Version":"20"}');
    else if (request.url === `/v1.41/images/${image}/json`) response.end('{"Id":"sha256:1"}');
    else response.writeHead(404).end("{}");
  });
  await new Promise<void>((done) => server.listen(socket, done));
  writeFileSync(join(folder, "podman"), `#!/bin/sh\nexit ${podman === "none" ? 1 : 0}\n`);
  chmodSync(join(folder, "podman"), 0o755);
  vi.stubEnv("DOCKER_HOST", `unix://${socket}`);
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      rmSync(folder, { recursive: true, force: true });
      await Promise.resolve();
    },
  };
}

test("a bare name is looked for everywhere", async () => {
  await using _ = await engines("redis", "none");
  expect(await resolve("redis")).toMatchObject({ kind: "image", engine: "docker", text: "docker:redis" });
  expect(await resolve("shop")).toMatchObject({ kind: "command", text: "shop" });
  await expect(resolve("mysql:8")).rejects.toThrow(
    "'mysql:8' was not found (folder mysql:8: there is none; docker: it has no such image; podman: it has no such image)",
  );
});

test("a name in two places is the user's to tell apart", async () => {
  await using _ = await engines("redis", "all");
  await expect(resolve("redis")).rejects.toMatchObject({
    code: "ambiguous-target",
    hint: "say which: ./redis, docker:redis or podman:redis",
  });
  expect(await resolve("other")).toMatchObject({ engine: "podman", text: "podman:other" });
});

test("without engines a bare name's error says so", async () => {
  vi.stubEnv("DOCKER_HOST", "unix:///nonexistent/sock");
  vi.stubEnv("PATH", "/nonexistent");
  await expect(resolve("empty")).rejects.toThrow(
    "(folder empty: it holds no cinch.yaml; docker: not running here; podman: not installed)",
  );
});
