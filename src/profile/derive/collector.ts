import { canonicalJson } from "../canonical.ts";
import type { Evidence, EvidenceFile, GrantName } from "../model.ts";

/** Gathers grants with what speaks for them, and what was used but is left out. */
export class Collector {
  #grants = new Map<GrantName, Map<string, Evidence>>();
  #leftOut = new Map<string, { grant: GrantName; reason: string; evidence: Map<string, Evidence> }>();

  grant(name: GrantName, evidence: Evidence): void {
    const known = this.#grants.get(name) ?? new Map<string, Evidence>();
    known.set(canonicalJson(evidence), evidence);
    this.#grants.set(name, known);
  }

  leaveOut(name: GrantName, reason: string, evidence: Evidence): void {
    const key = `${name}\0${reason}`;
    const entry = this.#leftOut.get(key) ?? { grant: name, reason, evidence: new Map<string, Evidence>() };
    entry.evidence.set(canonicalJson(evidence), evidence);
    this.#leftOut.set(key, entry);
  }

  has(name: GrantName): boolean {
    return this.#grants.has(name);
  }

  /** What follows a prefix ("syscall:") in the names of grants, sorted. */
  names(prefix: string): string[] {
    return [...this.#grants.keys()]
      .filter((name) => name.startsWith(prefix))
      .map((name) => name.slice(prefix.length))
      .sort();
  }

  grants(): EvidenceFile["grants"] {
    return inOrder(this.#grants).map(([grant, evidence]) => ({
      grant,
      evidence: inOrder(evidence).map(([, one]) => one),
    }));
  }

  /** What one run left out and another one needs is granted, and not told here. */
  leftOut(): EvidenceFile["leftOut"] {
    return inOrder(this.#leftOut)
      .filter(([, { grant }]) => !this.has(grant))
      .map(([, { grant, reason, evidence }]) => ({
        grant,
        reason,
        evidence: inOrder(evidence).map(([, one]) => one),
      }));
  }
}

function inOrder<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
