import { homedir } from "node:os";
import { join, relative } from "node:path";
import { type AnalyzeOptions, analyzeTarget } from "../analyze/index.ts";
import { CinchError } from "../base/index.ts";
import {
  type FileTree,
  type ImageConfig,
  type Target,
  openFolder,
  openImage,
  plainConfig,
} from "../image/index.ts";
import type { Analysis } from "../profile/index.ts";
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

const nothingToClose = { async [Symbol.asyncDispose]() {} };

/** Opens the files of a target. Throws `not-analyzed` for a container, whose image is what is looked at. */
export async function targetFiles(session: Session, target: Target): Promise<TargetFiles> {
  switch (target.kind) {
    case "image":
    case "stored": {
      session.talk.phase(`reading ${target.text}`);
      const { tree, config } = await openImage(target, {
        ...(session.platform !== undefined && { platform: session.platform }),
        talk: session.talk,
        signal: session.signal,
      });
      const env = [...config.env, ...Object.entries(target.env).map(([name, value]) => `${name}=${value}`)];
      return {
        tree,
        config: { ...config, env },
        ...(target.command && { command: target.command }),
        async [Symbol.asyncDispose]() {
          tree[Symbol.dispose]();
        },
      };
    }
    case "rootfs":
      return {
        tree: openFolder(target.path, target.text),
        config: { ...plainConfig, workingDir: target.cwd ?? "/" },
        ...(target.command && { command: target.command }),
        ...nothingToClose,
      };
    case "file":
      return {
        tree: openFolder(target.root, target.root),
        config: plainConfig,
        file: target.root === "/" ? target.path : `/${relative(target.root, target.path)}`,
        command: target.args,
        ...nothingToClose,
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
        ...nothingToClose,
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
