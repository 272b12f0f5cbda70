import type { Recording } from "../../profile/index.ts";
import type { Paint } from "../paint.ts";
import { count, list, seconds } from "../text.ts";

/** A recording for people: what was used, phase by phase, and what may be missing. */
export function recordingText(recording: Recording, paint: Paint): string {
  const granted = recording.capabilities.filter((one) => one.granted).map(({ name }) => name);
  const refused = recording.capabilities.filter((one) => !one.granted).map(({ name }) => name);
  const opened = recording.files.filter((file) => file.ok);
  const addresses = recording.sockets
    .filter(({ op, address }) => address !== "" && (op === "bind" || op === "connect"))
    .map(({ op, address }) => `${op} ${address}`);
  const lines = [
    `${paint.strong(`recorded ${recording.target}`)}: ${METHOD[recording.method]}, ${seconds(recording.seconds)}, ${
      recording.complete ? "complete" : paint.doubtful("incomplete")
    }`,
  ];
  for (const phase of recording.phases) {
    const by = phase.abi === "native" ? "" : ` (${phase.abi})`;
    const label = phase.label === undefined ? phase.name : `${phase.name}: ${phase.label}`;
    lines.push(`  ${(label + by).padEnd(14)} ${count(phase.syscalls.length, "system call")}`);
  }
  lines.push(
    `  capabilities   ${list(granted, 20)}${refused.length === 0 ? "" : `; asked for and refused: ${list(refused, 10)}`}`,
    `  files          ${opened.length} used, ${recording.files.length - opened.length} not there or refused`,
    `  executables    ${list(recording.executables, 6)}`,
    `  sockets        ${list([...new Set(addresses)], 6)}`,
  );
  for (const { text } of recording.notes) lines.push(`  note: ${text}`);
  return lines.join("\n");
}

const METHOD: Readonly<Record<Recording["method"], string>> = {
  ebpf: "by eBPF",
  notify: "by seccomp user notification",
  import: "from a log",
};
