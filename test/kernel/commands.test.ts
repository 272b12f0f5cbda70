import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { tier } from "../support/tier.ts";

// The commands as processes: recording and enforcing for real, and what signals do to them.

const START = join(import.meta.dirname, "../../src/cli/start.js");
const NOBODY = 65534;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cinch-commands-"));
  chmodSync(folder, 0o777);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

interface Started {
  pid: number;
  /** Waits until standard output or error holds the text. */
  says(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  ended: Promise<Ended>;
}

function start(args: readonly string[], options: { uid?: number } = {}): Started {
  const child = spawn(process.execPath, [START, ...args], {
    cwd: folder,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: folder, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    stdout,
    stderr,
  }));
  return {
    pid: child.pid!,
    async says(text) {
      while (!`${stdout}${stderr}`.includes(text)) {
        if (child.exitCode !== null) throw new Error(`it ended without '${text}':\n${stdout}${stderr}`);
        await sleep(20);
      }
    },
    kill: (signal) => void child.kill(signal),
    ended,
  };
}

const cinch = (args: readonly string[], options: { uid?: number } = {}): Promise<Ended> =>
  start(args, options).ended;

function published(text: string): Record<string, unknown> {
  const document = JSON.parse(text) as Record<string, unknown> & { $schema: string };
  const file = document.$schema.slice(document.$schema.lastIndexOf("/") + 1);
  const schema: unknown = JSON.parse(readFileSync(join(import.meta.dirname, "../../schemas", file), "utf8"));
  z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).parse(document);
  return document;
}

/** Whether a process with these words on its command line is left. */
function isRunning(words: string): boolean {
  return spawnSync("pgrep", ["-f", words]).status === 0;
}

/** A shell script as the target, which a profile can be made of and then outgrown. */
function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

tier("kernel")("commands on this machine", () => {
  test("profile a command: files, verdict, one document with all", async () => {
    const target = script("app", "cat /etc/hostname");
    const { code, stdout, stderr } = await cinch(["profile", "-o", "json", "--", target]);
    expect(stderr).toContain("held: 3 of 3 enforced runs passed");
    expect(code).toBe(0);
    expect(published(stdout)).toMatchObject({ verdict: { outcome: "held" }, recording: { complete: true } });
    expect(readdirSync(folder).sort()).toEqual(["app", "app.evidence.json", "app.profile.yaml"]);
    const explained = await cinch(["explain", "app.profile.yaml", "execute:/usr/bin/cat"]);
    expect(explained).toMatchObject({ code: 0, stderr: "" });
  });

  test("verify names what is denied, by whom, and what to write into the profile", async () => {
    const target = script("app", "cat /etc/hostname");
    expect((await cinch(["profile", "--no-verify", "-q", "--", target])).code).toBe(0);
    script("app", "cat /etc/hostname; unshare --mount true; true");
    const verdict = await cinch(["verify", "app.profile.yaml", "--runs", "1", "-o", "json", "--", target]);
    expect(verdict.code).toBe(1);
    const { denials, outcome } = published(verdict.stdout) as {
      outcome: string;
      denials: { syscall?: string; path?: string; suggestion: string }[];
    };
    expect(outcome).toBe("denied");
    expect(denials.find(({ path }) => path === "/usr/bin/unshare")?.suggestion).toContain(
      '"- /usr/bin/unshare"',
    );
    expect(denials.find(({ syscall }) => syscall === "unshare")?.suggestion).toContain('"- unshare"');
  });

  test("a person's grant outlives the next profile, and the change is said", async () => {
    const target = script("app", "cat /etc/hostname");
    await cinch(["profile", "--no-verify", "-q", "--", target]);
    const file = join(folder, "app.profile.yaml");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace(/capabilities: \[.*\]/, "capabilities: [ CAP_KILL ]"));
    const { stdout } = await cinch(["profile", "--no-verify", "--", target]);
    expect(stdout).toContain("capability:CAP_KILL, declared by hand");
    expect((parse(readFileSync(file, "utf8")) as { capabilities: string[] }).capabilities).toEqual([
      "CAP_KILL",
    ]);
    const evidence = readFileSync(join(folder, "app.evidence.json"), "utf8");
    expect(evidence).toContain("written into app.profile.yaml by hand");
  });

  test("a failing workload makes no profile", async () => {
    const { code, stderr } = await cinch(["profile", "--", "/bin/false"]);
    expect(code).toBe(2);
    expect(stderr).toContain("cinch: the workload fails without any confinement");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("Ctrl-C is the end of a recording that has no other", async () => {
    const recording = start(["record", "-o", "recording=r.json", "--", "/bin/sleep", "70001"]);
    await recording.says("recording");
    while (!isRunning("sleep 70001")) await sleep(20);
    await sleep(300);
    recording.kill("SIGINT");
    expect(await recording.ended).toMatchObject({ code: 0, signal: null });
    expect(published(readFileSync(join(folder, "r.json"), "utf8"))).toMatchObject({ complete: true });
    expect(isRunning("sleep 70001")).toBe(false);
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "%s before the workload is done ends with 130 and leaves nothing behind",
    async (signal) => {
      const args = ["--exercise", "sleep 70002", "--", "/bin/sleep", "70003"];
      const profiling = start(["profile", "-o", "recording=r.json", ...args]);
      while (!isRunning("sleep 70002")) await sleep(20);
      profiling.kill(signal);
      const { code, stderr } = await profiling.ended;
      expect(stderr).toContain(`cinch: interrupted by ${signal}`);
      expect(code).toBe(130);
      expect(readdirSync(folder)).toEqual([]);
      expect(isRunning("sleep 7000[23]")).toBe(false);
    },
  );

  test("--timeout is a failure that says so", async () => {
    const { code, stderr } = await cinch(["record", "--timeout", "1s", "--", "/bin/sleep", "70004"]);
    expect(stderr).toContain("cinch: not done within 1 s\n  hint: raise --timeout");
    expect(code).toBe(2);
    expect(isRunning("sleep 70004")).toBe(false);
  });

  test("run ends as its program does, and with 125 for itself", async () => {
    const target = script("app", 'cat /etc/hostname > /dev/null; [ "$1" = "" ] || exit "$1"');
    await cinch(["profile", "--no-verify", "-q", "--", target]);
    expect((await cinch(["run", "app.profile.yaml", "--", target])).code).toBe(0);
    expect((await cinch(["run", "app.profile.yaml", "--", target, "7"])).code).toBe(7);
    // Not among what may be executed.
    const { code, stderr } = await cinch(["run", "app.profile.yaml", "--", "/usr/bin/id"]);
    expect(code).toBe(125);
    expect(stderr).toContain("hint: the profile does not let it be executed");
  });

  test("run hands signals to its program", async () => {
    const target = script("app", "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done");
    await cinch(["profile", "--no-verify", "-q", "--duration", "1s", "--", target]);
    const running = start(["run", "app.profile.yaml", "--", target]);
    await running.says("up");
    running.kill("SIGTERM");
    expect((await running.ended).code).toBe(9);
  });

  test("without root: by notification, and enforced all the same", async () => {
    const target = script("app", "cat /etc/hostname");
    const { code, stdout, stderr } = await cinch(["profile", "--", target], { uid: NOBODY });
    expect(stderr).toContain("by seccomp user notification");
    expect(stdout).toContain("held: 3 of 3 enforced runs passed");
    expect(code).toBe(0);
    script("app", "cat /etc/hostname; unshare --mount true; true");
    const wider = ["verify", "app.profile.yaml", "--runs", "1", "--", target];
    expect((await cinch(wider, { uid: NOBODY })).code).toBe(1);
  });

  test("a reader that has seen enough is no failure", () => {
    const target = script("app", "cat /etc/hostname");
    spawnSync(process.execPath, [START, "profile", "--no-verify", "-q", "--", target], { cwd: folder });
    const piped = spawnSync("/bin/bash", [
      "-c",
      'set -o pipefail; "$0" "$1" explain "$2" | head -n 1',
      process.execPath,
      START,
      join(folder, "app.profile.yaml"),
    ]);
    expect(piped.stderr.toString()).toBe("");
    expect(piped.status).toBe(0);
  });
});
