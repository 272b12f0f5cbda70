/** What a line of strace's output is, its prefixes taken off. */
export type Line =
  | { kind: "call"; pid: number | undefined; text: string }
  | { kind: "unfinished"; pid: number | undefined; text: string }
  | { kind: "resumed"; pid: number | undefined; name: string; text: string }
  /** The last line of a process; `killed` by a signal, or ended by itself. */
  | { kind: "ended"; pid: number | undefined }
  /** One thread called execve: `by`'s call goes on under the id of the process, `pid`. */
  | { kind: "superseded"; pid: number | undefined; by: number }
  | { kind: "attached"; child: number; before: string; pid: number | undefined }
  /** strace let go of a process that went on running. */
  | { kind: "detached"; pid: number | undefined; text: string }
  | { kind: "mode"; process: number; abi: "native" | "i386" | "x32" }
  /** Understood, and without anything to record: signals, stack traces, strace's own messages, summary tables. */
  | { kind: "aside" }
  | { kind: "unknown" };

/** -f: "[pid  123] " on a terminal, "123  " in a file; with -Y also "123<comm>". */
const PID = /^(?:\[pid +(\d{1,10})(?:<[^>]{0,16}>)?\] |(\d{1,10})(?:<[^>]{0,16}>)? +(?=\S))/;
/** -t, -tt, -ttt, -r, and -r beside one of the others. */
const TIME = /^ *(?:(\d\d):(\d\d):(\d\d)(\.\d{1,9})?|(\d{1,12}\.\d{1,9})) (?:\(\+ *\d{1,12}\.\d{1,9}\) )?/;
/** -n: the call's number; -i: the instruction pointer. */
const NUMBERS = /^(?:\[ *\d{1,10}\] )?(?:\[[0-9a-f?]{8,16}\] )?/;

/** With strace's name as it was called: "/usr/bin/strace". */
const ATTACHED = /(?:\/[^\s:"]{1,200}\/)?strace: Process (\d{1,10}) attached$/;
const MODE = /^(?:strace: )?\[ Process PID=(\d{1,10}) runs in (32 bit|64 bit|x32) mode\. \]$/;
const RESUMED = /^<\.\.\. ([a-z_][a-z0-9_]*(?:#\w+)?) resumed> ?/;
const SUPERSEDED = /^\+\+\+ superseded by execve in pid (\d{1,10}) \+\+\+$/;
const ENDED = /^\+\+\+ (?:exited with \d+|killed by [A-Z0-9_]+(?: \(core dumped\))?) \+\+\+$/;
/** --- SIGCHLD {...} ---, --- stopped by SIGSTOP ---. */
const SIGNAL = /^--- .* ---$/;
const DETACHED = /(?:(?:\/[^\s:"]{1,200}\/)?strace: Process \d{1,10} detached| ?<detached \.\.\.>)$/;
/** -k: " > /lib/libc.so.6(read+0x1) [0x2]"; -c, -C: rows of the table. */
const ASIDE = /^(?: > .*|% time .*|[- ]{6,200}| *\d{1,3}\.\d\d +\d+\.\d{6} .*|(?:\/\S{1,200}\/)?strace: .*)$/;
/** Also where the process was killed before strace could look at its arguments. */
const UNFINISHED = / ?<(?:unfinished \.\.\.|ptrace\([A-Z_]{1,20}\):[A-Za-z ]{1,60})>$/;

const MODES = { "32 bit": "i386", "64 bit": "native", x32: "x32" } as const;

/** Seconds: since 1970 with -ttt (`absolute`), since midnight with -t and -tt. */
export interface Stamp {
  seconds: number;
  absolute: boolean;
}

/** Takes one line apart. Never throws; what it cannot place is `unknown`. */
export function parseLine(raw: string): Line & { time?: Stamp } {
  // Before the prefixes: strace's own messages have none, and stand where standard error just was.
  const mode = parseMode(raw);
  if (mode) return mode;
  if (raw === "" || ASIDE.test(raw)) {
    const attached = ATTACHED.exec(raw);
    if (attached) return { kind: "attached", child: Number(attached[1]), before: "", pid: undefined };
    return DETACHED.test(raw) ? { kind: "detached", pid: undefined, text: "" } : { kind: "aside" };
  }

  let text = raw;
  const prefix = PID.exec(text);
  if (prefix) text = text.slice(prefix[0].length);
  const pid = prefix ? Number(prefix[1] ?? prefix[2]) : undefined;
  const stamp = TIME.exec(text);
  if (stamp) text = text.slice(stamp[0].length);
  text = text.slice(NUMBERS.exec(text)![0].length);
  const time = stamp ? stampOf(stamp) : undefined;
  return { ...classify(text, pid), ...(time && { time }) };
}

function parseMode(text: string): Line | undefined {
  const mode = MODE.exec(text);
  return mode
    ? { kind: "mode", process: Number(mode[1]), abi: MODES[mode[2] as keyof typeof MODES] }
    : undefined;
}

function classify(text: string, pid: number | undefined): Line {
  const first = text.charCodeAt(0);
  if (first === 0x2b /* + */) {
    if (ENDED.test(text)) return { kind: "ended", pid };
    const superseded = SUPERSEDED.exec(text);
    return superseded ? { kind: "superseded", pid, by: Number(superseded[1]) } : { kind: "unknown" };
  }
  if (first === 0x2d /* - */) return SIGNAL.test(text) ? { kind: "aside" } : { kind: "unknown" };
  if (first === 0x3c /* < */) {
    const resumed = RESUMED.exec(text);
    if (resumed) return { kind: "resumed", pid, name: resumed[1]!, text: text.slice(resumed[0].length) };
  }
  if (first === 0x5b /* [ */) return parseMode(text) ?? { kind: "unknown" };
  const attached = ATTACHED.exec(text);
  if (attached)
    return { kind: "attached", child: Number(attached[1]), before: text.slice(0, attached.index), pid };
  const unfinished = UNFINISHED.exec(text);
  if (unfinished) return { kind: "unfinished", pid, text: text.slice(0, unfinished.index) };
  const detached = DETACHED.exec(text);
  if (detached) return { kind: "detached", pid, text: text.slice(0, detached.index) };
  return /^[a-z_]/.test(text) ? { kind: "call", pid, text } : { kind: "unknown" };
}

function stampOf([, hours, minutes, seconds, fraction, plain]: RegExpExecArray): Stamp | undefined {
  if (plain !== undefined) {
    // -r counts from the line before and says nothing about when; -ttt is far from 1970, and before the year 10000.
    return Number(plain) > 1e8 && Number(plain) < 253_402_300_800
      ? { seconds: Number(plain), absolute: true }
      : undefined;
  }
  return {
    seconds: Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds) + Number(fraction ?? 0),
    absolute: false,
  };
}
