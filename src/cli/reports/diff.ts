import type { ProfileDiff } from "../../profile/index.ts";
import type { Paint } from "../paint.ts";
import { count } from "../text.ts";

/** What two profiles allow, as a diff reads: `-` only the first allows it, `+` only the second. */
export function diffText(a: string, b: string, difference: ProfileDiff, paint: Paint): string {
  const { onlyA, onlyB, limits, same } = difference;
  if (same) return `${a} and ${b} allow the same`;
  const lines = [
    `${b} allows ${count(onlyB.length, "thing")} that ${a} does not, and the reverse is ${onlyA.length}${
      limits.length === 0 ? "" : `; ${count(limits.length, "call")} with other arguments`
    }`,
    ...onlyA.map((grant) => paint.bad(`- ${grant}`)),
    ...onlyB.map((grant) => paint.good(`+ ${grant}`)),
  ];
  for (const { grant, a: before, b: after } of limits) {
    lines.push(`! ${grant}`, paint.bad(`  - ${before}`), paint.good(`  + ${after}`));
  }
  return lines.join("\n");
}

const SHOWN_CHANGES = 8;

/** What a new profile changes, in a few lines of a summary. */
export function changeText({ onlyA, onlyB, limits, same }: ProfileDiff, paint: Paint): string {
  if (same) return "  changed       nothing: it allows what the profile before it allowed";
  const lines = [
    `  changed       ${count(onlyB.length, "grant")} more, ${onlyA.length} fewer than the profile before it${
      limits.length === 0 ? "" : `; ${count(limits.length, "call")} with other arguments`
    }`,
    ...onlyB.slice(0, SHOWN_CHANGES).map((grant) => paint.good(`    + ${grant}`)),
    ...onlyA.slice(0, SHOWN_CHANGES).map((grant) => paint.bad(`    - ${grant}`)),
  ];
  const hidden = Math.max(0, onlyB.length - SHOWN_CHANGES) + Math.max(0, onlyA.length - SHOWN_CHANGES);
  if (hidden > 0) lines.push(`    and ${hidden} more; git diff shows all`);
  return lines.join("\n");
}
