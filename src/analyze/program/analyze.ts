import type { AnalyzedModule } from "../../profile/index.ts";
import { ASSUMPTIONS, CONFIGURED_MODULES, LITERAL_LOOKUPS } from "../assumptions.ts";
import type { ExtraModule } from "../closure-model.ts";
import type { Module } from "../link/module.ts";
import type { LoadedFile, Loader } from "../load/loader.ts";
import { type ProgramFindings, findCalls } from "./findings.ts";
import { type LinkedProgram, type Surroundings, linkProgram } from "./program.ts";

export interface AnalyzeProgramOptions {
  mode: "strict" | "tight";
  /** Names of the assumptions that are made. */
  assumed: ReadonlySet<string>;
  /** Whether to find out what each assumption that is made takes away: costs an analysis for each that matters. */
  compare: boolean;
  plugins: readonly ExtraModule[];
}

export interface ProgramResult {
  path: string;
  digest: string;
  arch: "x86_64" | "aarch64";
  kind: "elf" | "go";
  findings: ProgramFindings;
  modules: AnalyzedModule[];
  missing: LinkedProgram["missing"];
  unread: LinkedProgram["unread"];
  /** By assumption: the calls that it takes away. */
  removes: Map<string, string[]>;
}

/** Analyzes one executable with all it may load. */
export function analyzeProgram(
  loader: Loader,
  file: LoadedFile,
  surroundings: Surroundings,
  { mode, assumed, compare, plugins }: AnalyzeProgramOptions,
): ProgramResult {
  const hits = new Set<string>();
  const configured = plugins.filter(({ isConfigured }) => isConfigured !== false);
  if (configured.length < plugins.length) hits.add(CONFIGURED_MODULES);
  const analyze = (names: ReadonlySet<string>): { program: LinkedProgram; findings: ProgramFindings } => {
    const isCut = cutting(names, hits);
    const program = linkProgram(loader, file, surroundings, {
      mode,
      plugins: names.has(CONFIGURED_MODULES) ? configured : plugins,
      literalLookups: names.has(LITERAL_LOOKUPS),
      ...(isCut && { isCut }),
    });
    return { program, findings: findCalls(program) };
  };
  const { program, findings } = analyze(assumed);
  // Read now: the modules are shared, and the next program gives them new places.
  const modules = modulesOf(program);
  const digest = program.executable.digest;
  const removes = new Map<string, string[]>();
  if (compare) {
    const calls = namesOf(findings);
    const mattered = [...assumed].filter((name) => name === LITERAL_LOOKUPS || hits.has(name));
    for (const name of mattered) {
      const without = new Set(assumed);
      without.delete(name);
      removes.set(name, [...namesOf(analyze(without).findings).difference(calls)].sort());
    }
  }
  return {
    path: file.path,
    digest,
    arch: program.executable.machine.name,
    kind: program.isGo ? "go" : "elf",
    findings,
    modules,
    missing: program.missing,
    unread: program.unread,
    removes,
  };
}

function namesOf({ syscalls }: ProgramFindings): Set<string> {
  return new Set(syscalls.map(({ name }) => name));
}

/** Whether a function does not count; `hits` takes the names of the assumptions that ever say so. */
function cutting(
  names: ReadonlySet<string>,
  hits: Set<string>,
): ((module: Module, index: number, all: readonly Module[]) => boolean) | undefined {
  const active = ASSUMPTIONS.filter(({ name }) => names.has(name));
  if (active.length === 0) return undefined;
  return (module, index, all) => {
    const by = active.find((one) => one.cuts(module, index, all));
    if (by !== undefined) hits.add(by.name);
    return by !== undefined;
  };
}

function modulesOf({ reach }: LinkedProgram): AnalyzedModule[] {
  return reach.modules.map((module) => {
    const functions = module.code.starts.length;
    let reachable = 0;
    for (let i = 0; i < functions; i += 1) if (reach.isReached(module, i)) reachable += 1;
    return {
      path: module.path,
      buildId: module.elf.buildId ?? "",
      digest: module.digest,
      reason: reach.loaded.get(module)!.reason,
      functions,
      reachable,
    };
  });
}
