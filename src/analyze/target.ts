import type { Talk } from "../base/index.ts";
import type { FileTree, ImageConfig } from "../image/index.ts";
import type { Analysis } from "../profile/index.ts";
import { AnswerCache, WatchedTree } from "./load/answers.ts";

/** What is analyzed. */
export interface AnalyzeSource {
  tree: FileTree;
  config: ImageConfig;
  /** As documents name it. */
  target: string;
  /** Instead of the image's command. */
  command?: readonly string[];
  /** One executable alone, by its path in the tree. */
  file?: string;
}

export interface AnalyzeOptions {
  mode: "strict" | "tight";
  /** Assumptions to make and not to make, by name, beyond what the mode does. */
  assume?: readonly string[];
  noAssume?: readonly string[];
  /** Modules that the programs may load, by path in the tree. */
  plugins?: readonly string[];
  /** Programs that were seen to run, by path in the tree: they count, whether or not anything is found to start them. */
  executables?: readonly string[];
  /** All executables in the folders of PATH, whether or not anything starts them. */
  all?: boolean;
  /** Whether to find out which calls each assumption takes away; by default in the mode that makes them. */
  compare?: boolean;
  /** The program with its libraries alone: without name services, and modules from the usual folders. */
  alone?: boolean;
  /** Where summaries of modules are kept; undefined: nowhere. */
  cacheFolder?: string;
  talk?: Talk;
  signal?: AbortSignal;
}

/**
 * Finds every system call that a target's programs could make: those that its entrypoint leads to, and those that these
 * start. Throws `nothing-to-analyze` where no program is found, `unknown-assumption`, and what reading the tree throws.
 */
export async function analyzeTarget(source: AnalyzeSource, options: AnalyzeOptions): Promise<Analysis> {
  if (options.cacheFolder === undefined) return run(source, options);
  const { tree, ...what } = source;
  const asked = { what, how: howOf(options) };
  const answers = new AnswerCache(options.cacheFolder);
  const known = answers.read(asked, tree);
  if (known !== undefined) return known;
  const watched = new WatchedTree(tree);
  const analysis = await run({ ...source, tree: watched }, options);
  answers.write(asked, watched.questions, analysis);
  return analysis;
}

/** An image, by what names it and no other, and how it is started. */
export interface FixedSource {
  digest: string;
  /** That the image must be for, where that was said. */
  platform?: string;
  target: string;
  command?: readonly string[];
  env: Readonly<Record<string, string>>;
}

/**
 * As `analyzeTarget`, for an image that never changes: where its analysis is kept, the image is not even opened. `open` is
 * called at most once; what it gives is the caller's to close.
 */
export async function analyzeFixed(
  what: FixedSource,
  options: AnalyzeOptions,
  open: () => Promise<AnalyzeSource>,
): Promise<Analysis> {
  const answers = options.cacheFolder === undefined ? undefined : new AnswerCache(options.cacheFolder);
  const asked = { what, how: howOf(options) };
  const known = answers?.read(asked);
  if (known !== undefined) return known;
  const analysis = await run(await open(), options);
  answers?.write(asked, {}, analysis);
  return analysis;
}

function howOf(options: AnalyzeOptions): object {
  const { mode, assume, noAssume, plugins, executables, all, compare, alone } = options;
  return { mode, assume, noAssume, plugins, executables, all, compare, alone };
}

/** Decoder, data flow and shell reader are loaded only where there is work for them: a kept answer comes sooner. */
async function run(source: AnalyzeSource, options: AnalyzeOptions): Promise<Analysis> {
  const { TargetAnalysis } = await import("./run.ts");
  return new TargetAnalysis(source, options).run();
}
