import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "./measure.ts";

const repository = join(import.meta.dirname, "../..");

/** What is analyzed, of Debian's packages. */
const PROGRAMS = [
  "/usr/sbin/nginx",
  "/usr/bin/redis-server",
  "/usr/bin/memcached",
  "/usr/sbin/lighttpd",
  "/usr/sbin/haproxy",
  "/usr/bin/sqlite3",
  "/usr/bin/python3",
  "/bin/bash",
  "/bin/busybox",
  "/usr/sbin/runc",
  "/usr/bin/podman",
];

interface Run {
  calls: number;
  unresolved: number;
  ms: number;
  megabytes: number;
}

/**
 * How many calls an analysis finds and what it costs, each in a process of its own: cold with an empty cache, warm with
 * the summaries that left. Milliseconds are of the analysis, after Node and our modules are loaded; memory is the peak.
 */
export async function analyze(rounds: number): Promise<string> {
  const lines = [
    "analysis: system calls (with NSS and modules from the usual folders; alone: without these), time and memory",
    "program            strict  tight  alone  unresolved  cold ms  warm ms    MB",
  ];
  for (const path of PROGRAMS) {
    if (!existsSync(path)) {
      lines.push(`${path.padEnd(18)} not installed`);
      continue;
    }
    const cold: Run[] = [];
    const warm: Run[] = [];
    let tight: Run | undefined;
    let alone: Run | undefined;
    for (let i = 0; i < rounds; i += 1) {
      const cache = mkdtempSync(join(tmpdir(), "cinch-bench-"));
      try {
        cold.push(run(path, "strict", cache, false));
        warm.push(run(path, "strict", cache, false));
        tight ??= run(path, "tight", cache, false);
        alone ??= run(path, "tight", cache, true);
      } finally {
        rmSync(cache, { recursive: true, force: true });
      }
    }
    const number = (value: number, width: number): string => String(Math.round(value)).padStart(width);
    lines.push(
      `${path.padEnd(18)} ${number(cold[0]!.calls, 6)} ${number(tight!.calls, 6)} ${number(alone!.calls, 6)} ${number(cold[0]!.unresolved, 11)} ${number(median(cold.map(({ ms }) => ms)), 8)} ${number(median(warm.map(({ ms }) => ms)), 8)} ${number(median(cold.map(({ megabytes }) => megabytes)), 5)}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function run(path: string, mode: "strict" | "tight", cache: string, alone: boolean): Run {
  const door = (room: string): string => JSON.stringify(join(repository, "src", room, "index.ts"));
  const script = `
    const { analyzeTarget } = await import(${door("analyze")});
    const { openFolder, plainConfig } = await import(${door("image")});
    const start = performance.now();
    const { syscalls, unresolved } = await analyzeTarget(
      { tree: openFolder("/"), config: plainConfig, target: "bench", file: ${JSON.stringify(path)} },
      { mode: "${mode}", cacheFolder: ${JSON.stringify(cache)}, compare: false, alone: ${alone} });
    const ms = performance.now() - start;
    console.log(JSON.stringify({ calls: syscalls.length, unresolved: unresolved.length, ms, megabytes: process.resourceUsage().maxRSS / 1024 }));`;
  const { stdout, status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { ...process.env, NODE_COMPILE_CACHE: join(repository, "node_modules/.cache/cinch") },
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Run;
}
