import { homedir } from "node:os";
import { join, relative } from "node:path";
import { type AnalyzeOptions, analyzeTarget } from "../analyze/index.ts";
import { CinchError, Cleanup } from "../base/index.ts";
import { type FileTree, type ImageConfig, type Target, openFolder, plainConfig } from "../image/index.ts";
import type { Analysis } from "../profile/index.ts";
import { imageFolder } from "../workload/index.ts";
import type { Session } from "./session.ts";

/** The files of a target, and how it wants to be started. */
export interface TargetFiles extends AsyncDisposable {
  tree: FileTree;
  config: ImageConfig;
  /** Instead of the image's command. */
  command?: readonly string[];
  /** One executable alone. */
  file?: string;
}

/** Opens the files of a target. Throws `not-analyzed` for a container, whose image is what is looked at. */
export async function targetFiles(session: Session, target: Target): Promise<TargetFiles> {
  const undo = new Cleanup();
  const close = { [Symbol.asyncDispose]: () => undo[Symbol.asyncDispose]() };
  switch (target.kind) {
    case "image": {
      session.talk.phase(`unpacking ${target.text}`);
      const { folder, image } = await imageFolder(target.engine, target.image, undo);
      const env = [
        ...image.config.env,
        ...Object.entries(target.env).map(([name, value]) => `${name}=${value}`),
      ];
      return {
        tree: openFolder(folder, target.text),
        config: { ...image.config, env },
        ...(target.command && { command: target.command }),
        ...close,
      };
    }
    case "rootfs":
      return {
        tree: openFolder(target.path, target.text),
        config: { ...plainConfig, workingDir: target.cwd ?? "/" },
        ...(target.command && { command: target.command }),
        ...close,
      };
    case "file":
      return {
        tree: openFolder(target.root, target.root),
        config: plainConfig,
        file: target.root === "/" ? target.path : `/${relative(target.root, target.path)}`,
        command: target.args,
        ...close,
      };
    case "command": {
      const path = { ...session.context.process.env, ...target.env }["PATH"];
      return {
        tree: openFolder("/", "this machine"),
        config: {
          ...plainConfig,
          ...(path === undefined ? {} : { env: [`PATH=${path}`] }),
          workingDir: target.cwd,
        },
        command: target.argv,
        ...close,
      };
    }
    case "container":
      throw new CinchError(
        "not-analyzed",
        `${target.text} is a running container: its image is what can be analyzed`,
        {
          hint: `cinch analyze docker:IMAGE, with the image that docker inspect -f '{{.Config.Image}}' ${target.id} names`,
        },
      );
  }
}

/** Where summaries of modules are kept between runs (XDG Base Directory specification). */
export function cacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  const base = env["XDG_CACHE_HOME"];
  return join(base?.startsWith("/") === true ? base : join(homedir(), ".cache"), "cinch");
}

/** Analyzes a target. */
export async function analyzeJob(
  session: Session,
  target: Target,
  options: Pick<AnalyzeOptions, "mode" | "assume" | "noAssume" | "plugins">,
): Promise<Analysis> {
  await using files = await targetFiles(session, target);
  const { tree, config, command, file } = files;
  session.talk.phase("analyzing the code");
  return await analyzeTarget(
    { tree, config, target: target.text, ...(command && { command }), ...(file !== undefined && { file }) },
    {
      ...options,
      cacheFolder: cacheFolder(session.context.process.env),
      talk: session.talk,
      signal: session.signal,
    },
  );
}
