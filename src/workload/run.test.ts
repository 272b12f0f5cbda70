import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { Cleanup, silent } from "../base/index.ts";
import type { Address, Exit, Running, Workload } from "./model.ts";
import { OutputLog } from "./output.ts";
import { parseReady, workloadOf } from "./parse.ts";
import { runWorkload } from "./run.ts";

let cleanup = new Cleanup();
afterEach(async () => {
  await cleanup[Symbol.asyncDispose]();
  cleanup = new Cleanup();
});

/** A target whose life the test decides on. */
class FakeTarget implements Running {
  readonly engine = "docker";
  readonly pid = 42;
  readonly root = "/proc/42/root";
  readonly id = "f00";
  readonly ports = [7777];
  readonly log = new OutputLog();
  readonly events: string[] = [];
  places: Address[] = [];
  stopSignal?: string;
  /** How it answers a signal: it ends so, or not at all. */
  onSignal: (signal: string) => Exit | undefined = () => ({ code: 0, signal: null });
  #exit = Promise.withResolvers<Exit>();
  #ended: Exit | undefined;

  end(exit: Exit): void {
    this.#ended = exit;
    this.#exit.resolve(exit);
  }
  addresses(): Address[] {
    return this.places;
  }
  ended(): Exit | undefined {
    return this.#ended;
  }
  wait(): Promise<Exit> {
    return this.#exit.promise;
  }
  async exec(argv: readonly string[]): Promise<{ code: number | null; output: string }> {
    this.events.push(`exec ${argv.join(" ")}`);
    await Promise.resolve();
    return argv.includes("false") ? { code: 1, output: "no\n" } : { code: 0, output: "yes\n" };
  }
  async kill(signal: string): Promise<void> {
    this.events.push(signal);
    const exit = this.onSignal(signal);
    if (exit !== undefined) this.end(exit);
    await Promise.resolve();
  }
  async stop(signal: string): Promise<Exit & { killed: boolean }> {
    await this.kill(signal);
    if (this.#ended !== undefined) return { ...this.#ended, killed: false };
    await this.kill("SIGKILL");
    this.end({ code: 137, signal: null });
    return { ...this.#ended!, killed: true };
  }
  output(): string {
    return this.log.text();
  }
}

function run(target: Running, workload: Workload, options: { signal?: AbortSignal; leave?: boolean } = {}) {
  return runWorkload(target, workload, { signal: new AbortController().signal, talk: silent, ...options });
}

async function web(status: number, text = "hello"): Promise<number> {
  const server = createServer((request, response) => {
    response.writeHead(request.url === "/missing" ? 404 : status).end(`${request.method} ${text}`);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  cleanup.add(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test("ready, steps in order, stopped: all well", async () => {
  const port = await web(200);
  const target = new FakeTarget();
  target.places = [{ host: "127.0.0.1", port }];
  const result = await run(
    target,
    workloadOf({
      ready: `tcp:${port}`,
      steps: [
        { http: { get: `http://127.0.0.1:${port}/`, contains: "GET hello" } },
        { http: { post: `http://127.0.0.1:${port}/missing`, expect: [404], body: "x" } },
        { run: 'echo "$CINCH_TARGET_HOST $CINCH_TARGET_PORT $CINCH_TARGET_ID $CINCH_ENGINE"' },
        { exec: ["nginx", "-t"] },
        { sleep: "1ms" },
      ],
      stop: "SIGQUIT",
    }),
  );
  expect(result).toEqual({
    ok: true,
    ready: true,
    steps: [
      { name: `GET http://127.0.0.1:${port}/`, code: 200, ok: true, output: "" },
      { name: `POST http://127.0.0.1:${port}/missing`, code: 404, ok: true, output: "" },
      { name: expect.any(String) as string, code: 0, ok: true, output: `127.0.0.1 ${port} f00 docker\n` },
      { name: "exec nginx -t", code: 0, ok: true, output: "yes\n" },
      { name: "sleep 1ms", code: null, ok: true, output: "" },
    ],
    exit: { code: 0, signal: null },
    stopped: true,
    killed: false,
    interrupted: false,
    cutShort: false,
    problems: [],
  });
  expect(target.events).toEqual(["exec nginx -t", "SIGQUIT"]);
});

test("every failed step is a problem, and the others are taken all the same", async () => {
  const port = await web(500);
  const result = await run(
    new FakeTarget(),
    workloadOf({
      steps: [
        { http: { get: `http://127.0.0.1:${port}/` } },
        { http: { get: "http://127.0.0.1:1/" } },
        { run: "echo out; echo err >&2; exit 7" },
        { exec: ["false"] },
        { run: "exec sleep 60", timeout: "50ms", name: "slow" },
        { run: "true" },
      ],
    }),
  );
  expect(result.steps.map(({ code, ok }) => [code, ok])).toEqual([
    [500, false],
    [null, false],
    [7, false],
    [1, false],
    [null, false],
    [0, true],
  ]);
  expect(result.ok).toBe(false);
  expect(result.problems).toEqual([
    expect.stringContaining("expected a status from 200 to 399, got 500"),
    expect.stringContaining("ECONNREFUSED"),
    expect.stringMatching(/failed \(7\): (out \| err|err \| out)$/),
    "step 'exec false' failed (1): no",
    "step 'slow' failed: not done within 0.05 s",
  ]);
});

test.each(["log:^up$", "exec:true", "tcp:1", "http://127.0.0.1:1/"])(
  "a target that ends is not ready: %s",
  async (ready) => {
    const target = new FakeTarget();
    target.exec = async () => {
      await Promise.resolve();
      return { code: 1, output: "" };
    };
    const running = run(target, {
      ready: parseReady(ready),
      steps: [{ kind: "exec", name: "x", argv: ["x"] }],
    });
    target.end({ code: 3, signal: null });
    const result = await running;
    expect(result).toMatchObject({ ok: false, ready: false, steps: [], stopped: false, exit: { code: 3 } });
    expect(result.problems).toEqual([
      expect.stringMatching(/^it ended before it was ready: /),
      "it ended by itself with code 3",
    ]);
  },
);

test("a last word before the end counts as ready", async () => {
  const target = new FakeTarget();
  const running = run(target, { ready: parseReady("log:^up$"), steps: [] });
  target.log.write(Buffer.from("up\n"));
  target.end({ code: 0, signal: null });
  expect(await running).toMatchObject({ ok: true, ready: true });
});

test("not ready in time: said with the last reason, and the target is stopped", async () => {
  const target = new FakeTarget();
  const result = await run(target, { ready: parseReady("exec:false"), timeout: 60, steps: [] });
  expect(result).toMatchObject({ ready: false, stopped: true, ok: false });
  expect(result.problems[0]).toMatch(/^not ready within 0\.06 s: /);
  expect(target.events.at(-1)).toBe("SIGTERM");
});

test("behind a proxy that closes at once nobody is listening", async () => {
  let accepts = false;
  const server = createTcpServer((socket) => {
    if (accepts) socket.write("banner");
    else socket.destroy();
    accepts = true;
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  cleanup.add(() => void server.close());
  const target = new FakeTarget();
  target.places = [{ host: "127.0.0.1", port: (server.address() as AddressInfo).port, proxied: true }];
  const connections = new Promise<number>((resolve) => {
    let count = 0;
    server.on("connection", () => (count += 1) === 2 && resolve(count));
  });
  expect(await run(target, { ready: parseReady("tcp:80"), steps: [], duration: 1 })).toMatchObject({
    ready: true,
  });
  expect(await connections).toBe(2);
});

test("nothing to do: it runs to its own end", async () => {
  const target = new FakeTarget();
  const running = run(target, { steps: [] });
  target.end({ code: 0, signal: null });
  expect(await running).toMatchObject({ ok: true, stopped: false, interrupted: false });
  const failing = new FakeTarget();
  const other = run(failing, { steps: [], exit: 3 });
  failing.end({ code: 4, signal: null });
  expect((await other).problems).toEqual(["it ended by itself with code 4, not with code 3"]);
});

test("Ctrl-C is the end of a server that nothing exercises, and stops it in its own way", async () => {
  const interrupt = new AbortController();
  const target = new FakeTarget();
  target.stopSignal = "SIGINT";
  const running = run(target, { steps: [] }, { signal: interrupt.signal });
  interrupt.abort(new Error("Ctrl-C"));
  expect(await running).toMatchObject({
    ok: true,
    interrupted: true,
    cutShort: false,
    stopped: true,
    problems: [],
  });
  expect(target.events).toEqual(["SIGINT"]);
});

test("Ctrl-C in a step cuts the workload short: the step's command ends, the target is stopped", async () => {
  const interrupt = new AbortController();
  const target = new FakeTarget();
  const running = run(
    target,
    workloadOf({ steps: [{ exec: ["first"] }, { run: "exec sleep 60" }, { run: "never" }] }),
    { signal: interrupt.signal },
  );
  setTimeout(() => interrupt.abort(new Error("Ctrl-C")), 100);
  const result = await running;
  expect(result).toMatchObject({ ok: false, interrupted: true, cutShort: true, stopped: true });
  expect(result.steps).toHaveLength(2);
  expect(result.problems).toEqual(["interrupted"]);
});

test("a duration is measured from the start, and ends the run", async () => {
  const target = new FakeTarget();
  expect(await run(target, { steps: [], duration: 30 })).toMatchObject({ ok: true, stopped: true });
});

test("one that does not listen is killed, and the result says so", async () => {
  const target = new FakeTarget();
  target.onSignal = () => undefined;
  expect(await run(target, { steps: [], duration: 1 })).toMatchObject({
    ok: true,
    killed: true,
    exit: { code: 137, signal: null },
  });
});

test("a container that ran before is left running", async () => {
  const target = new FakeTarget();
  const result = await run(target, workloadOf({ steps: [{ exec: ["x"] }] }), { leave: true });
  expect(result).toMatchObject({ ok: true, stopped: false, exit: { code: null, signal: null } });
  expect(target.events).toEqual(["exec x"]);
});

test("an engine that goes away is a problem, not a crash", async () => {
  const target = new FakeTarget();
  target.stop = async () => {
    await Promise.resolve();
    throw new Error("docker: socket hang up");
  };
  expect((await run(target, { steps: [], duration: 1 })).problems).toEqual([
    "it could not be stopped: docker: socket hang up",
  ]);
});

test("what a step leaves in the background lives until the workload is over", async () => {
  const target = new FakeTarget();
  const result = await run(
    target,
    workloadOf({ steps: [{ run: "sleep 300 & echo $!" }, { exec: ["x"] }, { run: "true" }] }),
  );
  const pid = Number(result.steps[0]!.output);
  expect(pid).toBeGreaterThan(0);
  // The signal was sent before the result came; the kernel ends it in its own time.
  await expect.poll(() => isAlive(pid)).toBe(false);
});

/** One that has ended and that nobody has asked for its status is not alive. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
