import { readFileSync, readdirSync } from "node:fs";

/**
 * Ends the conmon processes of a container that is removed. `id` is the whole id, 64 digits of its own, so no other
 * container's can be meant.
 */
export function endMonitors(id: string): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (words[0]?.endsWith("conmon") === true && words.includes(id)) process.kill(Number(pid), "SIGTERM");
    } catch {
      // It has ended, or belongs to somebody else.
    }
  }
}
