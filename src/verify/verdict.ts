import type { Denial, Note, Verdict } from "../profile/index.ts";
import { uniqueDenials } from "./classify.ts";
import type { Refusals } from "./predict.ts";

/** One enforced run, judged. */
export interface JudgedRun extends Refusals {
  /** How its course differed from the unconfined run's. */
  differences: string[];
  /** Refusals could be seen. */
  watched: boolean;
  /** Why what was seen may not be all; empty if it is. */
  losses: string[];
}

export interface Findings {
  profile: string;
  target: string;
  engine: string;
  /** What the unconfined run used and the profile refuses. */
  predicted: Refusals;
  /** Why the unconfined run cannot be compared with; empty if it can. */
  doubts: Note[];
  runs: JudgedRun[];
  /** How many were asked for. */
  wanted: number;
  notes: Note[];
}

/**
 * The verdict: held only if every enforced run passed as the unconfined one did and nothing was denied; denied if
 * something was; inconclusive if the runs cannot prove either.
 */
export function judge(findings: Findings): Verdict {
  const { runs, predicted, doubts, wanted } = findings;
  const denialsOf = (run: JudgedRun): Denial[] =>
    run.differences.length === 0 ? run.denials : [...run.denials, ...run.probes];
  const passed = runs.filter((run) => denialsOf(run).length === 0 && run.differences.length === 0).length;
  const denials = uniqueDenials([...runs.flatMap(denialsOf), ...predicted.denials]);
  const notes: Note[] = [...doubts, ...findings.notes];
  notes.push(...differenceNotes(runs));
  const probes = [...runs, predicted].flatMap((one) => one.probes.map(({ syscall = "" }) => syscall));
  if (probes.length > 0) {
    const names = [...new Set(probes)].sort().join(", ");
    notes.push({ code: "answered-enosys", text: `answered ENOSYS, as by an older kernel: ${names}` });
  }
  const unseen = unseenNotes(runs);
  notes.push(...unseen);

  let outcome: Verdict["outcome"];
  if (doubts.some(({ code }) => DISQUALIFYING.has(code))) outcome = "inconclusive";
  else if (denials.length > 0 || passed < runs.length) outcome = "denied";
  else if (doubts.length > 0 || unseen.length > 0 || runs.length < wanted || runs.length === 0)
    outcome = "inconclusive";
  else outcome = "held";
  if (outcome === "denied" && denials.length === 0) {
    notes.push({
      code: "failed-without-denial",
      text: "the workload went otherwise under the profile, but no refusal was seen that explains it",
    });
  }
  const { profile, target, engine } = findings;
  return {
    schemaVersion: 1,
    kind: "verdict",
    profile,
    target,
    engine,
    outcome,
    runs: runs.length,
    passed,
    denials,
    notes: uniqueNotes(notes),
  };
}

/** One note for each way in which runs differed, naming the runs. */
function differenceNotes(runs: readonly JudgedRun[]): Note[] {
  const seen = new Map<string, number[]>();
  for (const [i, { differences }] of runs.entries()) {
    for (const text of differences) seen.set(text, [...(seen.get(text) ?? []), i + 1]);
  }
  return [...seen].map(([text, numbers]) => {
    const which =
      numbers.length === runs.length && runs.length > 1
        ? "every enforced run"
        : `enforced run ${numbers.join(", ")}`;
    return { code: "differs", text: `${which}: ${text}` };
  });
}

/** A run that failed unconfined says nothing about the profile, whatever was refused later. */
const DISQUALIFYING: ReadonlySet<string> = new Set(["plain-run-failed", "interrupted"]);

function unseenNotes(runs: readonly JudgedRun[]): Note[] {
  const notes: Note[] = runs
    .flatMap(({ losses }) => losses)
    .map((text) => ({ code: "denials-lost", text: `refusals may have gone unseen: ${text}` }));
  if (runs.some(({ watched }) => !watched)) {
    notes.push({
      code: "denials-not-seen",
      text: "refused calls could not be watched here, so only the workload's course was compared",
    });
  }
  return notes;
}

function uniqueNotes(notes: readonly Note[]): Note[] {
  return [...new Map(notes.map((note) => [`${note.code}\0${note.text}`, note])).values()];
}
