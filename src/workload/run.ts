import { setTimeout as sleep } from "node:timers/promises";
import { Cleanup, type Talk, messageOf } from "../base/index.ts";
import { runOnHost } from "./host.ts";
import type { Address, Exit, Running, Step, StepResult, Workload, WorkloadResult } from "./model.ts";
import { shell } from "./parse.ts";
import { waitUntilReady } from "./ready.ts";
import { judgeAnswer, request } from "./request.ts";

const READY_MS = 60_000;
const STEP_MS = 10 * 60_000;
/** As docker stop. */
const GRACE_MS = 10_000;
/** Of a step's output, the end is kept. */
const MAX_OUTPUT = 16 * 1024;

/** A timer of Node's holds 31 bits: 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface RunWorkloadOptions {
  signal: AbortSignal;
  talk: Talk;
  /** The target is not ours to end: a container that ran before. */
  leave?: boolean;
}

/**
 * Exercises a target that was started, and ends it: waits until it is ready, takes the steps in order, lets the time
 * pass, stops it. Without steps and without a duration it runs until it ends, or until `signal` is aborted, which then
 * is the regular end. What goes wrong is in the result; the target has ended when this resolves.
 */
export async function runWorkload(
  running: Running,
  workload: Workload,
  options: RunWorkloadOptions,
): Promise<WorkloadResult> {
  const { signal, talk, leave = false } = options;
  await using background = new Cleanup();
  const started = Date.now();
  const steps: StepResult[] = [];
  const problems: string[] = [];
  let ready = true;
  let address: Address | undefined;
  /** All that was to be done is done. */
  let done = false;
  try {
    if (workload.ready !== undefined) {
      talk.detail(`waiting until it is ready`);
      const timeout = workload.timeout ?? READY_MS;
      const outcome = await waitUntilReady(running, workload.ready, { timeout, signal });
      ready = outcome.ready;
      address = outcome.address;
      if (outcome.problem !== undefined) problems.push(outcome.problem);
    }
    if (ready) {
      const env = exerciseEnvironment(running, workload, address);
      for (const step of workload.steps) {
        talk.detail(`step: ${step.name}`);
        const result = await takeStep(running, step, { env, cwd: workload.cwd, signal, background });
        steps.push(result);
        signal.throwIfAborted();
        if (!result.ok) problems.push(stepProblem(step, result, running.ended()));
      }
      if (!leave || workload.duration !== undefined) await letRun(running, workload, started, signal);
    }
    done = true;
  } catch (error) {
    if (!signal.aborted) problems.push(messageOf(error));
    // Ctrl-C is how a server that nothing exercises is ended.
    else done = ready && workload.steps.length === 0 && workload.duration === undefined;
  }
  const own = running.ended();
  const end =
    leave && own === undefined
      ? { code: null, signal: null, killed: false }
      : await endTarget(running, workload, own, problems);
  // Ctrl-C reaches a local program too, which then ends by itself: that is the end that was asked for.
  if (own !== undefined && !(signal.aborted && done)) problems.push(...exitProblems(own, workload, done));
  if (end.killed)
    talk.warn(
      `it did not end within ${GRACE_MS / 1000} s of ${stopSignal(running, workload)} and was killed`,
    );
  if (signal.aborted && !done) problems.push("interrupted");
  return {
    ok: problems.length === 0,
    ready,
    steps,
    exit: { code: end.code, signal: end.signal },
    stopped: own === undefined && !leave,
    killed: end.killed,
    interrupted: signal.aborted,
    cutShort: signal.aborted && !done,
    problems,
  };
}

function stopSignal(running: Running, workload: Workload): string {
  return workload.stop ?? running.stopSignal ?? "SIGTERM";
}

async function endTarget(
  running: Running,
  workload: Workload,
  own: Exit | undefined,
  problems: string[],
): Promise<Exit & { killed: boolean }> {
  try {
    if (own === undefined) return await running.stop(stopSignal(running, workload), GRACE_MS);
    return { ...(await running.wait()), killed: false };
  } catch (error) {
    // The engine is gone, or does not know the signal.
    problems.push(`it could not be stopped: ${messageOf(error)}`);
    return { code: null, signal: null, killed: false };
  }
}

/** It ended by itself: as it should have? */
function exitProblems(exit: Exit, workload: Workload, done: boolean): string[] {
  const wanted = workload.exit ?? 0;
  const how = exit.signal === null ? `code ${exit.code}` : exit.signal;
  if (exit.code === wanted && exit.signal === null) {
    return done ? [] : ["it ended before its workload was done"];
  }
  return [`it ended by itself with ${how}${wanted === 0 ? "" : `, not with code ${wanted}`}`];
}

function stepProblem(step: Step, result: StepResult, exit: Exit | undefined): string {
  const gone = exit === undefined ? "" : `; the target had ended with ${exit.signal ?? `code ${exit.code}`}`;
  const said = result.output.trimEnd().split("\n").slice(-3).join(" | ");
  return `step '${step.name}' failed${result.code === null ? "" : ` (${result.code})`}${said === "" ? "" : `: ${said}`}${gone}`;
}

/** Lets it run: for its time, or, where nothing else says when it is over, to its own end. */
async function letRun(
  running: Running,
  workload: Workload,
  started: number,
  signal: AbortSignal,
): Promise<void> {
  const { duration, steps } = workload;
  if (duration === undefined && steps.length > 0) return;
  const over = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener("abort", () => reject(signal.reason as Error), { signal: over.signal });
  });
  const ends: Promise<unknown>[] = [running.wait(), aborted];
  if (duration !== undefined) {
    const left = Math.min(MAX_TIMER_MS, Math.max(0, duration - (Date.now() - started)));
    ends.push(sleep(left, undefined, { signal: over.signal }));
  }
  // The losers of the race are told to stop, and that is no error.
  for (const end of ends) end.catch(() => {});
  try {
    await Promise.race(ends);
  } finally {
    over.abort();
  }
}

/** What commands on the host are told of the target: `redis-cli -h $CINCH_TARGET_HOST -p $CINCH_TARGET_PORT ping`. */
function exerciseEnvironment(
  running: Running,
  workload: Workload,
  found: Address | undefined,
): Record<string, string> {
  const port = readyPort(workload) ?? running.ports[0];
  const address = found ?? running.addresses(port ?? 0)[0];
  return {
    CINCH_ENGINE: running.engine,
    CINCH_TARGET_PID: String(running.pid),
    ...(running.id === undefined ? {} : { CINCH_TARGET_ID: running.id }),
    ...(address === undefined ? {} : { CINCH_TARGET_HOST: address.host }),
    ...(address === undefined || port === undefined ? {} : { CINCH_TARGET_PORT: String(address.port) }),
  };
}

function readyPort({ ready }: Workload): number | undefined {
  if (ready?.kind === "tcp") return ready.port;
  if (ready?.kind !== "http") return undefined;
  const url = new URL(ready.url);
  return url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
}

interface StepContext {
  env: Record<string, string>;
  cwd: string | undefined;
  signal: AbortSignal;
  background: Cleanup;
}

async function takeStep(running: Running, step: Step, context: StepContext): Promise<StepResult> {
  const limit = AbortSignal.timeout(step.timeout ?? STEP_MS);
  const signal = AbortSignal.any([context.signal, limit]);
  const { code, ok, output } = await attempt(running, step, context, signal);
  const late = limit.aborted && !context.signal.aborted;
  const limitText = `not done within ${(step.timeout ?? STEP_MS) / 1000} s`;
  const said = late ? [output, limitText].filter((part) => part !== "").join("\n") : output;
  return { name: step.name, code, ok: ok && !late, output: said.slice(-MAX_OUTPUT) };
}

async function attempt(
  running: Running,
  step: Step,
  context: StepContext,
  signal: AbortSignal,
): Promise<{ code: number | null; ok: boolean; output: string }> {
  try {
    switch (step.kind) {
      case "http": {
        const answer = await request(step.call, signal);
        const problem = judgeAnswer(step.call, answer);
        return { code: answer.status, ok: problem === undefined, output: problem ?? "" };
      }
      case "run": {
        const env = { ...process.env, ...context.env };
        const { cwd, background } = context;
        const { code, output } = await runOnHost({ argv: shell(step.command), cwd, env, signal, background });
        return { code, ok: code === 0, output };
      }
      case "exec": {
        const { code, output } = await running.exec(step.argv, { signal });
        return { code, ok: code === 0, output };
      }
      case "sleep":
        await sleep(step.ms, undefined, { signal });
        return { code: null, ok: true, output: "" };
    }
  } catch (error) {
    return { code: null, ok: false, output: messageOf(error) };
  }
}
