import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash, createPrivateKey, sign } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type Server, createServer, get, request } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensurePackages } from "./packages.ts";

export const USER = { name: "reader", password: "s3cret:with:colons" };

/** A registry of Debian's docker-registry on a port of loopback. Several may share a folder of images. */
export interface TestRegistry extends Disposable {
  /** "127.0.0.1:PORT". */
  host: string;
}

export interface RegistryOptions {
  /** Where certificates are: served by TLS. */
  tls?: string;
  /** Logins: by Basic, or by tokens of this address. */
  auth?: "basic" | { realm: string };
}

const START_MS = 20_000;

/** A certificate authority and a certificate for 127.0.0.1, in a folder: ca.crt, server.crt, server.key. */
export function makeCertificates(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const openssl = (...args: string[]): void => {
    execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  };
  const key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"];
  openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=cinch tests");
  openssl("req", ...key.slice(0, 3), "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1");
  writeFileSync(join(folder, "san"), "subjectAltName=IP:127.0.0.1");
  openssl(
    ..."x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.crt".split(
      " ",
    ),
  );
}

export async function startRegistry(folder: string, options: RegistryOptions = {}): Promise<TestRegistry> {
  ensurePackages(["docker-registry", "skopeo", "apache2-utils", "openssl"], "/usr/bin/docker-registry");
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  writeFileSync(join(folder, "htpasswd"), execFileSync("htpasswd", ["-Bbn", USER.name, USER.password]));
  const config = {
    version: "0.1",
    log: { level: "error" },
    storage: { filesystem: { rootdirectory: join(folder, "images") } },
    http: {
      addr: host,
      secret: "of the tests",
      ...(options.tls !== undefined && {
        tls: { certificate: join(options.tls, "server.crt"), key: join(options.tls, "server.key") },
      }),
    },
    ...(options.auth === "basic" && {
      auth: { htpasswd: { realm: "tests", path: join(folder, "htpasswd") } },
    }),
    ...(typeof options.auth === "object" && {
      auth: {
        token: {
          realm: options.auth.realm,
          service: "tests",
          issuer: "cinch tests",
          rootcertbundle: join(options.tls!, "server.crt"),
        },
      },
    }),
  };
  const file = join(folder, `registry-${port}.yml`);
  writeFileSync(file, JSON.stringify(config));
  const child = spawn("/usr/bin/docker-registry", ["serve", file], { stdio: ["ignore", "pipe", "pipe"] });
  await answering(child, port);
  return { host, [Symbol.dispose]: () => void child.kill("SIGKILL") };
}

async function answering(child: ChildProcess, port: number): Promise<void> {
  let said = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.on("data", (text: Buffer) => (said += text.toString()));
  for (const end = Date.now() + START_MS; Date.now() < end; await sleep(50)) {
    if (child.exitCode !== null) break;
    const open = await new Promise((resolve) => {
      // With TLS it answers "Client sent an HTTP request to an HTTPS server": it is there.
      get({ host: "127.0.0.1", port, path: "/" }, (answer) => resolve(answer.resume() !== undefined)).on(
        "error",
        () => resolve(false),
      );
    });
    if (open === true) return;
  }
  child.kill("SIGKILL");
  throw new Error(`docker-registry did not start: ${said.slice(-2000)}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Gives tokens to whoever logs in as USER (distribution, "Token Authentication Implementation"). */
export async function startTokenServer(tls: string): Promise<TestRegistry & { scopes: string[] }> {
  const scopes: string[] = [];
  const certificate = readFileSync(join(tls, "server.crt"), "utf8");
  const key = createPrivateKey(readFileSync(join(tls, "server.key")));
  const expected = `Basic ${Buffer.from(`${USER.name}:${USER.password}`).toString("base64")}`;
  const server = createSecureServer(
    { cert: certificate, key: readFileSync(join(tls, "server.key")) },
    (asked, answer) => {
      const { searchParams } = new URL(asked.url!, "https://x");
      const scope = searchParams.get("scope") ?? "";
      scopes.push(scope);
      if (asked.headers.authorization !== expected) {
        answer.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}');
        return;
      }
      const [type, name, actions] = scope.split(":");
      const now = Math.floor(Date.now() / 1000);
      const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
      const der = certificate.replaceAll(/-----[A-Z ]+-----|\s/g, "");
      const text = `${part({ typ: "JWT", alg: "RS256", x5c: [der] })}.${part({
        iss: "cinch tests",
        sub: USER.name,
        aud: searchParams.get("service"),
        exp: now + 60,
        nbf: now - 60,
        iat: now,
        jti: createHash("sha256").update(`${now}`).digest("hex"),
        access: [{ type, name, actions: actions?.split(",") }],
      })}`;
      const token = `${text}.${sign("RSA-SHA256", Buffer.from(text), key).toString("base64url")}`;
      answer.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ token }));
    },
  );
  return {
    host: await listen(server),
    scopes,
    [Symbol.dispose]: () => void server.close(),
  };
}

/** Passes requests on to a registry, and breaks each download of more than `after` bytes off once. */
export async function startBreaker(to: string, after: number): Promise<TestRegistry & { ranges: string[] }> {
  const ranges: string[] = [];
  const broken = new Set<string>();
  const [host, port] = to.split(":");
  const server = createServer((asked, answer) => {
    if (asked.headers.range !== undefined) ranges.push(asked.headers.range);
    const onward = request({
      host,
      port,
      path: asked.url,
      method: asked.method,
      headers: { ...asked.headers, host: to },
    });
    onward.on("response", (reply) => {
      answer.writeHead(reply.statusCode!, reply.headers);
      if (broken.has(asked.url!) || Number(reply.headers["content-length"]) <= after) {
        reply.pipe(answer);
        return;
      }
      broken.add(asked.url!);
      reply.once("data", (chunk: Buffer) => {
        answer.write(chunk.subarray(0, after), () => asked.socket.destroy());
        reply.destroy();
      });
    });
    onward.on("error", () => asked.socket.destroy());
    onward.end();
  });
  return { host: await listen(server), ranges, [Symbol.dispose]: () => void server.close() };
}
