import { type Stats, accessSync, constants, lstatSync } from "node:fs";
import { posix } from "node:path";
import { errnoName } from "../../linux/index.ts";
import type { FileAccess, RecordedFile } from "../../profile/index.ts";

/** open(2); the same on x86 and arm64 but for O_DIRECTORY and O_NOFOLLOW, which OPEN has by machine. */
const O_CREAT = 0x40;
const O_EXCL = 0x80;
const O_PATH = 0x20_0000;
const OPEN =
  process.arch === "arm64"
    ? { O_DIRECTORY: 0x4000, O_NOFOLLOW: 0x8000 }
    : { O_DIRECTORY: 0x1_0000, O_NOFOLLOW: 0x2_0000 };
/** Of O_TMPFILE, which is this and O_DIRECTORY. */
const TMPFILE_BIT = 0x40_0000;

/** How a call will go, as far as looking at the file tells. */
export interface Outcome {
  /** What it does to the path: an open that finds its file creates nothing. */
  access: FileAccess[];
  errno?: string;
  type?: RecordedFile["type"];
  /** The file's name, where it is none of its own: one that O_TMPFILE makes. */
  path?: string;
}

/** Whether an open follows its last name's link. */
export function followsLink(flags: number): boolean {
  const creates = (flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL);
  return (flags & OPEN.O_NOFOLLOW) === 0 && !creates;
}

/**
 * How an open with these flags will go. `here` is the file where we can reach it. It is asked with our own rights, so a
 * program that has changed its user may meet another error.
 */
export function foreseeOpen(here: string, flags: number): Outcome {
  const wanted: FileAccess[] = [];
  if ((flags & 3) !== 1) wanted.push("read");
  if ((flags & 3) !== 0) wanted.push("write");
  const stat = look(here);
  if (typeof stat === "string") {
    if (stat !== "ENOENT" || (flags & O_CREAT) === 0 || (flags & O_PATH) !== 0) {
      const creates: FileAccess[] = (flags & O_CREAT) === 0 ? [] : ["create"];
      return { access: (flags & O_PATH) === 0 ? [...wanted, ...creates] : ["stat"], errno: stat };
    }
    return { access: [...wanted, "create"], errno: changesIn(here), type: "file" };
  }
  const type = typeOf(stat);
  if (flags & O_PATH) return { access: ["stat"], type };
  if (flags & TMPFILE_BIT) {
    // As the kernel shows it: a number with no name.
    return { access: [...wanted, "create"], type: "file", errno: may(here, "write"), path: "#0" };
  }
  const isFolder = type === "directory";
  let errno: string | undefined;
  if ((flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) errno = "EEXIST";
  else if (stat.isSymbolicLink()) errno = "ELOOP";
  else if ((flags & OPEN.O_DIRECTORY) !== 0 && !isFolder) errno = "ENOTDIR";
  else if (isFolder && (wanted.includes("write") || (flags & O_CREAT) !== 0)) errno = "EISDIR";
  else if (type === "socket") errno = "ENXIO";
  else for (const access of wanted) errno ??= may(here, access);
  return { access: wanted, errno, type };
}

/** How a call that takes a path will go. `fresh`: it makes the path, which must not be there. */
export function foreseePath(here: string, access: FileAccess, isFresh: boolean): Outcome {
  const stat = look(here);
  if (access === "create") {
    const isThere = typeof stat !== "string";
    const errno = isThere
      ? isFresh
        ? "EEXIST"
        : changesIn(here)
      : stat === "ENOENT"
        ? changesIn(here)
        : stat;
    return { access: ["create"], errno, ...(isThere && { type: typeOf(stat) }) };
  }
  if (typeof stat === "string") return { access: [access], errno: stat };
  const type = typeOf(stat);
  switch (access) {
    case "delete":
    case "rename":
      return { access: [access], errno: changesIn(here), type };
    case "readlink":
      return { access: [access], errno: stat.isSymbolicLink() ? undefined : "EINVAL", type };
    case "execute":
      return { access: [access], errno: type === "file" ? may(here, "execute") : "EACCES", type };
    default:
      return { access: [access], type };
  }
}

/** The errno's name where there is nothing that we can see. Without an exception for what is just not there. */
function look(here: string): Stats | string {
  try {
    const stat = lstatSync(here, { throwIfNoEntry: false });
    if (stat !== undefined) return stat;
    // Not there is told from below a file by the nearest thing that is there.
    const folder = lstatSync(posix.dirname(here), { throwIfNoEntry: false });
    return folder === undefined || folder.isDirectory() || folder.isSymbolicLink() ? "ENOENT" : "ENOTDIR";
  } catch (error) {
    return nameOf(error);
  }
}

/** Whether names can be added to and taken from the folder of a path. */
function changesIn(here: string): string | undefined {
  const folder = posix.dirname(here);
  return may(folder, "write") ?? may(folder, "execute");
}

function may(here: string, access: FileAccess): string | undefined {
  const { R_OK, W_OK, X_OK } = constants;
  try {
    accessSync(here, access === "read" ? R_OK : access === "write" ? W_OK : X_OK);
    return undefined;
  } catch (error) {
    return nameOf(error);
  }
}

function nameOf(error: unknown): string {
  const { errno } = error as { errno?: number };
  return errno === undefined ? "ENOENT" : errnoName(-errno);
}

function typeOf(stat: Stats): RecordedFile["type"] {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isFIFO()) return "fifo";
  if (stat.isSocket()) return "socket";
  return stat.isSymbolicLink() ? undefined : "device";
}
