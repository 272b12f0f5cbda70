import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../base/index.ts";
import type { Address, Ready, Running } from "./model.ts";
import { judgeAnswer, request } from "./request.ts";

/** Often enough that a start of 50 ms is seen at once, seldom enough to be nothing next to it. */
const LOOK_MS = 25;
/** One try: an address that does not answer must not use up the whole time. */
const TRY_MS = 5000;
/** A proxy accepts before it knows whether the target does, and closes when it does not. */
const PROXY_MS = 200;

export interface ReadyOutcome {
  ready: boolean;
  /** Why not. */
  problem?: string;
  /** Where the port answered. */
  address?: Address;
}

/**
 * Waits until the target is ready. It is not if it ends first, or not within `timeout` milliseconds. Rejects with the
 * signal's reason.
 */
export async function waitUntilReady(
  running: Running,
  ready: Ready,
  options: { timeout: number; signal: AbortSignal },
): Promise<ReadyOutcome> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), options.timeout);
  const over = new AbortController();
  void running.wait().then(
    () => over.abort(),
    () => over.abort(),
  );
  const signal = AbortSignal.any([options.signal, late.signal, over.signal]);
  let last = "";
  try {
    if (ready.kind === "log") {
      await running.log.waitFor(ready.pattern, signal);
      return { ready: true };
    }
    while (!signal.aborted) {
      const outcome = await probe(running, ready, AbortSignal.any([signal, AbortSignal.timeout(TRY_MS)]));
      if (outcome.ready) return outcome;
      last = outcome.problem ?? last;
      await sleep(LOOK_MS, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
  options.signal.throwIfAborted();
  if (!over.signal.aborted) {
    const seconds = options.timeout / 1000;
    return {
      ready: false,
      problem: `not ready within ${seconds} s: ${describe(ready)}${last === "" ? "" : ` (${last})`}`,
    };
  }
  // A program may say that it is ready and end at once: its last lines count.
  if (
    ready.kind === "log" &&
    running
      .output()
      .split("\n")
      .some((line) => ready.pattern.test(line))
  ) {
    return { ready: true };
  }
  return { ready: false, problem: `it ended before it was ready: ${describe(ready)}` };
}

function describe(ready: Ready): string {
  switch (ready.kind) {
    case "tcp":
      return `port ${ready.port} did not answer`;
    case "http":
      return `${ready.url} did not answer well`;
    case "log":
      return `no line matched /${ready.pattern.source}/`;
    case "exec":
      return `'${ready.argv.at(-1)}' did not succeed`;
  }
}

async function probe(
  running: Running,
  ready: Exclude<Ready, { kind: "log" }>,
  signal: AbortSignal,
): Promise<ReadyOutcome> {
  switch (ready.kind) {
    case "tcp": {
      const places = running.addresses(ready.port);
      if (places.length === 0)
        return { ready: false, problem: "it has no address that can be reached from here" };
      for (const address of places) {
        if (await answers(address, signal)) return { ready: true, address };
      }
      return {
        ready: false,
        problem: `tried ${places.map(({ host, port }) => `${host}:${port}`).join(", ")}`,
      };
    }
    case "http": {
      const call = { method: "GET", url: ready.url };
      try {
        const problem = judgeAnswer(call, await request(call, signal));
        return problem === undefined ? { ready: true } : { ready: false, problem };
      } catch (error) {
        return { ready: false, problem: messageOf(error) };
      }
    }
    case "exec": {
      const { code, output } = await running.exec(ready.argv, { signal });
      if (code === 0) return { ready: true };
      const end = output.trimEnd().split("\n").at(-1) ?? "";
      return { ready: false, problem: `code ${code}${end === "" ? "" : `: ${end}`}` };
    }
  }
}

/** Whether somebody accepts connections there. */
function answers(address: Address, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address.port, address.host);
    let timer: NodeJS.Timeout | undefined;
    const done = (answer: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", give);
      socket.destroy();
      resolve(answer);
    };
    const give = (): void => done(false);
    signal.addEventListener("abort", give, { once: true });
    socket.once("error", give);
    socket.once("connect", () => {
      if (address.proxied !== true) return done(true);
      socket.once("data", () => done(true));
      socket.once("close", give);
      timer = setTimeout(() => done(true), PROXY_MS);
    });
  });
}
