import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DOCKERD } from "./tier.ts";

/**
 * A Docker daemon of the tests' own: its data, sockets, bridge and containerd namespace are in one folder, which goes
 * with it. The machine's daemon, if there is one, is neither used nor disturbed: no iptables rule is touched (published
 * ports go through docker-proxy), no file outside the folder is read.
 */
export interface PrivateDocker extends AsyncDisposable {
  /** "unix:///…": what DOCKER_HOST takes. */
  host: string;
  log: string;
}

// Not /tmp: images are large, and /tmp may be in memory.
const PLACE = existsSync("/var/tmp") ? "/var/tmp" : tmpdir();
const PREFIX = "cinch-dockerd-";
const START_MS = 60_000;
const STOP_MS = 30_000;
/** Where the log of the last daemon is left: for who looks into a failed run. */
export const LAST_LOG = join(tmpdir(), "cinch-dockerd.log");

/** Starts one and waits until it answers. Throws with the end of its log when it does not. */
export async function startDockerd(): Promise<PrivateDocker> {
  sweepOrphans();
  const folder = mkdtempSync(join(PLACE, PREFIX));
  const log = join(folder, "log");
  writeFileSync(join(folder, "owner"), ownerMark(process.pid) ?? "");
  writeFileSync(join(folder, "daemon.json"), "{}\n");
  const bridge = makeBridge();
  // What a machine may lack, given up one after the other: a network of its own, overlayfs.
  const attempts = [
    bridge?.options ?? ["--bridge=none"],
    ["--bridge=none"],
    ["--bridge=none", "--storage-driver=vfs"],
  ];
  for (const [i, options] of attempts.entries()) {
    const daemon = launch(folder, log, options);
    if (await answers(daemon, join(folder, "docker.sock"))) {
      return {
        host: `unix://${join(folder, "docker.sock")}`,
        log,
        async [Symbol.asyncDispose]() {
          daemon.kill("SIGTERM");
          await ended(daemon, STOP_MS);
          copyFileSync(log, LAST_LOG);
          sweep(folder);
          bridge?.remove();
        },
      };
    }
    daemon.kill("SIGKILL");
    await ended(daemon, STOP_MS);
    process.stderr.write(
      `dockerd did not start with ${options.join(" ")} (try ${i + 1} of ${attempts.length})\n`,
    );
  }
  const tail = readFileSync(log, "utf8").split("\n").slice(-30).join("\n");
  copyFileSync(log, LAST_LOG);
  sweep(folder);
  bridge?.remove();
  throw new Error(`dockerd did not start; the end of its log:\n${tail}`);
}

function launch(folder: string, log: string, options: string[]): ChildProcess {
  const at = (name: string): string => join(folder, name);
  rmSync(at("pid"), { force: true });
  const out = openSync(log, "a");
  // The daemon ends with us, however we end.
  const wrap = existsSync("/usr/bin/setpriv") ? ["/usr/bin/setpriv", "--pdeathsig", "TERM"] : [];
  const argv = [
    ...wrap,
    DOCKERD,
    ...["--config-file", at("daemon.json")],
    ...["--data-root", at("data"), "--exec-root", at("exec"), "--pidfile", at("pid")],
    ...["--host", `unix://${at("docker.sock")}`],
    // The machine's containerd, where one runs, keeps our containers apart from Docker's own.
    ...["--containerd-namespace", "cinch-test", "--containerd-plugins-namespace", "cinch-test-plugins"],
    ...["--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"],
    ...["--shutdown-timeout", "5"],
    ...options,
  ];
  const daemon = spawn(argv[0]!, argv.slice(1), {
    stdio: ["ignore", out, out],
    env: daemonEnvironment(folder),
  });
  daemon.on("error", () => {});
  closeSync(out);
  return daemon;
}

/** CI's environment may be empty; the daemon wants to find runc and write temporary files. */
function daemonEnvironment(folder: string): NodeJS.ProcessEnv {
  mkdirSync(join(folder, "tmp"), { recursive: true });
  return {
    HOME: process.env["HOME"] ?? "/root",
    PATH: `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    DOCKER_TMPDIR: join(folder, "tmp"),
  };
}

async function answers(daemon: ChildProcess, socketPath: string): Promise<boolean> {
  for (const start = Date.now(); Date.now() - start < START_MS; await sleep(100)) {
    if (daemon.exitCode !== null || daemon.signalCode !== null || daemon.pid === undefined) return false;
    if (existsSync(socketPath) && (await ping(socketPath))) return true;
  }
  return false;
}

function ping(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: "/_ping", timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on("error", () => resolve(false)).on("timeout", () => asked.destroy());
    asked.end();
  });
}

async function ended(daemon: ChildProcess, within: number): Promise<void> {
  if (daemon.pid === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
  const exit = once(daemon, "exit");
  const timer = setTimeout(() => daemon.kill("SIGKILL"), within);
  await exit;
  clearTimeout(timer);
}

/**
 * A bridge with an address range that nothing here uses; undefined where there is no `ip` or it may not. `ip` is asked,
 * because Node lists no interface without a carrier, and an idle bridge of another run has none.
 */
function makeBridge(): { options: string[]; remove: () => void } | undefined {
  const used = spawnSync("ip", ["-o", "-4", "address"], { encoding: "utf8" }).stdout ?? "";
  // Two runs that begin at the same moment begin at different ranges.
  const net = Array.from({ length: 40 }, (_, i) => `10.213.${200 + ((process.pid + i) % 40)}`).find(
    (candidate) => !used.includes(` ${candidate}.`),
  );
  const name = `cinch${process.pid % 1_000_000}`;
  const ip = (...args: string[]): boolean => spawnSync("ip", args, { stdio: "ignore" }).status === 0;
  if (net === undefined || !ip("link", "add", "name", name, "type", "bridge")) return undefined;
  const remove = (): void => void ip("link", "delete", name);
  if (ip("address", "add", `${net}.1/24`, "dev", name) && ip("link", "set", name, "up")) {
    return { options: ["--bridge", name], remove };
  }
  remove();
  return undefined;
}

/** A process by its number and start time: a number alone may have been given to another one since. */
function ownerMark(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  } catch {
    return undefined;
  }
}

/** What killed test runs left: daemons, containers, mounts, folders. Those whose owner lives are left alone. */
function sweepOrphans(): void {
  for (const name of readdirSync(PLACE)) {
    const folder = join(PLACE, name);
    if (!name.startsWith(PREFIX)) continue;
    let owner = "";
    try {
      owner = readFileSync(join(folder, "owner"), "utf8");
    } catch {
      // It died before it wrote it, or is about to write it: the folder of a living one is younger than this run.
    }
    if (owner !== "" && ownerMark(Number(owner.split(" ")[0])) === owner) continue;
    process.stderr.write(`removing what a killed test run left: ${folder}\n`);
    sweep(folder);
  }
  removeOrphanBridges();
}

function removeOrphanBridges(): void {
  for (const name of existsSync("/sys/class/net") ? readdirSync("/sys/class/net") : []) {
    const pid = /^cinch(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      spawnSync("ip", ["link", "delete", name], { stdio: "ignore" });
  }
}

/** Ends every process that names the folder, with its children; unmounts and removes the folder. */
function sweep(folder: string): void {
  for (const pid of processesOf(folder)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has just ended.
    }
  }
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((point) => point.startsWith(`${folder}/`));
  for (const point of mounts.toReversed()) spawnSync("umount", ["--lazy", point], { stdio: "ignore" });
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  } catch (error) {
    process.stderr.write(`could not remove ${folder}: ${(error as Error).message}\n`);
  }
}

/** Daemon, containerd, shims (their command lines name the folder) and what runs below them. */
function processesOf(folder: string): Set<number> {
  const parents = new Map<number, number>();
  const found = new Set<number>();
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      parents.set(pid, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
      if (readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(`${folder}/`)) found.add(pid);
    } catch {
      // It has just ended.
    }
  }
  for (let grew = true; grew;) {
    grew = false;
    for (const [pid, parent] of parents) {
      if (found.has(parent) && !found.has(pid)) grew = Boolean(found.add(pid));
    }
  }
  found.delete(process.pid);
  return found;
}
