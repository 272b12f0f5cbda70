import { CinchError } from "./error.ts";

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `30s`, `1m30s`, `500ms`, or a bare number of seconds, as milliseconds. Throws `bad-duration`. */
export function parseDuration(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    throw new CinchError("bad-duration", `'${text}' is not a duration`, {
      hint: "write it as 30s, 1m30s or 500ms",
    });
  }
  let total = 0;
  for (const [, value, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h)/g))
    total += Number(value) * UNITS[unit!]!;
  return Math.round(total);
}
