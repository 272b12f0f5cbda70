import { mkdirSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Writes a file of a cache beside its place and moves it there, so that concurrent runs only ever see whole ones. False
 * where it cannot be written: nothing depends on it.
 */
export function writeWhole(path: string, bytes: Uint8Array): boolean {
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, bytes, { mode: 0o600, flag: "wx" });
    renameSync(temporary, path);
    return true;
  } catch {
    discard(temporary);
    return false;
  }
}

function discard(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // It was never made.
  }
}
