import { styleText } from "node:util";
import type { OutputStream } from "./context.ts";

export type ColorChoice = "auto" | "always" | "never";

/** Colour only repeats what the words say, so a text without it loses nothing. */
export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  doubtful(text: string): string;
  strong(text: string): string;
  faint(text: string): string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Whether to colour what goes to a stream. The option wins, then NO_COLOR (https://no-color.org: set and not empty),
 * then FORCE_COLOR, then whether it is a terminal that is not TERM=dumb.
 */
export function wantsColor(stream: OutputStream, choice: ColorChoice, env: Environment): boolean {
  if (choice !== "auto") return choice === "always";
  if (env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "") return false;
  const force = env["FORCE_COLOR"];
  if (force !== undefined) return force !== "0" && force !== "false";
  return stream.isTTY === true && env["TERM"] !== "dumb";
}

export function paintFor(color: boolean): Paint {
  const style = (format: Parameters<typeof styleText>[0]) => (text: string) =>
    // Decided by wantsColor: styleText's own look at the streams would ask the wrong one.
    color ? styleText(format, text, { validateStream: false }) : text;
  return {
    good: style("green"),
    bad: style("red"),
    doubtful: style("yellow"),
    strong: style("bold"),
    faint: style("dim"),
  };
}
