import { join } from "node:path";
import { readBounded } from "../../base/index.ts";
import { codeStamp } from "./stamp.ts";
import { type Summary, decodeSummary, encodeSummary } from "./summary.ts";
import { writeWhole } from "./write.ts";

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
    this.#folder = join(base, "modules", codeStamp());
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
    this.#canWrite = writeWhole(this.#path(digest), encodeSummary(summary));
  }

  /** A digest is "sha256:…"; the hexadecimal part names the file. */
  #path(digest: string): string {
    return join(this.#folder, digest.replace(/^sha256:/, ""));
  }
}
