import type { Abi } from "../../profile/index.ts";
import { type Image, newImage } from "./image.ts";

/** PATH_MAX (linux/limits.h). A longer path is no path; and relative steps may not grow one without end. */
const MAX_PATH = 4096;

/**
 * Where relative paths begin. `path` undefined: not known yet (the log began in a folder it does not name), perhaps
 * learned later from getcwd.
 */
export interface Base {
  path: string | undefined;
}

/** A place: a base and the way from it, normalised; "." is the base itself. */
export interface Place {
  base: Base;
  relative: string;
}

/** The one base that is always known. */
const ROOT: Base = { path: "/" };

/** The place of an absolute path. */
export function placeOf(path: string): Place {
  return { base: ROOT, relative: walk("/", path) ?? path };
}

/** The absolute path of a place; undefined while its base is not known. */
export function pathOf({ base, relative }: Place): string | undefined {
  if (relative.startsWith("/")) return relative;
  return base.path === undefined ? undefined : walk(base.path, relative);
}

/** The place that a path means, taken from a directory; undefined if it becomes longer than a path can be. */
export function step(from: Place, path: string): Place | undefined {
  const relative = walk(from.relative, path);
  return relative === undefined ? undefined : { base: from.base, relative };
}

/**
 * posix.join, but in time that the length of `path` alone determines: a log may take a million steps in a deep folder.
 * undefined: longer than PATH_MAX.
 */
export function walk(from: string, path: string): string | undefined {
  let here = path.startsWith("/") ? "/" : from;
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") here = above(here);
    else here = here === "/" ? `/${part}` : here === "." ? part : `${here}/${part}`;
    if (here.length > MAX_PATH) return undefined;
  }
  return here;
}

function above(here: string): string {
  if (here === "/") return "/";
  if (here === ".") return "..";
  if (here === ".." || here.endsWith("/..")) return `${here}/..`;
  const cut = here.lastIndexOf("/");
  return cut === -1 ? "." : cut === 0 ? "/" : here.slice(0, cut);
}

export interface SocketState {
  domain: string;
  type: string;
  protocol: number;
  /** What it was bound to; "" for not. */
  bound: string;
}

export interface Descriptor {
  place?: Place;
  socket?: SocketState;
  closeOnExec: boolean;
}

/** What threads share with CLONE_FS. */
export interface FileSystem {
  cwd: Place;
  /** "/" or what chroot made it. */
  root: string;
}

/** The names of open descriptors, shared with CLONE_FILES. */
export class Descriptors {
  #open: Map<number, Descriptor>;

  constructor(open: Iterable<[number, Descriptor]> = []) {
    this.#open = new Map(open);
  }

  get(fd: number): Descriptor | undefined {
    return this.#open.get(fd);
  }

  set(fd: number, descriptor: Descriptor): void {
    if (this.#open.size < MAX_DESCRIPTORS || this.#open.has(fd)) this.#open.set(fd, descriptor);
  }

  close(fd: number): void {
    this.#open.delete(fd);
  }

  closeRange(first: number, last: number): void {
    for (const fd of this.#open.keys()) if (fd >= first && fd <= last) this.#open.delete(fd);
  }

  /** What execve does: a table of its own, without the descriptors that close. */
  afterExec(): Descriptors {
    return new Descriptors([...this.#open].filter(([, descriptor]) => !descriptor.closeOnExec));
  }

  copy(): Descriptors {
    return new Descriptors(this.#open);
  }

  get size(): number {
    return this.#open.size;
  }
}

/** Names are kept of so many descriptors of a process: the usual limit (RLIMIT_NOFILE) is 1024. */
const MAX_DESCRIPTORS = 4096;
/** Live processes whose state is kept; of more, the longest known is forgotten. Far beyond what a machine runs. */
const MAX_PROCESSES = 32_768;
/** Descriptors copied to children, altogether: bounds time and memory for a log that forks and opens on every line. */
const MAX_COPIES = 1_000_000;

export interface Process {
  pid: number | undefined;
  fs: FileSystem;
  descriptors: Descriptors;
  /** How calls are made, where the log says so. */
  mode: Abi | undefined;
  image: Image;
  /** A call that has begun: its text so far. */
  pending: { name: string; text: string } | undefined;
}

/** A process of which nothing is known. */
export function newProcess(): Process {
  return {
    pid: undefined,
    fs: { cwd: { base: { path: undefined }, relative: "." }, root: "/" },
    descriptors: new Descriptors(),
    mode: undefined,
    image: newImage(),
    pending: undefined,
  };
}

/** What clone's flags let a child share. */
export interface Sharing {
  files: boolean;
  fs: boolean;
}

/** The processes of a log that have not ended. */
export class Processes {
  #live = new Map<number, Process>();
  /** The one that a log without process ids is about, until its id is learned. */
  #main: Process;
  readonly #forking = new Set<Process>();
  #copies = 0;

  constructor(main: Process) {
    this.#main = main;
  }

  /** Whether the id has been seen, and not its end. */
  find(pid: number): Process | undefined {
    return this.#live.get(pid);
  }

  /** Who a line without an id is about: strace leaves the id out while it follows only one process. */
  sole(): Process {
    if (this.#live.size === 1) return this.#live.values().next().value!;
    return this.#main;
  }

  get main(): Process {
    return this.#main;
  }

  /** Gives the main process its id. */
  identify(pid: number): Process {
    this.#main.pid = pid;
    this.#live.set(pid, this.#main);
    return this.#main;
  }

  /** A process begins a call that another line will end, or (undefined) has ended it. */
  setPending(process: Process, pending: Process["pending"]): void {
    process.pending = pending;
    if (pending !== undefined && FORKS.has(pending.name)) this.#forking.add(process);
    else this.#forking.delete(process);
  }

  /** Which process is making a child: the first of those in `hint` that is in clone or fork, else any that is. */
  forking(hint: Iterable<number | undefined>): Process | undefined {
    for (const pid of hint) {
      const process = pid === undefined ? this.#main : this.#live.get(pid);
      if (process && this.#forking.has(process)) return process;
    }
    return this.#forking.values().next().value;
  }

  /** One that is nobody's child. */
  add(process: Process & { pid: number }): void {
    this.#live.set(process.pid, process);
  }

  fork(pid: number, parent: Process, sharing: Sharing): Process {
    let descriptors = parent.descriptors;
    if (!sharing.files) {
      this.#copies += descriptors.size;
      descriptors = this.#copies > MAX_COPIES ? new Descriptors() : descriptors.copy();
    }
    const child: Process = {
      pid,
      fs: sharing.fs ? parent.fs : { ...parent.fs },
      descriptors,
      mode: parent.mode,
      image: parent.image,
      pending: undefined,
    };
    child.image.users++;
    this.#live.set(pid, child);
    return child;
  }

  /** Takes an ended process out. */
  end(process: Process): void {
    this.#forking.delete(process);
    if (process.pid !== undefined && this.#live.get(process.pid) === process) this.#live.delete(process.pid);
  }

  /** The longest known one, if there are too many to be kept. */
  surplus(): Process | undefined {
    return this.#live.size > MAX_PROCESSES ? this.#live.values().next().value : undefined;
  }

  all(): Iterable<Process> {
    return new Set([this.#main, ...this.#live.values()]);
  }
}

/** Calls that make processes and threads. */
export const FORKS: ReadonlySet<string> = new Set(["clone", "clone3", "fork", "vfork"]);
