import { CinchError, type Talk } from "../base/index.ts";
import type { Target } from "../image/index.ts";
import { prepareBundle } from "./bundle.ts";
import { prepareContainer } from "./container.ts";
import { parseEngineArgs } from "./engine-args.ts";
import { prepareLocal } from "./local.ts";
import type { Confinement, EngineName, Subject } from "./model.ts";
import { splitWords } from "./words.ts";

export interface PrepareOptions {
  /** What starts it; undefined: what the target says. */
  engine?: EngineName;
  confinement: Confinement;
  /** Options as docker run has them. */
  engineArgs?: readonly string[];
  /** Environment beyond the target's own. */
  env?: Readonly<Record<string, string>>;
  talk: Talk;
  /** "inherit": the terminal's own streams (cinch run). */
  stdio?: "capture" | "inherit";
}

/** How an engine comes to have an image. */
const RUN_STORED: Readonly<Record<Extract<Target, { kind: "stored" }>["form"], string>> = {
  registry: "docker pull REF, then docker:REF",
  "oci-dir": "skopeo copy oci:DIR docker-daemon:NAME:latest, then docker:NAME",
  "oci-archive": "podman load -i FILE, then podman:NAME",
  "docker-archive": "docker load -i FILE, then docker:NAME",
};

/** What starts a target where nothing else is said. */
export function engineFor(target: Target, wanted?: EngineName): EngineName {
  const engine = wanted ?? target.project?.engine;
  switch (target.kind) {
    case "image":
      if (engine === "local") throw unfit(target, engine, "an image needs a container engine");
      if ((engine === "docker" || engine === "podman") && engine !== target.engine) {
        throw unfit(
          target,
          engine,
          `the image is ${target.engine}'s`,
          `${target.engine} save ${target.image} | ${engine} load`,
        );
      }
      return engine ?? target.engine;
    case "command":
      if (engine !== undefined && engine !== "local") {
        throw unfit(
          target,
          engine,
          "a command runs on this machine",
          "for a container: docker:IMAGE -- COMMAND",
        );
      }
      return "local";
    case "file":
      if (target.root === "/") return engineForFile(target, engine);
      if (engine === "runc" || engine === "crun" || engine === undefined) return engine ?? "runc";
      throw unfit(target, engine, "a program in another root runs as a bundle", "--engine runc or crun");
    case "rootfs":
      if (engine === "runc" || engine === "crun" || engine === undefined) return engine ?? "runc";
      throw unfit(
        target,
        engine,
        "a root folder runs as a bundle",
        "--engine runc or crun, or: tar -C DIR -c . | docker import - NAME",
      );
    case "stored":
      throw new CinchError(
        "unfit-engine",
        `${target.text} is an image that no engine has: it can be analyzed, not run`,
        {
          hint: RUN_STORED[target.form],
        },
      );
    case "container":
      throw new CinchError("runs-already", `${target.text} runs already: it is observed, not started`, {
        hint: `cinch record ${target.text}; to start a new one take its image: docker:IMAGE`,
      });
  }
}

function engineForFile(target: Target, engine: EngineName | undefined): EngineName {
  if (engine !== undefined && engine !== "local") {
    throw unfit(target, engine, "a program of this machine runs by itself", "for another root: --root DIR");
  }
  return "local";
}

function unfit(target: Target, engine: string, why: string, hint?: string): CinchError {
  return new CinchError("unfit-engine", `${target.text} cannot be started by ${engine}: ${why}`, { hint });
}

/**
 * Makes a target ready to start under a confinement: the container is created, the bundle written. Disposing of the
 * subject removes it all again. Throws NotSupportedError where the engine is not here, `no-image`, `bad-engine-args`,
 * `unfit-engine`, and `start-failed` where the engine refuses what it is asked for.
 */
export async function prepareSubject(target: Target, options: PrepareOptions): Promise<Subject> {
  const engine = engineFor(target, options.engine);
  const { confinement, talk, env = {}, stdio = "capture" } = options;
  const parsed = parseEngineArgs(engineArgsFor(target, options.engineArgs), {
    cwd: target.project?.folder ?? process.cwd(),
    env: process.env,
  });
  if (engine === "local") {
    if (!("local" in confinement)) throw mismatch(target, engine);
    if (target.kind !== "command" && target.kind !== "file") throw mismatch(target, engine);
    return prepareLocal({ target, confinement: confinement.local, options: parsed, env, stdio });
  }
  if (!("container" in confinement)) throw mismatch(target, engine);
  const { container } = confinement;
  if (container.capabilities !== undefined && parsed.capAdd.length + parsed.capDrop.length > 0) {
    talk.detail(
      "--cap-add and --cap-drop do not count in this run: the profile says which capabilities there are",
    );
    parsed.capAdd = [];
    parsed.capDrop = [];
  }
  const common = { confinement: container, options: parsed, env, stdio, talk };
  if (engine === "runc" || engine === "crun") {
    if (target.kind !== "image" && target.kind !== "rootfs" && target.kind !== "file")
      throw mismatch(target, engine);
    return prepareBundle({ ...common, engine, target });
  }
  if (target.kind !== "image") throw mismatch(target, engine);
  return prepareContainer({ ...common, engine, target });
}

/** The command line's come after the project file's, so that they count where only one can. */
function engineArgsFor(target: Target, given: readonly string[] | undefined): string[] {
  const written = target.project?.engineArgs;
  return [...(typeof written === "string" ? splitWords(written) : (written ?? [])), ...(given ?? [])];
}

function mismatch(target: Target, engine: EngineName): CinchError {
  return new CinchError(
    "unfit-engine",
    `${target.text} on ${engine} is not held in the way that was asked for`,
  );
}
