import type { Abi } from "../../profile/index.ts";
import { constants, decisiveArguments, isSyscall, syscallName, type TableArch } from "../../linux/index.ts";
import { type Call, callName, parseCall } from "./call.ts";
import { Clock } from "./clock.ts";
import { FileEffects } from "./files.ts";
import { CallTotals, count, newImage } from "./image.ts";
import { type Line, parseLine } from "./line.ts";
import { FORKS, type Process, Processes, type Sharing, newProcess, placeOf } from "./process.ts";
import { SocketEffects } from "./sockets.ts";
import { ARGUMENT_SETS, evaluate } from "./values.ts";

export interface FollowOptions {
  arch: TableArch;
  cwd: string | undefined;
  root: string | undefined;
  /** A child's id → the processes whose fork or clone returned it. */
  parents: ReadonlyMap<number, ReadonlySet<number | undefined>>;
}

/**
 * Reads a log line by line and follows its processes: which call each line belongs to, who makes it, and what it does to
 * directories, descriptors and programs. What was used gathers in `totals`, `files` and `sockets`.
 */
export class Follower {
  readonly #arch: TableArch;
  readonly totals: CallTotals;
  readonly files: FileEffects;
  readonly sockets: SocketEffects;
  readonly clock = new Clock();
  /** By code: what a reader of the recording must know. */
  readonly notes = new Map<string, string>();
  /** Lines that could not be understood, or not wholly. */
  badLines = 0;
  readonly #processes: Processes;
  readonly #parents: FollowOptions["parents"];
  /** Children that strace said it follows. */
  readonly #announced = new Set<number>();
  #sawCall = false;
  /** The beginning of a call that was broken off by a message of strace on the same stream. */
  #broken: { process: Process; text: string } | undefined;

  constructor(options: FollowOptions) {
    this.#arch = options.arch;
    this.#parents = options.parents;
    this.totals = new CallTotals(options.arch);
    this.files = new FileEffects(options.root);
    this.sockets = new SocketEffects(this.files);
    const main = newProcess();
    if (options.cwd !== undefined) main.fs.cwd = placeOf(options.cwd);
    this.#processes = new Processes(main);
  }

  /** The next line, without its end; undefined: it was too long to be looked at. */
  line(raw: string | undefined): void {
    const line = raw === undefined ? ({ kind: "unknown" } as const) : parseLine(raw);
    if ("time" in line && line.time) this.clock.add(line.time);
    const broken = this.#broken;
    this.#broken = undefined;
    if (broken && !this.#mend(broken, line, raw ?? "")) this.#partial(broken.process, broken.text);
    else if (broken) return;
    this.#take(line);
  }

  #take(line: Line): void {
    switch (line.kind) {
      case "call": {
        const process = this.#process(line.pid);
        this.#abandon(process);
        this.#call(process, line.text);
        break;
      }
      case "unfinished":
        this.#begin(this.#process(line.pid), line.text);
        break;
      case "resumed":
        this.#resume(this.#process(line.pid), line.name, line.text);
        break;
      case "attached":
        this.#announced.add(line.child);
        if (line.before !== "") this.#broken = { process: this.#process(line.pid), text: line.before };
        break;
      case "detached":
        this.#note("interrupted", "strace let go of the program before it ended");
        if (line.text !== "") this.#partial(this.#process(line.pid), line.text);
        break;
      case "mode":
        if (line.abi === "native" || this.#arch === "x86_64") this.#process(line.process).mode = line.abi;
        else
          this.#note(
            "foreign-abi",
            "32-bit calls were made that are not i386's; they are taken for the machine's own by name",
          );
        break;
      case "ended":
        this.#end(this.#process(line.pid));
        break;
      case "superseded":
        this.#supersede(line.pid, line.by);
        break;
      case "unknown":
        this.badLines++;
        break;
      case "aside":
        break;
    }
  }

  /** What followed a message in the middle of a call: its end, or the mark that it goes on later. */
  #mend(broken: { process: Process; text: string }, line: Line, raw: string): boolean {
    if (line.kind === "unfinished" && callName(line.text) === undefined) {
      this.#begin(broken.process, broken.text + line.text);
      return true;
    }
    const whole = parseCall(broken.text + raw);
    if (whole === undefined || (line.kind === "call" && parseCall(line.text) !== undefined)) return false;
    this.#returned(broken.process, whole);
    return true;
  }

  #process(pid: number | undefined): Process {
    if (pid === undefined) return this.#processes.sole();
    const known = this.#processes.find(pid);
    if (known) return known;
    // New to us: a child whose parent is still inside clone, the process that strace started, or one attached later.
    const { main } = this.#processes;
    const isChild = this.#parents.has(pid) || this.#announced.has(pid);
    if (main.pid === undefined && !isChild) return this.#processes.identify(pid);
    const parent = this.#processes.forking(this.#parents.get(pid) ?? []);
    if (parent !== undefined) return this.#fork(pid, parent, parent.pending?.text ?? "");
    if (main.pid === undefined) return this.#processes.identify(pid);
    const stranger = { ...newProcess(), pid };
    this.#processes.add(stranger);
    this.#limit();
    return stranger;
  }

  #fork(pid: number, parent: Process, call: string): Process {
    const child = this.#processes.fork(pid, parent, sharingOf(call));
    this.#limit();
    return child;
  }

  #limit(): void {
    const surplus = this.#processes.surplus();
    if (surplus) this.#end(surplus);
  }

  #begin(process: Process, text: string): void {
    this.#abandon(process);
    const head = callName(text);
    if (head === undefined || !this.#isCall(head.name)) this.badLines++;
    else this.#processes.setPending(process, { name: head.name, text });
  }

  #resume(process: Process, marked: string, rest: string): void {
    const name = marked.replace(/#.*/, "");
    const pending = process.pending;
    if (pending?.name !== name) {
      // Its beginning is missing: strace was attached in its middle, or the log is cut.
      this.#partial(process, `${name}(`);
      return;
    }
    this.#processes.setPending(process, undefined);
    const call = parseCall(pending.text + rest);
    if (call) this.#returned(process, call);
    else this.#partial(process, pending.text);
  }

  #call(process: Process, text: string): void {
    const call = parseCall(text);
    if (call && this.#isCall(call.name)) this.#returned(process, call);
    else this.#partial(process, text);
  }

  /** A line that begins like a call but is not whole: the call itself was made, the rest is lost. */
  #partial(process: Process, text: string): void {
    this.badLines++;
    this.#entered(process, text);
  }

  /** A call that was begun and of which no end is known: that is no loss, for its process may have ended in it. */
  #abandon(process: Process): void {
    if (process.pending === undefined) return;
    this.#entered(process, process.pending.text);
    this.#processes.setPending(process, undefined);
  }

  #entered(process: Process, text: string): void {
    const head = callName(text);
    if (head === undefined || !this.#isCall(head.name)) return;
    this.#sawCall = true;
    const name = this.#nameOf(head.name, process.mode);
    this.#count(process, head.mark, name, {
      errno: undefined,
      values: decisiveArguments[name] ? undefined : [],
    });
  }

  #isCall(name: string): boolean {
    return (
      isSyscall(name) ||
      /^syscall_(?:0x[0-9a-f]{1,8}|\d{1,9})$/.test(name) ||
      name === "send" ||
      name === "recv"
    );
  }

  /** "syscall_0x1d8" by our tables, which may be newer than strace's. */
  #nameOf(name: string, mode: Abi | undefined): string {
    const unknown = /^syscall_(.+)$/.exec(name);
    if (!unknown || isSyscall(name)) return name;
    const nr = Number(unknown[1]);
    return syscallName(mode === undefined || mode === "native" ? this.#arch : mode, nr) ?? `syscall_${nr}`;
  }

  #returned(process: Process, parsed: Call): void {
    if (!this.#sawCall && parsed.name !== "execve" && parsed.name !== "execveat") {
      this.#note(
        "start-missed",
        "the log does not begin with the start of a program: what came before is missing",
      );
    }
    this.#sawCall = true;
    const call = { ...parsed, name: this.#nameOf(parsed.name, process.mode) };
    this.#count(process, call.mark, call.name, {
      // What it returns is the interrupted call's result, or whatever else the register held.
      errno: call.name === "rt_sigreturn" || call.name === "sigreturn" ? undefined : call.errno,
      values: this.#values(call),
    });
    this.files.apply(process, call);
    this.sockets.apply(process, call);
    if (call.errno !== undefined) return;
    if (call.name === "execve" || call.name === "execveat") this.#exec(process);
    else if (FORKS.has(call.name) && call.ret !== undefined && call.ret > 0) {
      if (this.#processes.find(call.ret) === undefined) this.#fork(call.ret, process, call.args.join());
    } else if (call.name === "pivot_root" || call.name === "setns") {
      this.#note("other-root", `${call.name} was called: paths after it may belong to another file tree`);
    }
  }

  #count(
    process: Process,
    mark: string | undefined,
    name: string,
    outcome: Parameters<typeof count>[3],
  ): void {
    if (mark === "64") process.image.marked = true;
    count(process.image, mark === "64" ? "x32" : process.mode, name, outcome);
  }

  /** The numbers of the arguments that decide what a call may do, as calls.ts lists them. */
  #values(call: Call): number[] | undefined {
    const specs = decisiveArguments[call.name];
    if (specs === undefined) return [];
    const row: number[] = [];
    for (const { name, arg, mask, deref } of specs) {
      let text: string | undefined = call.args[arg] ?? "";
      // clone's arguments are named, in another order; clone3's are in a structure.
      if (call.name === "clone") text = call.args.find((each) => each.startsWith("flags="))?.slice(6) ?? text;
      else if (deref) text = /^\{flags=([^,}]*)/.exec(text)?.[1];
      const value = text === undefined ? undefined : evaluate(text, ARGUMENT_SETS[name] ?? []);
      if (value === undefined) return undefined;
      row.push(Number(value & mask));
    }
    return row;
  }

  #exec(process: Process): void {
    this.#release(process);
    process.image = newImage();
  }

  /** Gives up a process's part in its program; the last one to do so settles the program's calls. */
  #release(process: Process): void {
    process.image.users--;
    if (process.image.users === 0) this.totals.add(process.image);
  }

  #end(process: Process): void {
    this.#abandon(process);
    this.#processes.end(process);
    if (process === this.#processes.main) return;
    this.#release(process);
  }

  #supersede(pid: number | undefined, by: number): void {
    const leader = this.#process(pid);
    const thread = this.#processes.find(by);
    if (thread === undefined || thread === leader) return;
    // The leader's own state ends; the thread takes its place.
    this.#processes.setPending(leader, thread.pending);
    this.#processes.setPending(thread, undefined);
    this.#end(thread);
  }

  #note(code: string, text: string): void {
    this.notes.set(code, text);
  }

  /** The end of the log: what is still open counts as it stands. */
  end(): void {
    if (this.#broken) this.#partial(this.#broken.process, this.#broken.text);
    this.#broken = undefined;
    for (const process of this.#processes.all()) {
      this.#abandon(process);
      this.#release(process);
    }
    this.files.finish();
  }
}

/** What a child shares, by the flags in the text of clone or clone3; fork and vfork have none. */
function sharingOf(call: string): Sharing {
  const { CLONE_FILES, CLONE_FS } = constants.clone;
  const text = /\bflags=([^,}]{1,1000})/.exec(call)?.[1];
  const flags = (text === undefined ? undefined : evaluate(text, ARGUMENT_SETS.flags!)) ?? 0n;
  return { files: (flags & BigInt(CLONE_FILES)) !== 0n, fs: (flags & BigInt(CLONE_FS)) !== 0n };
}
