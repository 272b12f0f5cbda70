import { existsSync } from "node:fs";
import { describe } from "vitest";

/** Tests that need more than a user on Linux; each is a vitest project of the same name (vitest.config.ts). */
export type Tier = "kernel" | "engine";

export const DOCKERD = "/usr/sbin/dockerd";

/** Why this machine cannot run a tier; undefined where it can. */
export function missingFor(name: Tier): string | undefined {
  if (process.platform !== "linux") return `needs Linux, and this is ${process.platform}`;
  if (process.getuid?.() !== 0) return "needs root";
  switch (name) {
    case "kernel":
      return existsSync("/sys/kernel/btf/vmlinux")
        ? undefined
        : "needs a kernel with BTF (CONFIG_DEBUG_INFO_BTF)";
    case "engine":
      return existsSync(DOCKERD) ? undefined : "needs dockerd; on Debian: apt-get install docker.io";
  }
}

/** Tiers that whoever runs the tests leaves out on purpose: `CINCH_SKIP_TIERS=kernel,engine`. */
function isLeftOut(name: Tier): boolean {
  return (process.env["CINCH_SKIP_TIERS"] ?? "").split(",").includes(name);
}

/**
 * Why a tier's tests are skipped; undefined when they run. A skip that nobody sees is how tests die: under CI=true
 * nothing is skipped that was not left out by name, and a machine that cannot run a tier fails it.
 */
export function skipReason(name: Tier): string | undefined {
  if (isLeftOut(name)) return "left out by CINCH_SKIP_TIERS";
  return process.env["CI"] === "true" ? undefined : missingFor(name);
}

/** `describe` for the tests of a tier. The reason of a skip is printed by test/support/announce.ts, first and last. */
export function tier(name: Tier): typeof describe | typeof describe.skip {
  return skipReason(name) === undefined ? describe : describe.skip;
}
