import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { posix } from "node:path";
import { resolveInside } from "../files.ts";

/** What the kernel puts behind the name of a file that has none any more. */
const DELETED = / \(deleted\)$/;
/** Links of /proc that stand for files and folders themselves (proc_pid_exe(5) and its like). */
const MAGIC = /^\/proc\/(\d+)\/(exe|cwd|root|fd\/\d+)(\/.*)?$/;

/** A path as a stopped thread means it. */
export interface SeenPath {
  /** In the target's root: what a recording names. */
  real: string;
  /** Where the same file lies for us. */
  here: string;
}

/**
 * How threads that wait in a call see the file system: where their relative paths begin, and what their links lead to.
 * All is read from /proc (proc_pid_cwd(5), proc_pid_fd(5), proc_pid_root(5)).
 */
export class View {
  /** Since a call that can move a process's root or mounts, each process is asked for its own. */
  #isMoved = false;

  /** To be told of chroot, pivot_root, unshare, setns and of clones that may get namespaces of their own. */
  moved(): void {
    this.#isMoved = true;
  }

  /**
   * What `path` stands for in a thread, whose descriptor `dirfd` it starts from if it is relative (undefined: the working
   * folder). `follow`: the last name's link is followed as well. An empty path is the descriptor itself. undefined: it
   * starts from nothing that has a path.
   */
  resolve(pid: number, path: string, options: { dirfd?: number; follow: boolean }): SeenPath | undefined {
    const root = this.#isMoved ? (readLink(`/proc/${pid}/root`) ?? "/") : "/";
    let from = "/";
    if (!path.startsWith("/")) {
      const { dirfd } = options;
      const base = dirfd === undefined ? readLink(`/proc/${pid}/cwd`) : descriptor(pid, dirfd);
      if (base === undefined) return undefined;
      // Links of /proc are told from our root; one that leads out of the process's own is a way out of it.
      if (isBelow(root, base)) from = base.slice(root === "/" ? 0 : root.length) || "/";
      else return { real: posix.join(base, path), here: posix.join(base, path) };
    }
    const inside = this.#isMoved ? `/proc/${pid}/root` : "/";
    // Not normalised: what ".." means is known only when the link before it has been followed.
    const whole = `${from}/${path}`.replaceAll(/\/{2,}/g, "/");
    const real = ownFolder(pid, realPath(inside, ownFolder(pid, whole), options.follow));
    const magic = MAGIC.exec(real);
    if (magic !== null && (options.follow || magic[3] !== undefined)) {
      const target = this.#magic(magic[1]!, magic[2]!);
      if (target === undefined) return undefined;
      const behind = posix.join(target, magic[3] ?? "");
      return { real: behind, here: behind };
    }
    return { real: root === "/" ? real : posix.join(root, real), here: posix.join(inside, real) };
  }

  /** Where a link of /proc leads that only the kernel can follow; undefined: to a pipe, a socket or nowhere. */
  #magic(pid: string, name: string): string | undefined {
    const target = readLink(`/proc/${pid}/${name}`);
    return target?.startsWith("/") ? target.replace(DELETED, "") : undefined;
  }

  /** The file behind a descriptor; undefined for pipes, sockets and what else has no path. */
  file(pid: number, fd: number): SeenPath | undefined {
    const path = descriptor(pid, fd);
    return path === undefined ? undefined : { real: path, here: path };
  }
}

/** "/proc/self" means another folder in each process. */
function ownFolder(pid: number, path: string): string {
  return path.replace(/^\/proc\/(self|thread-self)(?=\/|$)/, `/proc/${pid}`);
}

/**
 * A path with the links of its folder followed, and its own only if asked to: unlink, rename and lstat mean the link.
 * What does not exist is taken as it stands.
 */
function realPath(inside: string, path: string, follow: boolean): string {
  const trimmed = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  const name = posix.basename(trimmed);
  if (name === "" || name === "." || name === "..") return resolveInside(inside, trimmed);
  const folder = posix.dirname(trimmed);
  const real = (inside === "/" ? quickFolder(folder) : undefined) ?? resolveInside(inside, folder);
  const last = posix.join(real, name);
  if (!follow) return last;
  return look(posix.join(inside, last)) === "link" ? resolveInside(inside, last) : last;
}

function look(path: string): "link" | "other" | "nothing" {
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat === undefined ? "nothing" : stat.isSymbolicLink() ? "link" : "other";
  } catch {
    // In a folder that may not be searched.
    return "other";
  }
}

/**
 * realpath(3) does in one call what costs a call a name. undefined: to be done name by name, as in /proc, where it would
 * follow what only the process can.
 */
function quickFolder(folder: string): string | undefined {
  // Asked first, because an exception is dear, and programs look into many folders that are not there.
  if (look(folder) === "nothing") {
    const name = posix.basename(folder);
    const above =
      name === "" || name === "." || name === ".." ? undefined : quickFolder(posix.dirname(folder));
    return above === undefined ? undefined : posix.join(above, name);
  }
  try {
    const real = realpathSync.native(folder);
    return /^\/proc(\/|$)/.test(real) ? undefined : real;
  } catch {
    return undefined;
  }
}

function isBelow(root: string, path: string): boolean {
  return root === "/" || path === root || path.startsWith(`${root}/`);
}

/** What a descriptor leads to, if that has a path. A file that was deleted since is called so by the kernel. */
function descriptor(pid: number, fd: number): string | undefined {
  const target = readLink(`/proc/${pid}/fd/${fd}`);
  return target?.startsWith("/") ? target.replace(DELETED, "") : undefined;
}

export function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
