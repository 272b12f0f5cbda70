import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type Observer, untraced } from "./observers.ts";

/** One way of working a process: gives a rate (more is better), for the observer given. */
export type Work = (observer: Observer) => Promise<{ rate: number; note?: string | undefined }>;

export interface Outcome {
  name: string;
  /** Rates, a round each. */
  rates: number[];
  /** Rate by that of the untraced run of the same round. */
  ratios: number[];
  notes: Set<string>;
}

/**
 * Measures all observers in one go: each round has each of them once, in an order that turns, so that what changes on the
 * machine meanwhile changes all of them. An observer that cannot work here is left out, and said.
 */
export async function interleave(work: Work, observers: Observer[], rounds: number): Promise<Outcome[]> {
  const outcomes = new Map(
    observers
      .filter((observer) => isUsable(observer))
      .map((observer) => [
        observer,
        { name: observer.name, rates: [] as number[], ratios: [] as number[], notes: new Set<string>() },
      ]),
  );
  await work(untraced);
  for (let round = 0; round < rounds; round += 1) {
    const order = [...outcomes.keys()];
    order.push(...order.splice(0, round % order.length));
    for (const observer of order) {
      const outcome = outcomes.get(observer)!;
      try {
        const { rate, note } = await work(observer);
        outcome.rates.push(rate);
        if (note !== undefined) outcome.notes.add(note);
      } catch (error) {
        if (observer === untraced) throw error;
        process.stderr.write(`left out: ${observer.name}: ${(error as Error).message}\n`);
        outcomes.delete(observer);
      }
    }
    const base = outcomes.get(untraced)!.rates.at(-1)!;
    for (const { rates, ratios } of outcomes.values()) ratios.push(rates.at(-1)! / base);
    process.stderr.write(`round ${round + 1} of ${rounds}\n`);
  }
  return [...outcomes.values()];
}

function isUsable({ name, missing }: Observer): boolean {
  if (missing !== undefined) process.stderr.write(`left out: ${name}: ${missing}\n`);
  return missing === undefined;
}

/** Starts a command that waits until it is watched, then lets it run. */
export async function startWatched(
  argv: string[],
  observer: Observer,
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<{ child: ChildProcess; stop: () => Promise<string | undefined> }> {
  const child = spawn("/bin/sh", ["-c", 'read _ <&3; exec 3<&-; exec "$@"', "sh", ...argv], {
    ...options,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  let stop: () => Promise<string | undefined>;
  try {
    stop = await observer.start(child.pid!);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  (child.stdio[3] as NodeJS.WritableStream).write("\n");
  return { child, stop };
}

/** Runs a command to its end and gives what it printed. Throws when it fails. */
export async function run(argv: string[]): Promise<string> {
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}`);
  return output;
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A table of medians, with the smallest and the largest ratio. */
export function table(
  title: string,
  unit: string,
  outcomes: Outcome[],
  extra?: (outcome: Outcome) => string,
): string {
  const rows = outcomes.map((outcome) => [
    outcome.name,
    `${Math.round(median(outcome.rates)).toLocaleString("en")} ${unit}`,
    median(outcome.ratios).toFixed(3),
    `${Math.min(...outcome.ratios).toFixed(2)}–${Math.max(...outcome.ratios).toFixed(2)}`,
    [extra?.(outcome) ?? "", ...outcome.notes].filter(Boolean).join("; "),
  ]);
  const widths = [0, 1, 2, 3].map((i) => Math.max(...rows.map((row) => row[i]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  return `\n${title} (median of ${outcomes[0]!.rates.length} rounds; ratio to untraced, its range)\n${lines.map((line) => `  ${line}`).join("\n")}\n`;
}
