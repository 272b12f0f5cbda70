import { homedir } from "node:os";
import { join, relative } from "node:path";
import { type AnalyzeOptions, type AnalyzeSource, analyzeFixed, analyzeTarget } from "../analyze/index.ts";
import { CinchError, Cleanup } from "../base/index.ts";
import {
  type FileTree,
  type ImageConfig,
  type OpenImage,
  type OpenImageOptions,
  type Target,
  locateImage,
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
    case "stored":
      return imageFiles(target, await openImage(target, imageOptions(session)));
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

type ImageTarget = Extract<Target, { kind: "image" | "stored" }>;

function imageOptions(session: Session): OpenImageOptions {
  const { platform, talk, signal } = session;
  return { ...(platform !== undefined && { platform }), talk, signal };
}

function imageFiles(target: ImageTarget, { tree, config }: OpenImage): TargetFiles {
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

/** Where summaries of modules are kept between runs (XDG Base Directory specification). */
export function cacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  const base = env["XDG_CACHE_HOME"];
  return join(base?.startsWith("/") === true ? base : join(homedir(), ".cache"), "cinch");
}

/** Analyzes a target. */
export async function analyzeJob(
  session: Session,
  target: Target,
  options: Pick<AnalyzeOptions, "mode" | "assume" | "noAssume" | "plugins" | "executables" | "all">,
): Promise<Analysis> {
  const { talk, signal } = session;
  const settings = { ...options, cacheFolder: cacheFolder(session.context.process.env), talk, signal };
  if (target.kind !== "image" && target.kind !== "stored") {
    await using files = await targetFiles(session, target);
    talk.phase("analyzing the code");
    return await analyzeTarget(sourceOf(target, files), settings);
  }
  talk.phase(`reading ${target.text}`);
  using image = await locateImage(target, imageOptions(session));
  await using undo = new Cleanup();
  const what = {
    digest: image.digest,
    ...(session.platform !== undefined && { platform: session.platform }),
    target: target.text,
    env: target.env,
    ...(target.command && { command: target.command }),
  };
  return await analyzeFixed(what, settings, async () => {
    const files = imageFiles(target, await image.open());
    undo.add(async () => files[Symbol.asyncDispose]());
    talk.phase("analyzing the code");
    return sourceOf(target, files);
  });
}

function sourceOf(target: Target, { tree, config, command, file }: TargetFiles): AnalyzeSource {
  return {
    tree,
    config,
    target: target.text,
    ...(command && { command }),
    ...(file !== undefined && { file }),
  };
}
