import type { FileAccess, RecordedFile } from "../../profile/index.ts";
import { constants } from "../../linux/index.ts";
import { CALLS, type PathArg } from "../calls.ts";
import { FileSet, resolveInside } from "../files.ts";
import { AT_FDCWD, type Call, annotatedPath, parseDescriptor, parseString } from "./call.ts";
import { type Place, type Process, pathOf, placeOf, step, walk } from "./process.ts";
import { evaluate, hasFlag } from "./values.ts";

/** Paths whose start is not known yet, kept until it is: far more than a real log has before its first getcwd. */
const MAX_WAITING = 20_000;
/**
 * Characters of all recorded paths together, each with what was done to it. Relative paths make much of little: a log may walk down four thousand
 * characters and open a million files there. Thirty times what 20,000 files of a real program take.
 */
const MAX_CHARACTERS = 1 << 25;

const O_CLOEXEC = BigInt(constants["open.x86_64"].O_CLOEXEC);

interface Outcome {
  errno: string | undefined;
  type?: RecordedFile["type"];
}

/**
 * How a path is to be taken: `named`, with its last part as it is; `opened` or `executed`, which follow a link there too;
 * `real`, with nothing left to follow.
 */
type Reach = "named" | "opened" | "executed" | "real";

/** What a log's calls did to files, and how each process's directories and descriptors follow from it. */
export class FileEffects {
  readonly files: FileSet;
  readonly executables = new Set<string>();
  /** Paths that were used but not recorded: cut by strace, unreadable, or relative to what is not known. */
  lost = 0;
  /** Paths were written as the program gave them, so that links in them are not followed. */
  asGiven = false;
  /** What was added already: most calls of a log repeat others. */
  #seen = new Set<string>();
  #characters = 0;
  #waiting: { place: Place; access: FileAccess[]; outcome: Outcome; reach: Reach }[] = [];

  readonly #root: string | undefined;

  /** `root`: the folder that the target saw as /, where links can be followed; undefined: it is not here. */
  constructor(root: string | undefined) {
    this.#root = root;
    this.files = new FileSet(() => root);
  }

  /** One call that returned, with its effects on files and on the process's own state. */
  apply(process: Process, call: Call): void {
    const spec = CALLS[call.name];
    const outcome: Outcome = { errno: call.errno };
    switch (spec?.kind) {
      case "open":
        this.#open(process, call, spec.path, outcome);
        break;
      case "path":
        if (call.name === "mkdir" || call.name === "mkdirat" || call.name === "rmdir")
          outcome.type = "directory";
        if (spec.failuresOnly && call.errno === undefined) this.#executed(process, call, spec.paths[0]);
        else
          for (const path of spec.paths)
            this.#use(this.#resolve(process, call, path), [path.access], outcome);
        break;
      case "fd":
        this.#descriptor(process, call, spec.fd, spec.access, outcome);
        break;
      case "chdir":
      case "chroot":
        this.#move(process, call, spec.path);
        break;
      default:
        if (call.name === "getcwd") this.#learn(process, call);
    }
    if (call.errno === undefined) this.#descriptors(process, call);
  }

  /** Adds what waited for its start to be known; what still is not, is lost. */
  finish(): void {
    for (const { place, access, outcome, reach } of this.#waiting) {
      const path = pathOf(place);
      if (path === undefined) this.lost++;
      else this.#add(path, access, outcome, reach);
    }
    this.#waiting = [];
  }

  /** A path that was taken from elsewhere, such as a socket's. */
  useText(process: Process, path: string, access: FileAccess[], outcome: Outcome): void {
    this.#use(this.#absolute(process, process.fs.cwd, path), access, outcome);
  }

  #open(process: Process, call: Call, path: PathArg, outcome: Outcome): void {
    const place = this.#resolve(process, call, path);
    const flags = openFlags(call);
    const access = flags === undefined ? [path.access] : accessOf(flags);
    if (flags?.has("O_DIRECTORY") && call.errno === undefined) outcome.type = "directory";
    const real = annotatedPath(call.retAnnotation);
    if (real?.isDevice) outcome.type = "device";
    // With -y the result says what was really opened, links followed.
    const opened = real === undefined ? place : placeOf(real.path);
    this.#use(
      opened,
      access,
      outcome,
      real !== undefined ? "real" : flags?.has("O_NOFOLLOW") ? "named" : "opened",
    );
    if (call.errno !== undefined || call.ret === undefined) return;
    process.descriptors.set(call.ret, {
      ...(typeof opened === "object" && { place: opened }),
      closeOnExec: flags?.has("O_CLOEXEC") ?? false,
    });
  }

  #executed(process: Process, call: Call, path: PathArg): void {
    const place = this.#resolve(process, call, path);
    this.#use(place, ["execute"], { errno: undefined, type: "file" }, "executed");
    process.descriptors = process.descriptors.afterExec();
  }

  #descriptor(process: Process, call: Call, at: number, access: FileAccess, outcome: Outcome): void {
    const place = this.#placeOfDescriptor(process, call.args[at] ?? "");
    // What has no name (a pipe, a memfd) or was opened before the log began is no file to grant.
    if (place !== undefined) this.#use(place, [access], outcome);
  }

  #move(process: Process, call: Call, path: PathArg | undefined): void {
    const to = path
      ? this.#resolve(process, call, path)
      : this.#placeOfDescriptor(process, call.args[0] ?? "");
    if (path)
      this.#use(to, ["stat"], { errno: call.errno, ...(call.errno === undefined && { type: "directory" }) });
    if (call.errno !== undefined) return;
    if (call.name === "chroot") {
      const root = typeof to === "object" ? pathOf(to) : undefined;
      if (root !== undefined) process.fs.root = root;
      return;
    }
    process.fs.cwd = typeof to === "object" ? to : { base: { path: undefined }, relative: "." };
  }

  /** getcwd says where a process is: the only way to learn where one began. */
  #learn(process: Process, call: Call): void {
    const text = call.errno === undefined ? parseString(call.args[0] ?? "") : undefined;
    // "(unreachable)/x": outside of the process's root.
    if (text === undefined || text.cut || !text.value.startsWith("/")) return;
    this.#located(process, process.fs.root === "/" ? text.value : `${process.fs.root}${text.value}`);
  }

  #located(process: Process, here: string): void {
    const { base, relative } = process.fs.cwd;
    if (base.path === undefined && relative === ".") base.path = here;
    else process.fs.cwd = placeOf(here);
  }

  /** "lost": there was a path, but where it leads is not known; undefined: there was none. */
  #resolve(process: Process, call: Call, path: PathArg): Place | "lost" | undefined {
    const argument = call.args[path.arg];
    if (argument === undefined || argument === "NULL") return undefined;
    const text = parseString(argument);
    // An address in its place: memory that could not be read, by the kernel neither (EFAULT), or strace's -e raw.
    if (text === undefined) return call.errno === "EFAULT" ? undefined : "lost";
    if (text.cut) return "lost";
    // An empty path means the descriptor itself (AT_EMPTY_PATH), or is an error.
    if (text.value === "") return undefined;
    if (text.value.startsWith("/")) return this.#absolute(process, process.fs.cwd, text.value);
    const from =
      path.dirfd === undefined ? process.fs.cwd : this.#directory(process, call.args[path.dirfd] ?? "");
    if (from !== undefined) return this.#absolute(process, from, text.value);
    // A descriptor that is not open leads nowhere.
    return call.errno === "EBADF" ? undefined : "lost";
  }

  #absolute(process: Process, from: Place, path: string): Place | "lost" {
    const { root } = process.fs;
    if (root === "/") return step(from, path) ?? "lost";
    // ".." does not lead out of the root.
    const start = path.startsWith("/") ? root : pathOf(from);
    if (start === undefined || !`${start}/`.startsWith(`${root}/`)) return step(from, path) ?? "lost";
    const inside = walk(start.slice(root.length) || "/", path);
    return (inside === undefined ? undefined : step(placeOf(root), `.${inside}`)) ?? "lost";
  }

  #directory(process: Process, argument: string): Place | undefined {
    const descriptor = parseDescriptor(argument);
    if (descriptor === undefined) return undefined;
    const annotated = annotatedPath(descriptor.annotation);
    if (annotated !== undefined) {
      // -y names the working directory, which calls without a descriptor use too.
      if (descriptor.fd === AT_FDCWD) this.#located(process, annotated.path);
      return placeOf(annotated.path);
    }
    return descriptor.fd === AT_FDCWD ? process.fs.cwd : process.descriptors.get(descriptor.fd)?.place;
  }

  #placeOfDescriptor(process: Process, argument: string): Place | undefined {
    const descriptor = parseDescriptor(argument);
    const annotated = annotatedPath(descriptor?.annotation);
    if (annotated !== undefined) return placeOf(annotated.path);
    return descriptor && process.descriptors.get(descriptor.fd)?.place;
  }

  #use(
    place: Place | "lost" | undefined,
    access: FileAccess[],
    outcome: Outcome,
    reach: Reach = "named",
  ): void {
    if (place === undefined) return;
    const path = place === "lost" ? undefined : pathOf(place);
    if (path !== undefined) this.#add(path, access, outcome, reach);
    else if (place !== "lost" && this.#waiting.length < MAX_WAITING) {
      this.#waiting.push({ place, access, outcome, reach });
    } else this.lost++;
  }

  #add(path: string, access: FileAccess[], outcome: Outcome, reach: Reach): void {
    if (this.#characters > MAX_CHARACTERS) {
      this.lost++;
      return;
    }
    const key = `${reach} ${access.join()} ${outcome.errno} ${outcome.type} ${path}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#characters += path.length;
    if (reach !== "real") this.asGiven = true;
    const followed = reach === "opened" || reach === "executed";
    const real =
      followed && this.#root !== undefined && outcome.errno === undefined
        ? resolveInside(this.#root, path)
        : path;
    this.files.add(real, access, { ...outcome, resolve: reach === "named" || outcome.errno !== undefined });
    if (reach === "executed") this.executables.add(real);
  }

  /** Descriptors that come and go without a path. */
  #descriptors(process: Process, call: Call): void {
    const fd = Number.parseInt(call.args[0] ?? "", 10);
    switch (call.name) {
      case "close":
        process.descriptors.close(fd);
        break;
      case "close_range":
        // CLOSE_RANGE_CLOEXEC (linux/close_range.h) closes nothing yet.
        if (!/CLOEXEC|^0?x?4\b/.test(call.args[2] ?? "")) {
          process.descriptors.closeRange(fd, Number(call.args[1]) || 0xffff_ffff);
        }
        break;
      case "dup":
      case "dup2":
      case "dup3":
        this.#duplicate(process, fd, call.ret, hasFlag(call.args[2], O_CLOEXEC));
        break;
      case "fcntl":
      case "fcntl64":
        this.#control(process, fd, call);
        break;
      default:
    }
  }

  #control(process: Process, fd: number, call: Call): void {
    const { F_DUPFD, F_DUPFD_CLOEXEC, F_SETFD } = constants.fcntl;
    const command = Number(evaluate(call.args[1] ?? "", ["fcntl"]) ?? -1n);
    if (command === F_DUPFD || command === F_DUPFD_CLOEXEC) {
      this.#duplicate(process, fd, call.ret, command === F_DUPFD_CLOEXEC);
    } else if (command === F_SETFD) {
      const descriptor = process.descriptors.get(fd);
      const closeOnExec = /^(?:FD_CLOEXEC|0?x?1)\b/.test(call.args[2] ?? "");
      if (descriptor) process.descriptors.set(fd, { ...descriptor, closeOnExec });
    }
  }

  #duplicate(process: Process, from: number, to: number | undefined, closeOnExec: boolean): void {
    if (to === undefined) return;
    const descriptor = process.descriptors.get(from);
    if (descriptor) process.descriptors.set(to, { ...descriptor, closeOnExec });
    else process.descriptors.close(to);
  }
}

/** The O_* names of a call that opens; undefined where strace shows none (-e raw, an unreadable structure). */
function openFlags(call: Call): Set<string> | undefined {
  if (call.name === "creat") return new Set(["O_WRONLY", "O_CREAT", "O_TRUNC"]);
  const text =
    call.name === "openat2"
      ? /\bflags=([^,}]*)/.exec(call.args[2] ?? "")?.[1]
      : call.args[call.name === "open" ? 1 : 2];
  if (text === undefined || call.name === "open_tree") return undefined;
  const names = text.match(/\bO_[A-Z]+\b/g);
  if (names) return new Set(names);
  const number = /^(?:0x[0-9a-f]{1,8}|\d{1,10})/.exec(text);
  return number ? flagsOf(Number(number[0])) : undefined;
}

/** The flags that matter here, of a number (strace -X raw). They are the same on x86 and arm64, but O_DIRECTORY. */
function flagsOf(value: number): Set<string> {
  const flags = new Set([["O_RDONLY", "O_WRONLY", "O_RDWR", "O_RDWR"][value & 3]!]);
  for (const [name, bit] of [
    ["O_CREAT", 0x40],
    ["O_TRUNC", 0x200],
    ["O_CLOEXEC", 0x8_0000],
    ["O_PATH", 0x20_0000],
  ] as const) {
    if ((value & bit) !== 0) flags.add(name);
  }
  return flags;
}

/** O_CREAT counts as creating: whether the file was there before, a log does not say. */
function accessOf(flags: ReadonlySet<string>): FileAccess[] {
  if (flags.has("O_PATH")) return ["stat"];
  const access: FileAccess[] = [];
  const isBoth = flags.has("O_RDWR");
  if (isBoth || !flags.has("O_WRONLY")) access.push("read");
  if (isBoth || flags.has("O_WRONLY") || flags.has("O_TRUNC")) access.push("write");
  if (flags.has("O_CREAT") || flags.has("O_TMPFILE")) access.push("create");
  return access;
}
