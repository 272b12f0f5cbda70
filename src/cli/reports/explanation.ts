import type { Evidence, Explanation, ProfileExplanation } from "../../profile/index.ts";
import type { Paint } from "../paint.ts";
import { count, list } from "../text.ts";

/** A whole profile, explained: by kind of grant, calls of one group together, what is worth reading first. */
export function explanationText(explanation: ProfileExplanation, paint: Paint): string {
  const { name, target, summary, grants, leftOut, incomplete } = explanation;
  const outside =
    summary.outsideDefault.length === 0
      ? "none outside Docker's default"
      : `outside Docker's default: ${summary.outsideDefault.join(", ")}`;
  const lines = [
    `${paint.strong(name)} (${target}): ${count(grants.length, "grant")}; ${summary.syscalls} system calls of ${summary.defaultSyscalls} that Docker allows, ${outside}`,
    ...incomplete.map((reason) => `  ${paint.doubtful("incomplete")}: ${reason}`),
  ];
  const of = (kind: string): Explanation[] => grants.filter(({ grant }) => grant.startsWith(`${kind}:`));
  for (const one of of("capability")) {
    lines.push("", `${paint.strong(nameOf(one))}: ${one.exposes}`, `  ${reasonText(one.evidence)}`);
  }
  for (const [purpose, calls] of Map.groupBy(of("syscall"), (one) => one.purpose)) {
    lines.push("", `${paint.strong(purpose)} (${count(calls.length, "call")}): ${calls[0]!.exposes}`);
    for (const [reason, same] of Map.groupBy(calls, (one) => reasonText(one.evidence))) {
      lines.push(`  ${same.map(callName).join(", ")}: ${reason}`);
    }
  }
  const other = grants.filter(({ grant }) => !/^(capability|syscall):/.test(grant));
  for (const [purpose, same] of Map.groupBy(other, (one) => one.purpose)) {
    lines.push("", `${paint.strong(purpose)}: gives ${same[0]!.exposes}`);
    lines.push(...same.map((one) => `  ${one.grant}`));
  }
  if (leftOut.length > 0) lines.push("", paint.strong("left out"));
  for (const { grant, reason } of leftOut) lines.push(`  ${grant}: ${reason}`);
  return lines.join("\n");
}

/** One grant (or the few of that name), with all that is known of it. */
export function grantText({ grants, leftOut }: ProfileExplanation, paint: Paint): string {
  const parts = grants.map((one) =>
    [
      paint.strong(one.grant),
      `  is for      ${one.purpose}`,
      `  exposes     ${one.exposes}`,
      ...(one.limits === undefined ? [] : [`  limited to  ${one.limits}`]),
      ...(one.isDefault === undefined
        ? []
        : [`  Docker      ${one.isDefault ? "allows it by default" : "refuses it by default"}`]),
      `  closing it  ${one.closing}`,
      ...one.evidence.map((evidence) => `  because     ${evidenceText(evidence)}`),
    ].join("\n"),
  );
  for (const { grant, reason, evidence } of leftOut) {
    parts.push(
      [
        `${paint.strong(grant)} is left out: ${reason}`,
        ...evidence.map((one) => `  although ${evidenceText(one)}`),
      ].join("\n"),
    );
  }
  return parts.join("\n\n");
}

function nameOf({ grant }: Explanation): string {
  return grant.slice(grant.indexOf(":") + 1);
}

function callName(one: Explanation): string {
  return one.limits === undefined ? nameOf(one) : `${nameOf(one)} (some arguments)`;
}

/** The kinds of evidence in one line, so that calls that are there for the same reason can stand together. */
function reasonText(evidence: readonly Evidence[]): string {
  const reasons = new Set(evidence.map(shortReason));
  return reasons.size === 0 ? "no evidence" : list([...reasons], 4);
}

function shortReason(evidence: Evidence): string {
  switch (evidence.kind) {
    case "recorded":
      return `recorded in phase ${evidence.phase}`;
    case "assumed":
      return "let through unseen by the recorder";
    case "equivalent":
      return "another C library or kernel makes it instead of one that was recorded";
    case "always":
      return "any program may need it";
    case "reachable":
      return "reachable in the code";
    case "declared":
      return `declared by ${evidence.by}`;
  }
}

function evidenceText(evidence: Evidence): string {
  switch (evidence.kind) {
    case "recorded": {
      const details = [
        ...(evidence.count === undefined ? [] : [`${evidence.count} times`]),
        ...(evidence.abi === undefined ? [] : [`by the ${evidence.abi} convention`]),
        ...(evidence.errnos === undefined ? [] : [`also failing with ${evidence.errnos.join(", ")}`]),
        ...(evidence.detail === undefined ? [] : [evidence.detail]),
      ];
      return `run ${evidence.run} used it in phase ${evidence.phase}${details.length === 0 ? "" : ` (${details.join("; ")})`}`;
    }
    case "assumed":
      return `run ${evidence.run} may have used it: ${evidence.reason}`;
    case "equivalent":
      return `${evidence.of} is granted: ${evidence.reason}`;
    case "always":
      return evidence.reason;
    case "reachable":
      return `the code can reach it: ${evidence.path.join(" → ")} (${evidence.via})`;
    case "declared":
      return `${evidence.by} declared it: ${evidence.reason}`;
  }
}
