import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { silent } from "../../src/base/index.ts";
import type { Recording } from "../../src/profile/index.ts";
import { EbpfSession } from "../../src/record/index.ts";

/** What strace says of a run: the oracle of the recorder's tests, read by a few lines that share nothing with it. */
export interface StraceView {
  /** Names of calls, after the program's first execve; "i386:NAME" for 32-bit ones. */
  calls: Set<string>;
  /** Real paths of what was opened. */
  opened: Set<string>;
  /** Look-ups that gave ENOENT, absolute ones only. */
  missing: Set<string>;
}

export interface Both {
  recording: Recording;
  strace: StraceView;
  code: number | null;
}

/**
 * Runs a command once, under strace and under our recorder at the same time: a process waits at a gate, strace attaches
 * to it, the recorder follows it, then it becomes the command. `during` exercises a server, which is then stopped.
 */
export async function sideBySide(
  argv: string[],
  options: { cwd?: string; during?: () => Promise<void>; stop?: NodeJS.Signals; settle?: () => boolean } = {},
): Promise<Both> {
  const folder = mkdtempSync(join(tmpdir(), "cinch-strace-"));
  const log = join(folder, "log");
  using session = new EbpfSession({ scope: "tree", talk: silent });
  session.attach();
  const child = spawn("/bin/sh", ["-c", 'read _ <&3; exec 3<&-; exec "$@"', "sh", ...argv], {
    cwd: options.cwd ?? folder,
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const ended = once(child, "exit");
  const strace = spawn("strace", ["-f", "-yy", "-s", "4096", "-o", log, "-p", String(child.pid)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const straceEnded = once(strace, "exit");
  try {
    await attached(strace);
    session.follow(child.pid!);
    (child.stdio[3] as NodeJS.WritableStream).write("\n");
    if (options.during !== undefined) {
      await options.during();
      child.kill(options.stop ?? "SIGTERM");
    }
    const [code] = (await ended) as [number | null];
    // strace goes when the last process it follows does: daemons that were left behind included.
    await straceEnded;
    await sleep(50);
    const { recording } = session.finish({
      target: argv.join(" "),
      runtime: "local",
      noNewPrivileges: false,
    });
    return { recording, strace: readStrace(readFileSync(log, "latin1"), child.pid!), code };
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    if (strace.exitCode === null) strace.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

async function attached(strace: ChildProcess): Promise<void> {
  let said = "";
  strace.stderr!.setEncoding("utf8").on("data", (text: string) => (said += text));
  for (let i = 0; i < 200 && !said.includes("attached"); i += 1) {
    if (strace.exitCode !== null) throw new Error(`strace ended: ${said}`);
    await sleep(25);
  }
}

/** Lines are `PID name(args) = result`; a call that another one interrupts is cut in two. */
function readStrace(text: string, mainPid: number): StraceView {
  const view: StraceView = { calls: new Set(), opened: new Set(), missing: new Set() };
  const bits = new Map<string, 32 | 64>();
  const cut = new Map<string, string>();
  let started = false;
  for (const line of text.split("\n")) {
    const mode = /^(\d+) +\[ Process PID=\d+ runs in (\d+) bit mode/.exec(line);
    if (mode !== null) bits.set(mode[1]!, mode[2] === "32" ? 32 : 64);
    const match = /^(\d+) +(?:<\.\.\. (\w+) resumed>(.*)|(\w+)\((.*))$/.exec(line);
    if (match === null) continue;
    const [, pid, resumed, rest, name, args] = match as unknown as string[];
    const isUnfinished = line.endsWith("<unfinished ...>");
    let whole = args ?? "";
    if (name !== undefined && isUnfinished) cut.set(pid!, whole.replace(/ *<unfinished \.\.\.>$/, ""));
    if (resumed !== undefined) whole = (cut.get(pid!) ?? "") + (rest ?? "");
    const call = name ?? resumed!;
    if (!started) {
      // Up to its first execve that worked, the process is our gate.
      const isStart = Number(pid) === mainPid && call === "execve" && line.endsWith(" = 0");
      started = isStart;
      continue;
    }
    if (name !== undefined) view.calls.add(bits.get(pid!) === 32 ? `i386:${call}` : call);
    if (isUnfinished && name !== undefined) continue;
    const isOpen = /^(?:open|openat|openat2|creat)$/.test(call) && !whole.includes("O_PATH");
    const opened = isOpen && / = \d+<(\/.*)>$/.exec(whole);
    if (opened)
      view.opened.add(opened[1]!.replace(/<(?:char|block) \d+:\d+>$/, "").replace(/ \(deleted\)$/, ""));
    const missing = /^(?:AT_FDCWD(?:<[^>]*>)?, )?"(\/[^"]*)".* = -1 ENOENT/.exec(whole);
    if (missing !== null && call !== "execve") view.missing.add(realFolder(missing[1]!));
  }
  return view;
}

/** The path with the links of its folder followed, as far as that exists. */
export function realFolder(path: string): string {
  const normal = posix.normalize(path);
  let folder = posix.dirname(normal);
  let rest = posix.basename(normal);
  for (;;) {
    try {
      return posix.join(realpathSync(folder), rest);
    } catch {
      rest = posix.join(posix.basename(folder), rest);
      folder = posix.dirname(folder);
    }
  }
}

/** The recording seen as strace's view, for comparing. */
export function viewOf(recording: Recording): StraceView {
  const view: StraceView = { calls: new Set(), opened: new Set(), missing: new Set() };
  for (const phase of recording.phases) {
    for (const call of phase.syscalls) view.calls.add(phase.abi === "i386" ? `i386:${call.name}` : call.name);
  }
  for (const file of recording.files) {
    const isOpen = file.access.some((access) => access === "read" || access === "write");
    if (file.ok && isOpen && file.type !== undefined && file.type !== "socket") view.opened.add(file.path);
    if (!file.ok && file.type !== "socket" && file.errnos?.includes("ENOENT")) view.missing.add(file.path);
  }
  return view;
}
