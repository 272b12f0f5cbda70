import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { CinchError, Cleanup, NotSupportedError, readBounded } from "../base/index.ts";
import { type ImageConfig, type Target, plainConfig } from "../image/index.ts";
import { dockerDefaultCapabilities } from "../linux/index.ts";
import { type BundlePlan, bundleConfig } from "./bundle-config.ts";
import { bundleOptions } from "./bundle-options.ts";
import { RunningBundle } from "./bundle-running.ts";
import { allowAll, ownVolumes, tmpfsMounts } from "./container-body.ts";
import type { EngineOptions } from "./engine-args.ts";
import { guard } from "./guardian.ts";
import type { ContainerConfinement, Running, StartHooks, Subject } from "./model.ts";
import { OutputLog } from "./output.ts";
import { exportedImage, writableCopy } from "./rootfs.ts";
import { resolveUser } from "./user.ts";

export interface BundleOptions {
  engine: "runc" | "crun";
  target: Extract<Target, { kind: "image" | "rootfs" | "file" }>;
  confinement: ContainerConfinement;
  options: EngineOptions;
  env: Readonly<Record<string, string>>;
  stdio: "capture" | "inherit";
}

/** Makes an OCI bundle that runc or crun then runs, in the host's network. Needs root. */
export async function prepareBundle(given: BundleOptions): Promise<Subject> {
  if (process.getuid?.() !== 0) {
    throw new NotSupportedError(given.engine, `${given.engine} bundles need root`, {
      hint: "run as root, or take --engine docker",
    });
  }
  const { engine, target, confinement, stdio } = given;
  await using undo = new Cleanup();
  const runtime = await runtimeVersion(engine);
  checkCgroups(engine);
  const options = bundleOptions(given.options, engine);
  const { lower, config } = await source(target, undo);
  const user = resolveUser(confinement.user ?? options.user ?? target.user ?? config.user, lower);
  const id = `cinch-${randomBytes(6).toString("hex")}`;
  const rootfs = await writableCopy(lower, undo);
  const plan: BundlePlan = {
    rootfs,
    argv: argvOf(target, config, options),
    env: environment(config, { ...target.env, ...given.env }, options, user.home),
    cwd: options.workingDir ?? (target.kind === "rootfs" ? target.cwd : undefined) ?? config.workingDir,
    user: { ...user, groups: [...user.groups, ...options.groups] },
    capabilities: confinement.capabilities ?? withChanges(options),
    noNewPrivileges: confinement.noNewPrivileges === true || options.noNewPrivileges,
    readOnlyRoot: confinement.readOnlyRoot === true || options.readOnly,
    seccomp: confinement.seccomp === "allow-all" ? allowAll() : confinement.seccomp,
    tmpfs: tmpfsMounts(confinement, options),
    // A volume is the root's own directory once more, for itself: its content and owners stay.
    binds: [
      ...networkFiles(),
      ...ownVolumes(confinement, options).map((path) => volumeOf(rootfs, path)),
      ...options.binds,
    ],
    rlimits: options.ulimits,
    hostname: options.hostname ?? id,
    terminal: stdio === "inherit" && process.stdin.isTTY && process.stdout.isTTY,
  };
  const folder = mkdtempSync(join(tmpdir(), "cinch-bundle-"));
  undo.add(guard({ kind: "remove", folder }));
  undo.add(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "config.json"), JSON.stringify(bundleConfig(plan)));
  return new Bundle({ engine, runtime, id, folder, plan, config, stdio, undo: undo.move() });
}

function volumeOf(rootfs: string, path: string): { source: string; target: string; readOnly: boolean } {
  const source = join(rootfs, path);
  mkdirSync(source, { recursive: true });
  return { source, target: path, readOnly: false };
}

/** crun refuses to work where both versions of cgroups have controllers. */
function checkCgroups(engine: string): void {
  const file = "/sys/fs/cgroup/unified/cgroup.controllers";
  if (engine !== "crun" || !existsSync(file)) return;
  const controllers = readBounded(file).toString("utf8").trim();
  if (controllers === "") return;
  throw new NotSupportedError(
    "crun",
    `crun does not start here: cgroups are hybrid, with ${controllers} in version 2`,
    {
      hint: "take --engine runc",
    },
  );
}

/** "runc 1.1.5". */
async function runtimeVersion(engine: "runc" | "crun"): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(engine, ["--version"]);
    return `${engine} ${/version (\d[\d.]*\d(?:-rc[.\d]*)?)/.exec(stdout)?.[1] ?? ""}`.trim();
  } catch (cause) {
    throw new NotSupportedError(engine, `${engine} is not installed`, {
      hint: `on Debian: apt-get install ${engine}`,
      cause,
    });
  }
}

async function source(
  target: BundleOptions["target"],
  undo: Cleanup,
): Promise<{ lower: string; config: ImageConfig }> {
  if (target.kind === "image") {
    const { folder, image } = await exportedImage(target.engine, target.image, undo);
    return { lower: folder, config: image.config };
  }
  return { lower: target.kind === "rootfs" ? target.path : target.root, config: plainConfig };
}

function argvOf(
  target: BundleOptions["target"],
  config: ImageConfig,
  options: { entrypoint?: string[] },
): string[] {
  if (target.kind === "file")
    return [target.path.slice(target.root.length).replace(/^\/*/, "/"), ...target.args];
  const entrypoint = options.entrypoint ?? config.entrypoint;
  // A new entrypoint does away with the image's command, as in docker run.
  const command = target.command ?? (options.entrypoint?.length ? [] : config.command);
  const argv = [...entrypoint, ...command];
  if (argv.length === 0) {
    throw new CinchError("no-command", `${target.text} does not say what to run`, {
      hint: `say it: ${target.text} -- COMMAND`,
    });
  }
  return argv;
}

/** PATH and HOME as Docker sets them where nothing else does; the later of two counts. */
function environment(
  config: ImageConfig,
  own: Readonly<Record<string, string>>,
  options: { env: readonly string[] },
  home: string,
): string[] {
  const values = new Map<string, string>();
  const all = [
    ...plainConfig.env,
    `HOME=${home}`,
    ...config.env,
    ...options.env,
    ...Object.entries(own).map((pair) => pair.join("=")),
  ];
  for (const text of all) values.set(text.slice(0, text.indexOf("=")), text);
  return [...values.values()];
}

function withChanges({
  capAdd,
  capDrop,
}: {
  capAdd: readonly string[];
  capDrop: readonly string[];
}): string[] {
  const names = (list: readonly string[]): string[] =>
    list.map((name) => `CAP_${name.toUpperCase().replace(/^CAP_/, "")}`);
  const dropped = new Set(names(capDrop));
  const base = dropped.has("CAP_ALL") ? [] : dockerDefaultCapabilities.filter((name) => !dropped.has(name));
  return [...new Set([...base, ...names(capAdd)])].sort();
}

/** In the host's network, names are looked up as the host does. */
function networkFiles(): BundlePlan["binds"] {
  return ["/etc/resolv.conf", "/etc/hosts"]
    .filter((file) => existsSync(file))
    .map((file) => ({ source: file, target: file, readOnly: true }));
}

interface Parts {
  engine: "runc" | "crun";
  runtime: string;
  id: string;
  folder: string;
  plan: BundlePlan;
  config: ImageConfig;
  stdio: "capture" | "inherit";
  undo: Cleanup;
}

const LOOK_MS = 5;

class Bundle implements Subject {
  readonly engine: "runc" | "crun";
  readonly runtime: string;
  readonly noNewPrivileges: boolean;
  readonly user: { uid: number; gid: number };
  readonly cgroup: string;
  #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.engine = parts.engine;
    this.runtime = parts.runtime;
    this.noNewPrivileges = parts.plan.noNewPrivileges;
    this.user = { uid: parts.plan.user.uid, gid: parts.plan.user.gid };
    this.cgroup = parts.id;
  }

  async start(_hooks?: StartHooks): Promise<Running> {
    const { engine, id, folder, config, stdio, undo, plan } = this.#parts;
    const log = new OutputLog();
    const command = [engine, "--root", join(folder, "state")];
    const errors = join(folder, "errors");
    const pidFile = join(folder, "pid");
    const remove = [...command, "delete", "--force", id];
    undo.add(guard({ kind: "run", argv: remove }));
    const child = spawn(
      engine,
      [
        ...command.slice(1),
        "--log",
        errors,
        "--log-format",
        "json",
        "run",
        "--bundle",
        folder,
        "--pid-file",
        pidFile,
        id,
      ],
      {
        stdio: stdio === "inherit" ? "inherit" : ["ignore", "pipe", "pipe"],
        // Away from Ctrl-C, which is for cinch: it ends the container in its own way.
        detached: stdio === "capture",
      },
    );
    child.stdout?.on("data", (chunk: Buffer) => log.write(chunk, "stdout"));
    child.stderr?.on("data", (chunk: Buffer) => log.write(chunk, "stderr"));
    const drained = once(child, "close").catch(() => {});
    undo.add(async () => {
      await promisify(execFile)(remove[0]!, remove.slice(1)).catch(() => {});
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await drained;
    });
    const pid = await startedPid(child, pidFile);
    if (pid === undefined) {
      await drained;
      const said = runtimeErrors(errors) || log.lastLines(5);
      throw new CinchError(
        "start-failed",
        `the container did not start: ${engine}: ${said || "no reason given"}`,
      );
    }
    return new RunningBundle({ engine, id, pid, command, child, log, drained, config, env: plan.env });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.undo[Symbol.asyncDispose]();
  }
}

/** The main process, once the runtime has started it; undefined if the runtime gave up. */
async function startedPid(child: ChildProcess, file: string): Promise<number | undefined> {
  let failure: unknown;
  child.once("error", (error) => (failure = error));
  for (;;) {
    const ended = child.exitCode !== null || child.signalCode !== null || failure !== undefined;
    const pid = existsSync(file) ? Number(readBounded(file).toString("utf8")) : 0;
    if (pid > 0) return pid;
    if (ended) return undefined;
    await sleep(LOOK_MS);
  }
}

/** The runtime's own errors: lines of JSON with a level and a message. */
function runtimeErrors(file: string): string {
  if (!existsSync(file)) return "";
  const messages = readBounded(file)
    .toString("utf8")
    .slice(-64 * 1024)
    .split("\n")
    .flatMap((line) => {
      try {
        const entry = JSON.parse(line) as { level?: string; msg?: string };
        return entry.level === "error" && entry.msg !== undefined ? [entry.msg] : [];
      } catch {
        return [];
      }
    });
  return [...new Set(messages)].join("; ");
}
