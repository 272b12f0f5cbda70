import { closeSync, openSync, readSync } from "node:fs";
import { parseInterpreter } from "../interpreter.ts";

/** Program headers lie at the start of a file: 64 KiB hold a thousand of them. */
const HEAD_BYTES = 64 * 1024;
/** What the kernel looks at for a script's first line (BINPRM_BUF_SIZE). */
const LINE_BYTES = 256;

/**
 * The program that the kernel executes in a file's stead or together with it: the interpreter of a script's first line
 * (execve(2)), or the loader of an ELF file (PT_INTERP). undefined for a static program, or if it cannot be read, as a
 * program without read permission.
 */
export function successorOf(here: string): { kind: "script" | "loader"; path: string } | undefined {
  let head: Buffer;
  try {
    const fd = openSync(here, "r");
    try {
      head = Buffer.alloc(HEAD_BYTES);
      head = head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0));
    } finally {
      closeSync(fd);
    }
    const interpreter = scriptInterpreter(head);
    if (interpreter !== undefined) return { kind: "script", path: interpreter };
    const loader = parseInterpreter(head);
    return loader === undefined ? undefined : { kind: "loader", path: loader };
  } catch {
    return undefined;
  }
}

/** The interpreter in `#! /path argument`; undefined where the file is no script. */
export function scriptInterpreter(head: Buffer): string | undefined {
  if (head.toString("latin1", 0, 2) !== "#!") return undefined;
  const line = head.toString("utf8", 2, LINE_BYTES);
  // Blanks before it are passed over; a carriage return belongs to the name, and is why such a script is not found.
  const [, interpreter = ""] = /^[ \t]*([^ \t\n\0]*)/.exec(line)!;
  return interpreter === "" ? undefined : interpreter;
}
