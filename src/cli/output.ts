import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CinchError } from "../base/index.ts";

/** One `-o FORMAT[=FILE]`. Without a file it goes to standard output. */
export interface Output {
  format: string;
  file?: string;
}

/** Reads `FORMAT[=FILE]`; `-` is standard output. Throws `bad-output`. */
export function parseOutput(text: string): Output {
  const equals = text.indexOf("=");
  const format = equals === -1 ? text : text.slice(0, equals);
  const file = equals === -1 ? undefined : text.slice(equals + 1);
  if (format === "" || file === "") {
    throw new CinchError("bad-output", `'${text}' is not FORMAT[=FILE]`, {
      hint: "write it as -o json, or -o seccomp=seccomp.json",
    });
  }
  return file === undefined || file === "-" ? { format } : { format, file };
}

/**
 * Refuses, before any work is done, what could not be written when it has ended: a format that the command does not
 * have, two documents for one place, a folder that is not there.
 */
export function checkOutputs(outputs: readonly Output[], formats: readonly string[], cwd: string): void {
  const places = new Set<string>();
  for (const { format, file } of outputs) {
    if (!formats.includes(format)) {
      throw new CinchError("unknown-format", `there is no output format '${format}' here`, {
        hint: `the formats are ${formats.join(", ")}`,
      });
    }
    const place = file === undefined ? "standard output" : resolve(cwd, file);
    if (places.has(place)) {
      throw new CinchError("output-twice", `two documents would go to ${place}`, {
        hint: "give each one a file of its own: -o FORMAT=FILE",
      });
    }
    places.add(place);
    if (file !== undefined && !existsSync(dirname(place))) {
      throw new CinchError("no-folder", `${file} cannot be written: there is no folder ${dirname(place)}`, {
        hint: `mkdir -p ${dirname(file)}`,
      });
    }
  }
}
