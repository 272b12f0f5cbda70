import { type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Outcome, type Work, run, startWatched } from "./measure.ts";

const REDIS_PORT = 16_390;
const NGINX_PORT = 18_390;

/** redis-benchmark's requests a second: the mean of SET and GET, 50 connections, no pipelining. */
export const redis: Work = async (observer) => {
  const argv = ["redis-server", "--port", String(REDIS_PORT), "--save", "", "--appendonly", "no"];
  const { child, stop } = await startWatched(argv, observer);
  try {
    await accepts(REDIS_PORT, child);
    const requests = observer.isSlow ? 5000 : 100_000;
    const csv = await run([
      "redis-benchmark",
      "-p",
      String(REDIS_PORT),
      "-t",
      "set,get",
      "-n",
      String(requests),
      "-c",
      "50",
      "--csv",
    ]);
    const rates = [...csv.matchAll(/^"(?:SET|GET)","([\d.]+)"/gm)].map(([, rate]) => Number(rate));
    if (rates.length !== 2) throw new Error(`redis-benchmark said: ${csv}`);
    return { rate: (rates[0]! + rates[1]!) / 2, note: await stopped(child, stop) };
  } finally {
    child.kill("SIGKILL");
  }
};

/** wrk's requests a second for a page of 612 bytes, one worker. */
export const nginx: Work = async (observer) => {
  const folder = mkdtempSync(join(tmpdir(), "cinch-bench-"));
  writeFileSync(join(folder, "index.html"), "x".repeat(612));
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error; user root;
events { worker_connections 256; }
http { access_log ${folder}/access; client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c;
  uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
  server { listen 127.0.0.1:${NGINX_PORT}; root ${folder}; } }\n`,
  );
  const { child, stop } = await startWatched(["nginx", "-c", join(folder, "nginx.conf")], observer);
  try {
    await accepts(NGINX_PORT, child);
    const said = await run(["wrk", "-t1", "-c32", "-d3s", `http://127.0.0.1:${NGINX_PORT}/index.html`]);
    const rate = Number(/Requests\/sec:\s*([\d.]+)/.exec(said)?.[1]);
    if (!(rate > 0)) throw new Error(`wrk said: ${said}`);
    return { rate, note: await stopped(child, stop) };
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
};

/** A system-call loop: dd with one-byte blocks makes two calls a block. */
export const loop: Work = async (observer) => {
  const blocks = observer.isSlow ? 20_000 : 1_000_000;
  const argv = ["dd", "if=/dev/zero", "of=/dev/null", "bs=1", `count=${blocks}`];
  const { child, stop } = await startWatched(argv, observer, { env: { ...process.env, LC_ALL: "C" } });
  let said = "";
  child.stderr!.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await once(child, "close");
  const seconds = Number(/copied, ([\d.e-]+) s/.exec(said)?.[1]);
  if (!(seconds > 0)) throw new Error(`dd said: ${said}`);
  return { rate: (2 * blocks) / seconds, note: await stop() };
};

/** Nanoseconds that an observer adds to a call, next to the untraced run of the same round. */
export function addedPerCall(outcome: Outcome): string {
  const added = outcome.rates.map((rate, i) => 1e9 / rate - (1e9 / rate) * outcome.ratios[i]!);
  const sorted = added.toSorted((a, b) => a - b);
  return `${Math.round(sorted[sorted.length >> 1]!)} ns a call`;
}

async function stopped(
  child: ChildProcess,
  stop: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const note = await stop();
  child.kill("SIGTERM");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return note;
}

async function accepts(port: number, child: ChildProcess): Promise<void> {
  for (let i = 0; i < 400; i += 1) {
    if (child.exitCode !== null)
      throw new Error(`${child.spawnargs.slice(4).join(" ")} ended with ${child.exitCode}`);
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (isOpen) return;
    await sleep(25);
  }
  throw new Error(`port ${port} does not answer`);
}
