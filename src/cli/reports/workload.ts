import type { WorkloadResult } from "../../workload/index.ts";

/** The end of a program's output is where it says why. */
const OUTPUT_LINES = 12;

/** Why a workload failed: the problems, then the end of what the failed steps wrote. */
export function problemsText(result: WorkloadResult): string {
  const lines = result.problems.map((text) => `  ${text}`);
  for (const step of result.steps.filter(({ ok }) => !ok)) {
    lines.push(
      ...step.output
        .trimEnd()
        .split("\n")
        .slice(-OUTPUT_LINES)
        .map((line) => `  | ${line}`),
    );
  }
  return lines.join("\n");
}
