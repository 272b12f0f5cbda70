import { existsSync } from "node:fs";
import { describe } from "vitest";

/** Why this machine cannot run a tier; undefined where it can. */
function missing(tier: "kernel" | "engine"): string | undefined {
  if (process.platform !== "linux") return `needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return "needs root";
  if (tier === "kernel" && !existsSync("/sys/kernel/btf/vmlinux")) return "needs a kernel with BTF";
  return undefined;
}

/**
 * `describe` for tests of a tier. Where the machine cannot run it, the tests are skipped and standard error says why;
 * under CI=true they run all the same, and fail: a skip nobody sees is how tests die.
 */
export function tier(name: "kernel" | "engine"): typeof describe | typeof describe.skip {
  const reason = missing(name);
  if (reason === undefined || process.env["CI"] === "true") return describe;
  process.stderr.write(`SKIPPED: tier ${name}: ${reason}\n`);
  return describe.skip;
}
