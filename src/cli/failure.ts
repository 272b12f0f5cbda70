import { CinchError, messageOf } from "../base/index.ts";
import { Interrupted } from "./context.ts";

export const EXIT = {
  fine: 0,
  found: 1,
  failed: 2,
  cannotRunHere: 3,
  /** `cinch run`: ours, not the program's (as docker run has it). */
  runFailed: 125,
  interrupted: 130,
} as const;

/** How a failure reads on standard error: what failed, then what to do. A defect of ours shows where it happened. */
export function formatFailure(error: unknown): string {
  if (isInterruption(error)) return `cinch: ${messageOf(interruptionOf(error))}`;
  if (error instanceof CinchError) {
    return error.hint === undefined
      ? `cinch: ${error.message}`
      : `cinch: ${error.message}\n  hint: ${error.hint}`;
  }
  if (error instanceof AggregateError) return error.errors.map(formatFailure).join("\n");
  const where = error instanceof Error && error.stack !== undefined ? error.stack : messageOf(error);
  return `cinch: something went wrong that should not have\n${where}`;
}

export function exitCodeOf(error: unknown): number {
  if (isInterruption(error)) return EXIT.interrupted;
  if (error instanceof CinchError) return error.exitCode;
  return EXIT.failed;
}

function isInterruption(error: unknown): boolean {
  return interruptionOf(error) instanceof Interrupted;
}

/** An AbortSignal's reason arrives as thrown, or as the cause of an AbortError. */
function interruptionOf(error: unknown): unknown {
  if (error instanceof Interrupted) return error;
  if (error instanceof Error && error.name === "AbortError") return error.cause;
  return undefined;
}
