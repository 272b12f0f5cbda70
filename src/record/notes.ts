import type { Note, RecordedPhase, Recording } from "../profile/index.ts";

/** What a reader of the recording must know and the numbers do not say: holes, other conventions, unknown calls. */
export function notesOn(phases: readonly RecordedPhase[]): Note[] {
  const notes: Note[] = [];
  const used = phases.filter((phase) => phase.name !== "runtime");
  const has = (name: string): boolean =>
    used.some((phase) => phase.syscalls.some((call) => call.name === name));
  if (has("io_uring_setup")) {
    notes.push({
      code: "io-uring",
      text: "the program uses io_uring: what it does there is neither a system call nor seen by any recorder or seccomp",
    });
  }
  for (const abi of ["i386", "x32"] as const) {
    if (used.some((phase) => phase.abi === abi)) {
      notes.push({
        code: `abi-${abi}`,
        text: `calls were made by the ${abi} convention; a profile must allow that architecture`,
      });
    }
  }
  const unknown = used.flatMap((phase) => phase.syscalls.filter((call) => /^syscall_\d+$/.test(call.name)));
  if (unknown.length > 0) {
    notes.push({
      code: "unknown-calls",
      text: `calls without a name in the tables: ${[...new Set(unknown.map((call) => call.nr))].sort((a, b) => a - b).join(", ")}`,
    });
  }
  return notes;
}

/** A sentence for each kind of loss; none when nothing was lost. */
export function lossNotes(lost: Recording["lost"]): Note[] {
  return Object.entries(lost)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => ({
      code: `lost-${kind}`,
      text: `${count} ${LOSS[kind] ?? `${kind} were lost`}`,
    }));
}

const LOSS: Record<string, string> = {
  strings: "paths or addresses were lost or cut",
  arguments: "argument values found no room",
  errors: "error numbers found no room",
  capabilities: "capability checks found no room",
  containers: "mount namespaces came up beyond the number that is followed",
  processes: "process ids were beyond kernel.pid_max at the start of the recording",
  events: "events came while their program was running already",
  lines: "lines could not be understood",
};
