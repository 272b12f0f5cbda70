import { createHash } from "node:crypto";
import { CinchError } from "../base/index.ts";
import type {
  Analysis,
  AnalyzedExecutable,
  AnalyzedModule,
  AnalyzedSyscall,
  ArchName,
  Note,
  Possibility,
  ReachableArgument,
  Unresolved,
} from "../profile/index.ts";
import { ASSUMPTIONS, FIXED_ASSUMPTIONS } from "./assumptions.ts";
import { capabilitiesOf } from "./capabilities.ts";
import type { ReachedProgram } from "./closure-model.ts";
import type { ProgramResult } from "./program/analyze.ts";
import type { FoundSyscall } from "./program/findings.ts";

/** Puts what was found in each program together: one analysis of the target. */
export class AnalysisBuilder {
  #target: string;
  #mode: "strict" | "tight";
  #assumed: ReadonlySet<string>;
  #arch: ArchName | undefined;
  #executables: AnalyzedExecutable[] = [];
  #modules = new Map<string, AnalyzedModule>();
  #syscalls = new Map<number, AnalyzedSyscall>();
  #unresolved = new Map<string, Unresolved>();
  #possibilities = new Map<string, Possibility>();
  #removes = new Map<string, Set<string>>();
  #notes = new Map<string, Note>();

  constructor(target: string, mode: "strict" | "tight", assumed: ReadonlySet<string>) {
    this.#target = target;
    this.#mode = mode;
    this.#assumed = assumed;
  }

  /** How many programs were added, scripts not counted. */
  get programs(): number {
    return this.#executables.filter(({ kind }) => kind !== "script").length;
  }

  addScript({ path, reason }: ReachedProgram, content: Uint8Array | undefined): void {
    const digest = `sha256:${createHash("sha256")
      .update(content ?? "")
      .digest("hex")}`;
    this.#executables.push({ path, digest, kind: "script", reason, syscalls: 0 });
  }

  addProgram({ path, reason }: ReachedProgram, result: ProgramResult, arch: ArchName): void {
    this.#arch ??= arch;
    const { findings, kind, digest } = result;
    this.#executables.push({ path, digest, kind, reason, syscalls: findings.syscalls.length });
    for (const module of result.modules) this.#addModule(module);
    for (const call of findings.syscalls) this.#addCall(call, path);
    for (const one of findings.unresolved) this.#unresolved.set(JSON.stringify(one), one);
    for (const one of findings.possibilities) this.#possibilities.set(JSON.stringify(one), one);
    for (const { code, text } of findings.notes) this.#note(code, text);
    for (const [name, calls] of result.removes) {
      const known = this.#removes.get(name) ?? new Set();
      for (const call of calls) known.add(call);
      this.#removes.set(name, known);
    }
    for (const { name, neededBy } of result.missing)
      this.#note("missing-library", `${name}, which ${neededBy} needs, is not in the target`);
    for (const { path: file, reason: why } of result.unread) this.#note("unread-module", `${file}: ${why}`);
  }

  /** The document. Throws `nothing-to-analyze` without a program. */
  build(unresolved: readonly Unresolved[]): Analysis {
    for (const one of unresolved) this.#unresolved.set(JSON.stringify(one), one);
    if (this.#arch === undefined) {
      const why = [...this.#unresolved.values()].map(({ module, reason }) => `${module}: ${reason}`);
      throw new CinchError(
        "nothing-to-analyze",
        `${this.#target}: no program was found that could be analyzed${why.length > 0 ? ` (${why.slice(0, 3).join("; ")})` : ""}`,
        { hint: "name the command after --, or one executable: cinch analyze file:PATH --root DIR" },
      );
    }
    const syscalls = [...this.#syscalls.values()].sort((a, b) => a.nr - b.nr);
    return {
      schemaVersion: 1,
      kind: "analysis",
      target: this.#target,
      arch: this.#arch,
      mode: this.#mode,
      executables: this.#executables.sort(byPath),
      modules: [...this.#modules.values()].sort(byPath),
      syscalls,
      capabilities: capabilitiesOf(syscalls),
      unresolved: sorted(this.#unresolved),
      possibilities: sorted(this.#possibilities),
      assumptions: [...this.#switchable(), ...this.#fixed()],
      notes: [...this.#notes.values()].sort((a, b) => (a.text < b.text ? -1 : 1)),
    };
  }

  #switchable(): Analysis["assumptions"] {
    return ASSUMPTIONS.map(({ name, effect }) => ({
      name,
      effect,
      active: this.#assumed.has(name),
      removes: [...(this.#removes.get(name) ?? [])].filter((call) => !this.#hasCall(call)).sort(),
    }));
  }

  #hasCall(name: string): boolean {
    for (const call of this.#syscalls.values()) if (call.name === name) return true;
    return false;
  }

  #fixed(): Analysis["assumptions"] {
    const objects = {
      name: "objects-at-references",
      effect:
        "an object in data starts where something refers to it: who knows the address of one does not read the next",
    };
    return [...FIXED_ASSUMPTIONS, ...(this.#mode === "tight" ? [objects] : [])].map((one) => ({
      ...one,
      active: true,
      removes: [],
    }));
  }

  #addModule(module: AnalyzedModule): void {
    const known = this.#modules.get(module.path);
    if (known === undefined || module.reachable > known.reachable) this.#modules.set(module.path, module);
  }

  #addCall({ name, nr, path, via, args }: FoundSyscall, executable: string): void {
    const known = this.#syscalls.get(nr);
    if (known === undefined) {
      this.#syscalls.set(nr, { name, nr, path, via, executables: [executable], ...(args && { args }) });
      return;
    }
    known.executables = [...known.executables, executable].sort();
    if (path.length < known.path.length) Object.assign(known, { path, via });
    if (args !== undefined)
      known.args = known.args === undefined ? args : args.map((one, i) => joined(one, known.args![i]!));
  }

  #note(code: string, text: string): void {
    this.#notes.set(text, { code, text });
  }
}

function joined(a: ReachableArgument, b: ReachableArgument): ReachableArgument {
  const values = new Set([...a.values, ...b.values]);
  return { ...a, values: [...values].sort((x, y) => x - y), closed: a.closed && b.closed };
}

function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

function sorted<T>(byKey: ReadonlyMap<string, T>): T[] {
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}
