import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { get } from "node:http";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { docker, dockerHost, ensureImage } from "../support/docker.ts";
import { tier } from "../support/tier.ts";

// The ground that the other engine tests stand on.

tier("engine")("the private Docker daemon", () => {
  test("runs an image made from Debian packages", async () => {
    const image = await ensureImage("busybox");
    expect(docker("run", "--rm", image, "echo", "hello")).toBe("hello");
    expect(() => docker("run", "--rm", image, "sh", "-c", "exit 7")).toThrow(
      expect.objectContaining({ status: 7 }),
    );
  });

  test("publishes ports on loopback", async () => {
    const image = await ensureImage("busybox");
    const id = docker("run", "-d", "-p", "127.0.0.1::80", image, "httpd", "-f", "-h", "/etc");
    try {
      const port = Number(docker("port", id, "80/tcp").split(":").at(-1));
      expect(await page(port, "/passwd")).toContain("root:x:0:0");
    } finally {
      docker("rm", "-f", id);
    }
  });

  test("what a killed run left is removed by the next one, and the living are left alone", async () => {
    const module = join(import.meta.dirname, "../support/dockerd.ts");
    const script = `
      const { startDockerd } = await import(${JSON.stringify(module)});
      const daemon = await startDockerd();
      console.log(daemon.host.replace("unix://", ""));
      if (process.argv[1] === "stop") await daemon[Symbol.asyncDispose]();
      else setInterval(() => {}, 1000);`;
    const start = (mode: string): ReturnType<typeof spawn> =>
      spawn(process.execPath, ["--input-type=module", "-e", script, mode], {
        stdio: ["ignore", "pipe", "inherit"],
      });

    const killed = start("hang");
    const [said] = (await once(killed.stdout!, "data")) as [Buffer];
    const folder = dirname(said.toString().trim());
    // Its daemon first: that one could still clean up after itself.
    process.kill(Number(readFileSync(join(folder, "pid"), "utf8")), "SIGKILL");
    killed.kill("SIGKILL");
    await once(killed, "exit");
    expect(existsSync(folder)).toBe(true);

    const next = start("stop");
    const [code] = (await once(next, "exit")) as [number];
    expect(code).toBe(0);
    expect(existsSync(folder)).toBe(false);
    expect(processesNaming(folder)).toEqual([]);
    expect(existsSync(dockerHost().replace("unix://", ""))).toBe(true);
    expect(docker("version", "--format", "{{.Server.Os}}")).toBe("linux");
  });
});

async function page(port: number, path: string): Promise<string> {
  for (let i = 0; ; i += 1) {
    try {
      return await new Promise((resolve, reject) => {
        get({ host: "127.0.0.1", port, path }, (response) => {
          let body = "";
          response.setEncoding("utf8").on("data", (part: string) => (body += part));
          response.on("end", () => resolve(body));
        }).on("error", reject);
      });
    } catch (error) {
      if (i === 50) throw error;
      await sleep(100);
    }
  }
}

function processesNaming(folder: string): string[] {
  return readdirSync("/proc").filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/cmdline`, "latin1").includes(folder);
    } catch {
      return false;
    }
  });
}
