import { mkdirSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readBounded } from "../../base/index.ts";
import { type Summary, SUMMARY_VERSION, decodeSummary, encodeSummary } from "./summary.ts";

/** A summary is about a fifth of its module's size. */
const MAX_SUMMARY_BYTES = 1 << 28;

/**
 * Summaries of modules on disk, one file each, named by the digest of the module's content. Nothing depends on it: a
 * folder that cannot be written or read is as good as an empty one. Files are written beside and renamed, so that
 * concurrent runs only ever see whole ones.
 */
export class SummaryCache {
  #folder: string;
  #canWrite = true;

  /** `base`: the program's own cache folder. */
  constructor(base: string) {
    this.#folder = join(base, "modules", `v${SUMMARY_VERSION}`);
  }

  read(digest: string): Summary | undefined {
    try {
      return decodeSummary(readBounded(this.#path(digest), MAX_SUMMARY_BYTES));
    } catch {
      return undefined;
    }
  }

  write(digest: string, summary: Summary): void {
    if (!this.#canWrite) return;
    const path = this.#path(digest);
    const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      writeFileSync(temporary, encodeSummary(summary), { mode: 0o600, flag: "wx" });
      renameSync(temporary, path);
    } catch {
      this.#canWrite = false;
      discard(temporary);
    }
  }

  /** A digest is "sha256:…"; the hexadecimal part names the file. */
  #path(digest: string): string {
    return join(this.#folder, digest.replace(/^sha256:/, ""));
  }
}

function discard(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // It was never made.
  }
}
