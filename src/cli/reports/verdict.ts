import type { Denial, Note, Verdict } from "../../profile/index.ts";
import type { Paint } from "../paint.ts";
import { count } from "../text.ts";

/** Beyond this the list no longer helps; the JSON has all of them. */
const SHOWN_DENIALS = 20;

/** A verdict for people: the outcome and why, then what was denied and how to allow it, then what was not held. */
export function verdictText(verdict: Verdict, paint: Paint): string {
  const { outcome, passed, runs, denials, notes } = verdict;
  const ran = runs === 0 ? "no enforced run was made" : `${passed} of ${count(runs, "enforced run")} passed`;
  const lines = [`${paint.strong(OUTCOME[outcome](paint))}: ${ran} (${verdict.engine}, ${verdict.target})`];
  const notHeld = notes.filter(({ code }) => code === "not-enforced").map(({ text }) => text);
  const [facts, reasons] = [[], []] as [Note[], Note[]];
  for (const note of notes)
    if (note.code !== "not-enforced") (FACTS.has(note.code) ? facts : reasons).push(note);
  for (const { text } of reasons) lines.push(`  ${text}`);
  for (const denial of denials.slice(0, SHOWN_DENIALS)) {
    lines.push(
      `  ${paint.bad("denied")} ${denialText(denial)}`,
      paint.faint(`    to allow it: ${denial.suggestion}`),
    );
  }
  if (denials.length > SHOWN_DENIALS)
    lines.push(`  and ${denials.length - SHOWN_DENIALS} more (-o json has them all)`);
  for (const { text } of facts) lines.push(`  ${text}`);
  if (notHeld.length > 0) lines.push(`  not held here: ${notHeld.join("; ")}`);
  return lines.join("\n");
}

/** Notes that explain nothing about the outcome. */
const FACTS: ReadonlySet<string> = new Set(["answered-enosys", "io-uring", "stricter", "files-not-watched"]);

const OUTCOME: Readonly<Record<Verdict["outcome"], (paint: Paint) => string>> = {
  held: (paint) => paint.good("held"),
  denied: (paint) => paint.bad("denied"),
  inconclusive: (paint) => paint.doubtful("inconclusive"),
};

export function denialText({ capability, syscall, path, errno, executable, args }: Denial): string {
  const called = syscall === undefined ? undefined : `${syscall}(${(args ?? []).join(", ")})`;
  const what = capability ?? path ?? called ?? "something";
  const during = called !== undefined && what !== called ? ` in ${syscall}` : "";
  const who = executable === "" ? "" : ` by ${executable}`;
  return `${what}${during}${who}: ${errno}`;
}
