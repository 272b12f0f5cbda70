/**
 * `node test/support/compare-strace.ts LOG RECORDING.json [CWD]`: what a log of `strace -f` and a recording of the same
 * run say differently. Exits 1 if they differ. Links in the log's paths are followed on this machine.
 */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { Recording } from "../../src/profile/index.ts";
import { importStrace } from "../../src/record/strace/index.ts";

export interface Differences {
  onlyA: string[];
  onlyB: string[];
}

/** The calls by convention, and the files by outcome, that only one of two recordings has; sorted. */
export function differences(a: Recording, b: Recording): { calls: Differences; files: Differences } {
  const between = (of: (recording: Recording) => string[]): Differences => {
    const [setA, setB] = [new Set(of(a)), new Set(of(b))];
    return {
      onlyA: [...setA.difference(setB)].toSorted(),
      onlyB: [...setB.difference(setA)].toSorted(),
    };
  };
  return {
    calls: between(({ phases }) =>
      phases.flatMap(({ abi, syscalls }) => syscalls.map(({ name }) => `${abi} ${name}`)),
    ),
    files: between(({ files }) => files.map(({ path, ok }) => `${path}${ok ? "" : " (failed)"}`)),
  };
}

function main([log, document, cwd]: string[]): void {
  if (log === undefined || document === undefined) {
    console.error("usage: node test/support/compare-strace.ts LOG RECORDING.json [CWD]");
    process.exitCode = 2;
    return;
  }
  const recording = JSON.parse(readFileSync(document, "utf8")) as Recording;
  const { target, arch } = recording;
  const imported = importStrace(readFileSync(log, "utf8"), { target, arch, cwd, root: "/" });
  const found = Object.entries(differences(imported, recording)).flatMap(([kind, { onlyA, onlyB }]) => [
    ...onlyA.map((item) => `${kind}: only strace: ${item}`),
    ...onlyB.map((item) => `${kind}: only the recording: ${item}`),
  ]);
  console.log(found.length === 0 ? "no difference" : found.join("\n"));
  process.exitCode = found.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main(process.argv.slice(2));
