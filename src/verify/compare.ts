import type { StepResult, WorkloadResult } from "../workload/index.ts";

/**
 * How an enforced run's course differs from the unconfined one's, a sentence each; none if they agree. What failed in
 * both agrees: the profile is not to blame for it.
 */
export function compareRuns(plain: WorkloadResult, enforced: WorkloadResult): string[] {
  const differences: string[] = [];
  if (plain.ready && !enforced.ready) differences.push("the target did not become ready");
  else differences.push(...compareSteps(plain.steps, enforced.steps));
  if (plain.exit.code !== enforced.exit.code || plain.exit.signal !== enforced.exit.signal) {
    differences.push(`the target ended with ${ending(enforced.exit)}, unconfined with ${ending(plain.exit)}`);
  }
  return differences;
}

function compareSteps(plain: readonly StepResult[], enforced: readonly StepResult[]): string[] {
  const differences: string[] = [];
  for (const [i, before] of plain.entries()) {
    const after = enforced[i];
    if (after === undefined) {
      differences.push(`step '${before.name}' was not reached`);
      break;
    }
    if (before.ok !== after.ok || before.code !== after.code) {
      differences.push(
        `step '${before.name}' ended with ${ending(after)}, unconfined with ${ending(before)}`,
      );
    }
  }
  return differences;
}

function ending(end: { code: number | null; signal?: string | null; ok?: boolean }): string {
  if (end.signal !== undefined && end.signal !== null) return end.signal;
  if (end.code !== null) return `code ${end.code}`;
  return end.ok === true ? "success" : "a failure";
}
