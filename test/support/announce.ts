import type { TestProject } from "vitest/node";
import { type Tier, skipReason } from "./tier.ts";

/** Global set-up of the tiers that may be skipped: says so before their tests and after them. */
export default function announce(project: TestProject): (() => void) | undefined {
  const name = project.name as Tier;
  const reason = skipReason(name);
  if (reason === undefined) return undefined;
  const say = (): void => void process.stderr.write(`\nSKIPPED: all tests of tier '${name}': ${reason}\n`);
  say();
  return say;
}
