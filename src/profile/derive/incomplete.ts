import type { Recording } from "../model.ts";
import { isSyscall, tables } from "../../linux/index.ts";

/** Notes that tell of something else than a gap. */
const NO_GAP = /^(io-uring|unknown-calls|abi-|setuid-exec|advisory-check|exec-phases-shared)/;

/** Why a profile made of a recording may lack something, each a sentence; none for a complete one. */
export function gapsOf(recording: Recording): string[] {
  const gaps: string[] = [];
  if (!recording.complete) {
    const told = recording.notes.filter(({ code }) => !NO_GAP.test(code)).map(({ text }) => text);
    gaps.push(...(told.length > 0 ? told : [`the recording of ${recording.target} is not complete`]));
  }
  const calls = recording.phases.filter(({ name }) => name !== "runtime").flatMap(({ syscalls }) => syscalls);
  if (calls.some(({ name }) => name === "io_uring_setup")) {
    gaps.push(
      "the program uses io_uring, which the profile leaves out: what it calls instead was not recorded, and one that cannot do without fails",
    );
  }
  const unknown = new Set(calls.filter(({ name }) => !isSyscall(name)).map(({ nr }) => nr));
  if (unknown.size > 0) {
    gaps.push(
      `calls that Linux ${tables.kernel} has not were made, and no profile can name them: ${[...unknown].sort((a, b) => a - b).join(", ")}`,
    );
  }
  return gaps;
}

/**
 * Whether a recording that calls a set of values closed can be taken by its word, so that a filter may be made of it. Not
 * where something was cut off or lost, for then other values may have been used; nor where the values are another
 * program's reading of the arguments.
 */
export function knowsArguments(recording: Recording): boolean {
  return (
    recording.method !== "import" &&
    Object.values(recording.lost).every((count) => count === 0) &&
    !recording.notes.some(({ code }) => code === "start-missed" || code === "interrupted")
  );
}
