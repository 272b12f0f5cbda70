import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { silent } from "../base/index.ts";
import type { Target } from "../image/index.ts";
import { prepareSubject } from "./index.ts";

/** Pids of processes whose command line has a word; zombies have none. */
function withWord(word: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").includes(word) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

function shell(script: string): Target {
  return { kind: "command", text: "x", name: "x", env: {}, argv: ["/bin/sh", "-c", script], cwd: "/" };
}

test("a daemon that forked twice and left its session is ended with its target", async () => {
  // A duration that nothing else on the machine sleeps for.
  const word = `${3_000_000 + process.pid}`;
  {
    const daemon = `setsid sh -c 'trap "" TERM HUP; sleep ${word} & sleep ${word}' &`;
    await using subject = await prepareSubject(shell(`(${daemon}) & wait; echo started`), {
      confinement: { local: {} },
      talk: silent,
    });
    const running = await subject.start();
    expect(await running.wait()).toEqual({ code: 0, signal: null });
    await expect.poll(() => withWord(word).length, { timeout: 10_000 }).toBe(2);
    // A child of our own is not a part of the target.
    expect(execFileSync("echo", ["ours"], { encoding: "utf8" })).toBe("ours\n");
  }
  expect(withWord(word)).toEqual([]);
});

test("children of a target that is killed go with it", async () => {
  const word = `${4_000_000 + process.pid}`;
  {
    await using subject = await prepareSubject(shell(`sleep ${word} & sleep ${word} & wait`), {
      confinement: { local: {} },
      talk: silent,
    });
    await subject.start();
    await expect.poll(() => withWord(word).length, { timeout: 10_000 }).toBe(2);
  }
  expect(withWord(word)).toEqual([]);
});
