import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

let stamp: string | undefined;

/**
 * What tells one state of the analysis' own code from another: names, sizes and times of its files. What was kept by
 * other code is not taken for what this one would find; an installed package never changes, a checkout does.
 */
export function codeStamp(): string {
  if (stamp === undefined) {
    const hash = createHash("sha256");
    for (const room of ["analyze", "elf"]) {
      const folder = join(import.meta.dirname, "../..", room);
      for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
        const { size, mtimeMs } = statSync(join(folder, name));
        hash.update(`${room}/${name} ${size} ${mtimeMs}\n`);
      }
    }
    stamp = hash.digest("hex").slice(0, 16);
  }
  return stamp;
}
