import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { docker, dockerHost, ensureImage } from "../support/docker.ts";
import { tier } from "../support/tier.ts";

// The examples' READMEs, command by command: each ends with a profile that held.

const repository = join(import.meta.dirname, "../..");

tier("engine")("the examples in Docker", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "cinch-examples-"));
    for (const name of ["redis", "nginx", "wordpress"])
      cpSync(join(repository, "examples", name), join(folder, name), {
        recursive: true,
        filter: (path) => !path.endsWith("/security"),
      });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function profile(example: string): Promise<void> {
    const child = spawn(join(repository, "cinch"), ["profile", join(folder, example), "--runs", "2"], {
      cwd: folder,
      env: { ...process.env, DOCKER_HOST: dockerHost(), NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    expect(said).toContain("held: 2 of 2 enforced runs passed");
    expect(code).toBe(0);
  }

  const capabilitiesOf = (file: string): unknown =>
    (parse(readFileSync(join(folder, file), "utf8")) as { capabilities: unknown }).capabilities;

  test("redis needs no capability", async () => {
    await ensureImage("redis");
    await profile("redis");
    expect(capabilitiesOf("redis/security/redis.profile.yaml")).toEqual([]);
  });

  test("nginx needs three, and a reload works", async () => {
    await ensureImage("nginx");
    await profile("nginx");
    expect(capabilitiesOf("nginx/security/nginx.profile.yaml")).toEqual([
      "CAP_CHOWN",
      "CAP_SETGID",
      "CAP_SETUID",
    ]);
  });

  test("WordPress and its database", async () => {
    const [database] = [await ensureImage("mariadb"), await ensureImage("wordpress")];
    await profile("wordpress/mariadb");
    expect(capabilitiesOf("wordpress/security/mariadb.profile.yaml")).toEqual([]);

    const id = docker("run", "-d", "--name", "wordpress-db", "-p", "127.0.0.1::80", database);
    try {
      const port = docker("port", id, "80/tcp").split(":").at(-1)!;
      const file = join(folder, "wordpress/cinch.yaml");
      // The example's port may be somebody's on this machine.
      writeFileSync(file, readFileSync(file, "utf8").replaceAll("8088", port));
      for (let i = 0; i < 600 && !docker("logs", id).includes("ready for connections"); i += 1)
        await sleep(100);
      await profile("wordpress");
      // The master becomes www-data and ends its children, which are www-data then.
      expect(capabilitiesOf("wordpress/security/wordpress.profile.yaml")).toEqual([
        "CAP_KILL",
        "CAP_SETGID",
        "CAP_SETUID",
      ]);
    } finally {
      docker("rm", "-f", id);
    }
  });
});
