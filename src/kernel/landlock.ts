import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { CinchError, NotSupportedError } from "../base/index.ts";
import { errnoName } from "../linux/index.ts";
import { libc } from "./libc.ts";

/**
 * Paths a process may use, as profiles have them: one that ends in a slash stands for the folder and everything below,
 * any other for itself. What is in none of them is refused.
 */
export interface LandlockRules {
  read: readonly string[];
  /** What is written may be read as well. */
  write: readonly string[];
  execute: readonly string[];
  /** Like `write`: folders that an engine would give empty. */
  tmpfs?: readonly string[];
}

/** A ruleset in the kernel; the descriptor is the caller's to close once the process has restricted itself. */
export interface Ruleset {
  fd: number;
  abi: number;
  /** Paths of the rules that do not exist, and so give nothing. */
  skipped: string[];
  /** What this kernel's ABI cannot hold, in sentences. */
  limits: string[];
}

/** Numbers of the system calls, the same everywhere (landlock(7)). */
const CREATE_RULESET = 444;
const ADD_RULE = 445;

/** LANDLOCK_ACCESS_FS_* (include/uapi/linux/landlock.h), with the ABI that brought those after the first. */
const FS = {
  execute: 1n << 0n,
  writeFile: 1n << 1n,
  readFile: 1n << 2n,
  readDir: 1n << 3n,
  removeDir: 1n << 4n,
  removeFile: 1n << 5n,
  makeChar: 1n << 6n,
  makeDir: 1n << 7n,
  makeReg: 1n << 8n,
  makeSock: 1n << 9n,
  makeFifo: 1n << 10n,
  makeBlock: 1n << 11n,
  makeSym: 1n << 12n,
  /** ABI 2. */
  refer: 1n << 13n,
  /** ABI 3. */
  truncate: 1n << 14n,
} as const;

const READ = FS.readFile | FS.readDir;
const EXECUTE = FS.execute | FS.readFile;
const WRITE =
  FS.writeFile |
  FS.removeDir |
  FS.removeFile |
  FS.makeChar |
  FS.makeDir |
  FS.makeReg |
  FS.makeSock |
  FS.makeFifo |
  FS.makeBlock |
  FS.makeSym |
  FS.refer |
  FS.truncate;
/** What can be granted on a file that is no folder. */
const ON_FILES = FS.execute | FS.writeFile | FS.readFile | FS.truncate;

/** Whether the kernel offers Landlock. "unknown": the question itself was refused, as by a container's filter. */
export type LandlockSupport =
  | { outcome: "yes"; abi: number }
  | { outcome: "no" | "unknown"; reason: string; needs: string };

/** Asks the kernel for its ABI (landlock_create_ruleset(2), LANDLOCK_CREATE_RULESET_VERSION). */
export function landlockSupport(): LandlockSupport {
  if (process.platform !== "linux") return { outcome: "no", reason: process.platform, needs: "Linux 5.13" };
  const CREATE_RULESET_VERSION = 1;
  const abi = libc().syscall(CREATE_RULESET, 0, 0, CREATE_RULESET_VERSION);
  if (abi > 0) return { outcome: "yes", abi };
  const errno = errnoName(libc().errno());
  switch (errno) {
    case "ENOSYS":
      return { outcome: "no", reason: "the kernel was built without it", needs: "Linux 5.13 with Landlock" };
    case "EOPNOTSUPP":
      return {
        outcome: "no",
        reason: "it is there, but switched off at boot",
        needs: "landlock among the security modules: the boot parameter lsm=landlock,…",
      };
    default:
      return {
        outcome: "unknown",
        reason: `the question was refused: ${errno}`,
        needs: "a place where landlock_create_ruleset(2) is allowed; some containers' filters refuse it",
      };
  }
}

/** The ABI that the kernel offers; 0 where it offers none, or does not say. */
export function landlockAbi(): number {
  const support = landlockSupport();
  return support.outcome === "yes" ? support.abi : 0;
}

/**
 * Makes a ruleset of the rules, as far as the kernel's ABI goes. ioctl on devices (ABI 5), the network (ABI 4) and what
 * Landlock knows no right for (stat, chdir, chmod) stay free. A process under a ruleset cannot mount (landlock(7)). Throws
 * NotSupportedError without Landlock.
 */
export function createRuleset(rules: LandlockRules): Ruleset {
  const support = landlockSupport();
  if (support.outcome !== "yes") {
    throw new NotSupportedError(
      "landlock",
      `no Landlock here, which holds the file rules of a local run: ${support.reason}`,
      { hint: support.needs },
    );
  }
  const { abi } = support;
  const limits: string[] = [];
  let handled = READ | EXECUTE | WRITE;
  if (abi < 2) {
    handled &= ~FS.refer;
    limits.push("ABI 1 refuses every rename and link between folders");
  }
  if (abi < 3) {
    handled &= ~FS.truncate;
    limits.push(`ABI ${abi} cannot refuse truncation`);
  }
  // struct landlock_ruleset_attr: handled_access_fs; later members may be left out.
  const attributes = Buffer.alloc(8);
  attributes.writeBigUInt64LE(handled);
  const fd = libc().syscall(CREATE_RULESET, attributes, attributes.length, 0);
  if (fd < 0) throw failed("create a Landlock ruleset");
  const ruleset: Ruleset = { fd, abi, skipped: [], limits };
  try {
    for (const [path, rights] of rightsByPath(rules, limits)) addRule(ruleset, path, rights & handled);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return ruleset;
}

function rightsByPath(rules: LandlockRules, limits: string[]): Map<string, bigint> {
  const wanted = new Map<string, bigint>();
  for (const [paths, rights] of [
    [rules.read, READ],
    [rules.execute, EXECUTE],
    [rules.write, WRITE | READ],
    [rules.tmpfs ?? [], WRITE | READ],
  ] as const) {
    for (const path of paths) {
      let named = path;
      // A rule holds on to one folder, and this process's is not the program's.
      if (OWN_FOLDER.test(path)) {
        named = "/proc/";
        limits.push(
          `${path}: a process's own folder cannot be named beforehand, so the rule is for all of /proc/`,
        );
      }
      wanted.set(named, (wanted.get(named) ?? 0n) | rights);
    }
  }
  return wanted;
}

/** A process's own folder in /proc. */
const OWN_FOLDER = /^\/proc\/(self|thread-self|\d+)(\/|$)/;

function addRule(ruleset: Ruleset, path: string, rights: bigint): void {
  let fd: number;
  try {
    const O_PATH = 0x20_0000;
    fd = openSync(path, O_PATH | constants.O_RDONLY);
  } catch {
    ruleset.skipped.push(path);
    return;
  }
  try {
    const isFolder = fstatSync(fd).isDirectory();
    let given = isFolder ? rights : rights & ON_FILES;
    // By itself a folder has nothing but its list of names.
    if (isFolder && !path.endsWith("/")) {
      given = rights & FS.readDir;
      if ((rights & ~READ) !== 0n)
        ruleset.limits.push(`${path} is a folder: what is below it is written ${path}/`);
      if (given === 0n) return;
    }
    // struct landlock_path_beneath_attr, packed: allowed_access u64, parent_fd s32.
    const rule = Buffer.alloc(12);
    rule.writeBigUInt64LE(given, 0);
    rule.writeInt32LE(fd, 8);
    const PATH_BENEATH = 1;
    if (libc().syscall(ADD_RULE, ruleset.fd, PATH_BENEATH, rule, 0) !== 0)
      throw failed(`add ${path} to a Landlock ruleset`);
  } finally {
    closeSync(fd);
  }
}

function failed(what: string): CinchError {
  return new CinchError("landlock", `the kernel refused to ${what}: ${errnoName(libc().errno())}`);
}
