import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

// The example that the README begins with must run on whatever Node a machine has, 20 and newer.

const example = join(import.meta.dirname, "../../examples/guestbook");
const nodes = [...new Set([process.execPath, "/usr/bin/node"])].filter(
  (node) =>
    Number(/^v(\d+)/.exec(spawnSync(node, ["--version"], { encoding: "utf8" }).stdout ?? "")?.[1]) >= 20,
);

describe.each(nodes)("the guestbook on %s", (node) => {
  let data: string;
  let server: ChildProcess | undefined;
  beforeEach(() => (data = mkdtempSync(join(tmpdir(), "guestbook-"))));
  afterEach(() => {
    server?.kill("SIGKILL");
    rmSync(data, { recursive: true, force: true });
  });

  function start(port: number): ChildProcess {
    server = spawn(node, ["server.js"], {
      cwd: example,
      env: { PORT: String(port), DATA: join(data, "new") },
    });
    return server;
  }

  it("passes its own exercise, keeps the entries, and stops cleanly", async () => {
    const running = start(0);
    const [line] = (await once(running.stdout!, "data")) as [Buffer];
    const base = /http:\S+(?=\/)/.exec(line.toString())![0];
    await promisify(execFile)(node, ["exercise.js", base], { cwd: example });
    expect(await (await fetch(`${base}/health`)).text()).toBe("ok\n");
    running.kill("SIGTERM");
    expect(await once(running, "exit")).toEqual([0, null]);
    expect(readFileSync(join(data, "new/entries.jsonl"), "utf8").trimEnd().split("\n")).toHaveLength(21);
  });

  it("says so when its port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const running = start(port);
    let said = "";
    running.stderr!.on("data", (chunk: Buffer) => (said += chunk.toString()));
    expect(await once(running, "close")).toEqual([1, null]);
    expect(said).toContain(`port ${port} is taken`);
    other.close();
  });
});
