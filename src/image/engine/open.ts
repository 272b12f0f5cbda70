import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CinchError, NotSupportedError, messageOf } from "../../base/index.ts";
import { EngineClient } from "./client.ts";

/** A connection to an engine, and what was started for it. */
export interface OpenEngine extends AsyncDisposable {
  client: EngineClient;
  /** A service of our own, if one had to be started. */
  service?: { pid: number; folder: string };
}

export interface OpenOptions {
  /** Podman: which OCI runtime, for a service of our own ("runc"). */
  runtime?: string;
  env?: NodeJS.ProcessEnv;
}

/** Connects to Docker or Podman. Throws NotSupportedError with how to start what is missing. */
export async function openEngine(name: "docker" | "podman", options: OpenOptions = {}): Promise<OpenEngine> {
  return name === "docker" ? openDocker(options.env ?? process.env) : openPodman(options);
}

async function openDocker(env: NodeJS.ProcessEnv): Promise<OpenEngine> {
  const client = await EngineClient.connect("docker", dockerSocket(env));
  return { client, async [Symbol.asyncDispose]() {} };
}

/** DOCKER_HOST, else the system's socket, else a rootless daemon's. */
function dockerSocket(env: NodeJS.ProcessEnv): string {
  const said = env["DOCKER_HOST"];
  if (said !== undefined && said !== "") return socketOf(said, "DOCKER_HOST", "docker");
  const usual = "/var/run/docker.sock";
  const rootless = join(env["XDG_RUNTIME_DIR"] ?? "/nonexistent", "docker.sock");
  return !existsSync(usual) && existsSync(rootless) ? rootless : usual;
}

function socketOf(address: string, variable: string, engine: string): string {
  if (address.startsWith("unix://")) return address.slice("unix://".length);
  throw new NotSupportedError(
    engine,
    `${variable} is ${address}, but cinch works with an engine on this machine`,
    {
      hint: `${variable}=unix:///var/run/docker.sock, for example; run cinch on the machine that runs the containers`,
    },
  );
}

/** A service that runs already, else one of our own. */
async function openPodman(options: OpenOptions): Promise<OpenEngine> {
  const env = options.env ?? process.env;
  const said = env["CONTAINER_HOST"];
  const places =
    said !== undefined && said !== ""
      ? [socketOf(said, "CONTAINER_HOST", "podman")]
      : [
          ...(process.getuid?.() === 0 ? ["/run/podman/podman.sock"] : []),
          join(env["XDG_RUNTIME_DIR"] ?? "/nonexistent", "podman/podman.sock"),
        ].filter((place) => existsSync(place));
  // Another runtime is chosen when the service starts, so one that runs already cannot serve.
  for (const place of options.runtime === undefined || said ? places : []) {
    try {
      const client = await EngineClient.connect("podman", place);
      return { client, async [Symbol.asyncDispose]() {} };
    } catch (error) {
      if (said !== undefined && said !== "") throw error;
    }
  }
  return startPodman(options);
}

/**
 * Seconds without a connection after which a service of ours ends by itself, should cinch be killed. While a container
 * runs cinch holds a connection.
 */
const IDLE_SECONDS = 300;
/** Its first start on a machine sets up the storage. */
const START_MS = 30_000;
const MAX_SAID = 16 * 1024;

async function startPodman(options: OpenOptions): Promise<OpenEngine> {
  const folder = mkdtempSync(join(tmpdir(), "cinch-podman-"));
  const socket = join(folder, "podman.sock");
  const runtime = options.runtime === undefined ? [] : ["--runtime", options.runtime];
  const args = [...runtime, "system", "service", `--time=${IDLE_SECONDS}`, `unix://${socket}`];
  // In a session of its own: Ctrl-C is for cinch, which then still needs it.
  const child = spawn("podman", args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: options.env ?? process.env,
    detached: true,
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-MAX_SAID)));
  const end = async (): Promise<void> => {
    await endProcess(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const client = await connectToOwn(child, socket, () => said);
    return {
      client,
      service: { pid: child.pid!, folder },
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function connectToOwn(child: ChildProcess, socket: string, said: () => string): Promise<EngineClient> {
  let failure: Error | undefined;
  child.once("error", (error) => (failure = error));
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline) {
    if (failure !== undefined) {
      throw new NotSupportedError("podman", `podman cannot be started: ${messageOf(failure)}`, {
        hint: "on Debian: apt-get install podman",
        cause: failure,
      });
    }
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new CinchError(
        "engine-error",
        `podman system service ended: ${said().trim() || "without a word"}`,
      );
    }
    if (existsSync(socket)) {
      try {
        return await EngineClient.connect("podman", socket);
      } catch (error) {
        // Between bind and listen.
        if (!(error instanceof NotSupportedError)) throw error;
      }
    }
    await sleep(20);
  }
  throw new CinchError(
    "engine-error",
    `podman's service did not answer within ${START_MS / 1000} s: ${said().trim()}`,
  );
}

/** SIGTERM, and SIGKILL when that is not heard. */
async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await exited;
  clearTimeout(timer);
}
