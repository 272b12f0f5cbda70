import type { Verdict } from "../../profile/index.ts";
import type { Replacement } from "../existing.ts";
import type { Job } from "../job.ts";
import type { Paint } from "../paint.ts";
import { list, shellWord } from "../text.ts";
import { changeText } from "./diff.ts";
import { profileText } from "./profile.ts";
import { verdictText } from "./verdict.ts";

export interface Profiled extends Replacement {
  /** How many recordings it is made of. */
  recordings: number;
  verdict: Verdict | undefined;
  /** What was written, the profile first. */
  files: readonly string[];
  job: Job;
}

/** How `cinch profile` ends: the verdict, the profile in short, what changed, and what to do next. */
export function profiledText(made: Profiled, paint: Paint): string {
  const { profile, verdict, files, change, kept } = made;
  const lines: string[] = [];
  if (verdict === undefined) lines.push(`${paint.doubtful("not proven")}: the enforced runs were left out`);
  else lines.push(verdictText(verdict, paint));
  if (made.recordings > 1)
    lines.push(`  made of ${made.recordings} recordings: the first did not show all that its runs do`);
  lines.push("", profileText(profile, paint), ...evidenceLines(made));
  if (change !== undefined) lines.push(changeText(change, paint));
  for (const { grant, by } of kept) lines.push(`  kept          ${grant}, declared by ${by}: no run used it`);
  lines.push(`  written       ${files.join(", ")}`, "", nextText(made, paint));
  return lines.join("\n");
}

/** Where the calls come from: what runs showed, and what code adds to it. */
function evidenceLines({ evidence, profile }: Profiled): string[] {
  if (profile.analyzed === undefined) return [];
  const calls = evidence.grants.filter(({ grant }) => grant.startsWith("syscall:"));
  const recorded = calls.filter((call) =>
    call.evidence.some(({ kind }) => kind === "recorded" || kind === "assumed"),
  );
  const reachable = calls.filter(
    (call) => !recorded.includes(call) && call.evidence.some(({ kind }) => kind === "reachable"),
  );
  const left = evidence.leftOut.filter((one) => one.evidence.some(({ kind }) => kind === "reachable"));
  const names = left.map(({ grant }) => grant.replace("syscall:", ""));
  return [
    `  evidence      ${recorded.length} calls recorded, ${reachable.length} more reachable in the code${left.length === 0 ? "" : `; reachable but left out: ${list(names, 8)}`}`,
  ];
}

function nextText({ verdict, files, job }: Profiled, paint: Paint): string {
  const file = shellWord(files[0] ?? "");
  const target = job.given === "" ? "" : ` ${shellWord(job.given)}`;
  const command = job.command === undefined ? "" : ` -- ${job.command.map(shellWord).join(" ")}`;
  const next =
    verdict?.outcome === "denied"
      ? {
          why: "once the profile allows what the target needs",
          command: `cinch verify ${file}${target}${command}`,
        }
      : job.local
        ? { why: "run it under the profile", command: `cinch run ${file}${target}${command}` }
        : {
            why: "the options for docker run",
            command: `cinch emit ${file} -o docker -o seccomp=${seccompName(file)}`,
          };
  return `next, ${next.why}:\n  ${paint.strong(next.command)}\nwhy each grant is there:\n  ${paint.strong(`cinch explain ${file}`)}`;
}

function seccompName(file: string): string {
  return file.replace(/(\.profile)?\.ya?ml/, ".seccomp.json");
}
