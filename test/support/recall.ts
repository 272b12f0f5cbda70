import { execFileSync } from "node:child_process";
import { expect } from "vitest";
import { analyzeTarget } from "../../src/analyze/index.ts";
import { openFolder, plainConfig } from "../../src/image/index.ts";
import { type Analysis, type Recording, mergeAnalyses } from "../../src/profile/index.ts";

/** Recordings held against the analysis of the executables that ran. */
export class Recall {
  #cache: string;
  #analyses = new Map<string, Promise<Analysis | undefined>>();

  constructor(cache: string) {
    this.#cache = cache;
  }

  /** The calls of the run that the analysis of its executables lacks. */
  async missing(recording: Recording): Promise<string[]> {
    const found: Analysis[] = [];
    for (const path of recording.executables) {
      // The loader is listed too; it is part of each program's analysis.
      if (/\/ld-(linux|musl)[^/]*$/.test(path)) continue;
      const analysis = this.#analyses.get(path) ?? this.analyze(path);
      this.#analyses.set(path, analysis);
      const one = await analysis;
      if (one !== undefined) found.push(one);
    }
    expect(found.length).toBeGreaterThan(0);
    const reachable = new Set(mergeAnalyses(...found).syscalls.map(({ name }) => name));
    const calls = recording.phases.filter(({ abi }) => abi === "native").flatMap(({ syscalls }) => syscalls);
    expect(calls.length).toBeGreaterThan(10);
    return calls.map(({ name }) => name).filter((name) => !reachable.has(name));
  }

  /** In the strict mode; undefined for a script. */
  async analyze(path: string): Promise<Analysis | undefined> {
    const head = execFileSync("head", ["-c", "4", path]);
    if (head.toString("latin1") !== "\u007fELF") return undefined;
    return analyzeTarget(
      { tree: openFolder("/"), config: plainConfig, target: path, file: path },
      { mode: "strict", cacheFolder: this.#cache },
    );
  }
}
