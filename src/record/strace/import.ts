import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { Recording } from "../../profile/index.ts";
import type { TableArch } from "../../linux/index.ts";
import { resolveInside } from "../files.ts";
import { interpreterOf } from "../interpreter.ts";
import { lossNotes, notesOn } from "../notes.ts";
import { Follower } from "./follow.ts";
import { parseLine } from "./line.ts";

export interface ImportOptions {
  /** What was traced, as the recording is to name it. */
  target: string;
  /** The machine's own convention. */
  arch: TableArch;
  /** `uname -r` of the machine, where known. */
  kernel?: string;
  /** ISO 8601; a log of -ttt says it by itself. */
  startedAt?: string;
  /** The folder strace was started in, against which the first relative paths are taken. */
  cwd?: string;
  /** The folder that the traced program saw as /, if it is here: links in paths are followed in it, and interpreters read. */
  root?: string;
}

/** Processes that a child's id is remembered of. */
const MAX_PARENTS = 16;
/** A line is printed whole, -s strings included: longer ones are another program's. */
const MAX_LINE = 1 << 20;

/**
 * A recording from the output of `strace -f`, however it was started: with or without -o, -y, -yy, -t, -tt, -ttt, -r,
 * -T, -n, -i, -k, -X (strace 5 to 7). The files of -ff are one recording each, to be merged. Calls are counted as strace
 * shows them. What a log cannot tell, and each line that could not be understood, is said in `notes` and `lost`;
 * because a log has no capabilities in it, it is never `complete`. Does not throw, whatever the text is; takes time
 * linear in its length.
 */
export function importStrace(text: string, options: ImportOptions): Recording {
  const { target, arch, kernel, startedAt, cwd, root } = options;
  const follower = new Follower({ arch, cwd, root, parents: findParents(text) });
  for (const line of linesOf(text)) follower.line(line);
  follower.end();
  if (root !== undefined) addInterpreters(follower, root);

  const { totals, files, sockets, clock, badLines } = follower;
  const phases = totals.phases().map(({ abi, syscalls }) => ({ name: "app" as const, abi, syscalls }));
  const lost: Recording["lost"] = {
    strings: files.lost + sockets.lost,
    ...(totals.foreign.size > 0 && { calls: totals.foreign.size }),
    ...(badLines > 0 && { lines: badLines }),
  };
  const notes = [...follower.notes, ...gaps(follower, options)].map(([code, note]) => ({ code, text: note }));
  return {
    schemaVersion: 1,
    kind: "recording",
    target,
    arch,
    kernel: kernel ?? "unknown",
    startedAt: clock.startedAt ?? startedAt ?? new Date(0).toISOString(),
    seconds: clock.seconds,
    complete: false,
    lost,
    method: "import",
    runtimes: ["local"],
    phases,
    capabilities: [],
    files: files.files.files(),
    executables: [...files.executables].toSorted(),
    sockets: sockets.sockets(),
    notes: [...notes, ...notesOn(phases), ...lossNotes(lost)],
  };
}

/** Lines without their end; undefined for one that is too long. */
function* linesOf(text: string): Generator<string | undefined> {
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf("\n", at);
    const end = newline === -1 ? text.length : newline;
    yield end - at > MAX_LINE
      ? undefined
      : text.slice(at, text[end - 1] === "\r" && end > at ? end - 1 : end);
    at = end + 1;
  }
}

/**
 * Which process made which: a child's first line often stands before the end of its parent's clone, which tells the
 * child's id. Hence a pass of its own.
 */
function findParents(text: string): Map<number, Set<number | undefined>> {
  const parents = new Map<number, Set<number | undefined>>();
  for (const raw of linesOf(text)) {
    if (raw === undefined || !/(?:clone3?|fork)[ (]/.test(raw)) continue;
    const child = /\) += (\d{1,10})(?: <[\d.]+>)?$/.exec(raw)?.[1];
    if (child === undefined) continue;
    const line = parseLine(raw);
    if (line.kind !== "call" && line.kind !== "resumed") continue;
    const set = parents.get(Number(child));
    // Ids are used again, but not often while one log lasts.
    if (set === undefined) parents.set(Number(child), new Set([line.pid]));
    else if (set.size < MAX_PARENTS) set.add(line.pid);
  }
  return parents;
}

/** Interpreters of interpreters: what the kernel follows (BINPRM_MAX_RECURSION in fs/exec.c is 5). */
const MAX_INTERPRETERS = 5;

/** What the kernel loads for an executable, looked up in the executable itself: ld.so, or what a script's first line names. */
function addInterpreters({ files }: Follower, root: string): void {
  const executed = [...files.executables];
  for (const path of executed) {
    let next: string | undefined = path;
    for (let i = 0; i < MAX_INTERPRETERS && next !== undefined; i++) {
      const interpreter: string | undefined = scriptInterpreter(root, next) ?? interpreterOf(root, next);
      next = interpreter === undefined ? undefined : resolveInside(root, interpreter);
      if (next === undefined || files.executables.has(next)) continue;
      files.files.add(next, ["execute", "read"], { type: "file" });
      files.executables.add(next);
    }
  }
}

/** The program that "#!" names in a file's first line (execve(2)); undefined for other files. */
function scriptInterpreter(root: string, path: string): string | undefined {
  // BINPRM_BUF_SIZE: the kernel looks no further.
  const head = Buffer.alloc(256);
  let length: number;
  try {
    const fd = openSync(join(root, path), "r");
    try {
      length = readSync(fd, head, 0, head.length, 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
  return /^#![ \t]*(\/[^\s\0]+)/.exec(head.toString("utf8", 0, length))?.[1];
}

/** What a log does not tell, or did not tell this time. */
function* gaps(
  { totals, files, sockets }: Follower,
  { arch, root }: ImportOptions,
): Generator<[string, string]> {
  yield ["capabilities-unseen", "a log of strace does not show capabilities: none was recorded"];
  if (root === undefined) {
    yield [
      "interpreters-unseen",
      "what the kernel loads for an executable (ld.so, the interpreter of a script) is not in a log",
    ];
    if (files.asGiven) {
      yield [
        "links-not-followed",
        "paths are as the program gave them, links in them not followed; strace -y tells more",
      ];
    }
  }
  if (totals.foreign.size > 0) {
    yield ["foreign-calls", `${arch} has no such calls: ${[...totals.foreign].toSorted().join(", ")}`];
  }
  for (const abi of totals.guessed) {
    yield [
      "abi-guessed",
      `the log does not say which calls were made by the ${abi} convention; taken from their names`,
    ];
  }
  if (totals.phases().some(({ syscalls }) => syscalls.some((call) => call.assumed))) {
    yield [
      "multiplexer-assumed",
      "strace shows what i386's socketcall and ipc were asked for, not whether they were used: both are taken as used",
    ];
  }
  if (files.lost + sockets.lost > 0) {
    yield [
      "paths-unknown",
      "some paths were cut or relative to a folder that the log does not name; strace -y names it",
    ];
  }
}
