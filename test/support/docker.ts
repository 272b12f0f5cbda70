import { execFileSync } from "node:child_process";
import { createReadStream, mkdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { text } from "node:stream/consumers";
import { ensurePackages } from "./packages.ts";

/** What tests of the engine tier use: the private daemon's images and its command line. */

const repository = join(import.meta.dirname, "../..");

/** "unix:///…" of the daemon that test/support/engine-setup.ts started; src/image finds it there as well. */
export function dockerHost(): string {
  const host = process.env["CINCH_TEST_DOCKER"];
  if (host === undefined) throw new Error("no private Docker daemon: is the test in test/engine?");
  return host;
}

/** Runs the Docker command line against the private daemon and gives what it printed. */
export function docker(...args: string[]): string {
  return execFileSync("docker", ["--host", dockerHost(), ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
  }).trimEnd();
}

export type ExampleImage = "redis" | "nginx" | "wordpress" | "mariadb" | "postgres" | "memcached" | "busybox";

/** Builds an image's archive (docker save form) by examples/build-images.sh, or finds it in the cache. */
export function imageArchive(name: ExampleImage): string {
  ensurePackages(["mmdebstrap"], "/usr/bin/mmdebstrap");
  const output = execFileSync("sh", [join(repository, "examples/build-images.sh"), "--archive", name], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  return output.trim();
}

/** The image in the private daemon; gives its name there: "cinch-example-redis". */
export async function ensureImage(name: ExampleImage): Promise<string> {
  const tag = `cinch-example-${name}`;
  if ((await call("GET", `/images/${tag}/json`)).status !== 200) {
    const loaded = await call("POST", "/images/load?quiet=1", imageArchive(name));
    if (loaded.status !== 200) throw new Error(`loading ${tag}: ${loaded.status} ${loaded.body}`);
  }
  return tag;
}

/** The image's root file system, unpacked into `folder`: for bundles of runc and crun. Wants root. */
export function unpackImage(name: ExampleImage, folder: string): void {
  mkdirSync(folder, { recursive: true });
  execFileSync("sh", ["-c", 'tar -xOf "$1" layer.tar | tar -x -C "$2"', "sh", imageArchive(name), folder]);
}

async function call(method: string, path: string, file?: string): Promise<{ status: number; body: string }> {
  const asked = request({
    socketPath: dockerHost().replace("unix://", ""),
    method,
    path,
    headers: file === undefined ? {} : { "content-type": "application/x-tar" },
  });
  const answered = new Promise<{ status: number; body: string }>((resolve, reject) => {
    asked.on("response", (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    asked.on("error", reject);
  });
  if (file === undefined) asked.end();
  else await pipeline(createReadStream(file), asked);
  return answered;
}
