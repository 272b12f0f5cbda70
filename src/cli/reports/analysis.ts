import { groupOf, syscallGroups } from "../../linux/index.ts";
import { type Analysis, type AnalyzedSyscall, defaultCallCount, defaultCalls } from "../../profile/index.ts";
import type { Paint } from "../paint.ts";
import { count, list } from "../text.ts";

/** Entries of a list that a summary shows; --verbose shows all. */
const SHOWN = 6;

/** An analysis for people: what could run, which calls it could make and why, and what was not seen through. */
export function analysisText(analysis: Analysis, paint: Paint, verbose: boolean): string {
  const { syscalls, executables, modules, unresolved, possibilities } = analysis;
  const defaults = defaultCalls(analysis.arch);
  const outside = syscalls.filter(({ name }) => !defaults.has(name)).map(({ name }) => name);
  const shown = verbose ? Infinity : SHOWN;
  const lines = [
    `${paint.strong(`analyzed ${analysis.target}`)}: ${analysis.mode}, ${count(syscalls.length, "system call")} can be reached, where Docker's default allows ${defaultCallCount(analysis.arch)}`,
    ...(outside.length === 0 ? [] : [`  outside Docker's default: ${list(outside, 20)}`]),
    "",
    `  ${paint.strong("programs")} (${executables.length})`,
    ...some(
      executables,
      shown,
      ({ path, kind, syscalls: calls, reason }) =>
        `${path}  ${kind === "script" ? "script" : count(calls, "call")}  ${reason.at(-1) ?? ""}`,
    ),
    `  ${paint.strong("modules")} (${modules.length})`,
    ...some(
      modules,
      shown,
      ({ path, reachable, functions, reason }) =>
        `${path}  ${reachable} of ${count(functions, "function")}  ${reason}`,
    ),
    "",
  ];
  for (const { name, title } of syscallGroups) {
    const members = syscalls.filter((call) => groupOf(call.name)?.name === name);
    if (members.length === 0) continue;
    lines.push(
      `  ${paint.strong(name)}: ${title.charAt(0).toLowerCase()}${title.slice(1)} (${members.length})`,
    );
    if (verbose) for (const call of members) lines.push(`    ${call.name.padEnd(24)} ${pathText(call)}`);
    else lines.push(`    ${members.map((call) => call.name).join(" ")}`);
  }
  const rest = syscalls.filter((call) => groupOf(call.name) === undefined);
  if (rest.length > 0) lines.push(`  others: ${rest.map(({ name }) => name).join(" ")}`);
  lines.push(
    "",
    `  capabilities  at most ${list(
      analysis.capabilities.map(({ name }) => name),
      40,
    )}`,
    ...problems(
      paint,
      "not seen through",
      unresolved,
      shown,
      (one) =>
        `${one.module}${one.function === "" ? "" : `:${one.function}`}${one.address === "" ? "" : ` ${one.address}`}: ${one.reason}`,
    ),
    ...problems(
      paint,
      "may add calls",
      possibilities,
      shown,
      (one) => `${one.kind}: ${one.module}: ${one.detail}`,
    ),
    `  ${paint.strong("assumptions")}`,
    ...analysis.assumptions.map(
      ({ name, active, effect, removes }) =>
        `    ${active ? "made" : "not made"}  ${name}: ${effect}${removes.length === 0 ? "" : `; takes away ${list(removes, 12)}`}`,
    ),
    ...analysis.notes.map(({ text }) => `  note: ${text}`),
  );
  if (!verbose) lines.push("", "why each call is there: --verbose, or -o json");
  return lines.join("\n");
}

function pathText({ path, via }: AnalyzedSyscall): string {
  return `${path.join(" → ")}${via === "direct" ? "" : ` (${via})`}`;
}

function some<T>(items: readonly T[], shown: number, text: (item: T) => string): string[] {
  const lines = items.slice(0, shown).map((item) => `    ${text(item)}`);
  return items.length > shown ? [...lines, `    and ${items.length - shown} more`] : lines;
}

function problems<T>(
  paint: Paint,
  title: string,
  items: readonly T[],
  shown: number,
  text: (item: T) => string,
): string[] {
  return items.length === 0
    ? []
    : [`  ${paint.doubtful(title)} (${items.length})`, ...some(items, shown, text)];
}
