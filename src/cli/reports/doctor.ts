import type { Paint } from "../paint.ts";
import type { Doctor } from "../doctor.ts";

/** What the machine can do: the answer first, then each feature. */
export function doctorText({ ways, features }: Doctor, paint: Paint): string {
  const lines: string[] = [];
  for (const { what, how } of ways) {
    lines.push(
      `${how === "" ? paint.bad("no ") : paint.good("yes")}  ${what}${how === "" ? "" : `: ${how}`}`,
    );
  }
  lines.push("");
  const width = Math.max(...features.map(({ name }) => name.length));
  for (const { name, outcome, detail, needs } of features) {
    lines.push(`${OUTCOME[outcome](paint)}  ${name.padEnd(width)}  ${detail}`);
    if (outcome !== "yes" && needs !== "")
      lines.push(paint.faint(`     ${" ".repeat(width)}  needs: ${needs}`));
  }
  return lines.join("\n");
}

const OUTCOME: Readonly<Record<"yes" | "no" | "unknown", (paint: Paint) => string>> = {
  yes: (paint) => paint.good("yes"),
  no: (paint) => paint.bad("no "),
  unknown: (paint) => paint.doubtful("?  "),
};
