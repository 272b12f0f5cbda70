import { posix } from "node:path";
import { type Profile, covers } from "../profile/index.ts";

/** File systems that the engine brings itself and that can be written to: nothing has to be mounted. */
const ENGINE = ["/dev/", "/proc/"];
/** Parts of them that no container may write to, whatever its root is. */
const ENGINE_READ_ONLY = [
  "/sys/",
  "/proc/sys/",
  "/proc/bus/",
  "/proc/fs/",
  "/proc/irq/",
  "/proc/sysrq-trigger",
];
/** Folders of programs, libraries and settings: a volume would make all of it writable, to allow one thing in it. */
const NOT_A_VOLUME = new Set([
  "/",
  "/usr/",
  "/usr/bin/",
  "/usr/sbin/",
  "/usr/lib/",
  "/bin/",
  "/sbin/",
  "/lib/",
  "/lib64/",
  "/etc/",
]);

/** How the writes of a profile are served under a read-only root. */
export interface WritePlan {
  /** Folders that begin empty; like `volumes` without the slash at the end, sorted, none inside another. */
  tmpfs: string[];
  /** Folders that begin as the image has them. */
  volumes: string[];
  /** What is not served, or more than asked for: sentences. */
  warnings: string[];
}

/** The folders to mount; a file that is written stands for its folder, and that is said. */
export function planWrites(profile: Profile): WritePlan {
  const tmpfs = outermost(profile.filesystem.tmpfs.map(withSlash));
  const plan: WritePlan = { tmpfs: tmpfs.map(withoutSlash), volumes: [], warnings: [] };
  if (profile.filesystem.root === "writable") return plan;
  const folders = new Map<string, string>();
  for (const path of profile.filesystem.write) {
    const folder = path.endsWith("/") ? path : withSlash(posix.dirname(path));
    if (covers(ENGINE_READ_ONLY, path)) {
      plan.warnings.push(`${path} is written, but containers have it read-only, unless they are privileged`);
    } else if (covers([...ENGINE, ...tmpfs], path)) {
      continue;
    } else if (NOT_A_VOLUME.has(folder)) {
      plan.warnings.push(
        `${path} is written, but a volume for it would be all of ${folder}: mount that path by itself, or make the root writable`,
      );
    } else {
      folders.set(folder, path);
    }
  }
  const volumes = outermost([...folders.keys()]);
  for (const folder of volumes) {
    const path = folders.get(folder)!;
    if (path !== folder)
      plan.warnings.push(`${path} is one file; its volume makes all of ${folder} writable`);
  }
  return { ...plan, volumes: volumes.map(withoutSlash) };
}

/** Sorted, without those below another one. */
function outermost(folders: readonly string[]): string[] {
  return [...new Set(folders)]
    .filter((folder) => !folders.some((other) => other !== folder && folder.startsWith(other)))
    .sort();
}

function withSlash(path: string): string {
  return path.endsWith("/") ? path : `${path}/`;
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/**
 * How a tmpfs is mounted. Nothing is executed from it unless the program was seen to. Everybody may write, as in /tmp;
 * runc gives it the mode of the image's folder instead where there is one, but root as its owner, so a program that is
 * not root is made the owner.
 */
export function tmpfsOptions(profile: Profile, folder: string): string[] {
  const executes = profile.filesystem.execute.some((path) => covers([`${folder}/`], path));
  const { uid = 0, gid } = profile.user;
  return [
    ...["rw", "nosuid", "nodev", executes ? "exec" : "noexec", "mode=1777"],
    ...(uid === 0 ? [] : [`uid=${uid}`, ...(gid === undefined ? [] : [`gid=${gid}`])]),
  ];
}

/** What the artifacts of an engine cannot hold, and so leave open: never dropped in silence. */
export function openEnds(profile: Profile): string[] {
  const warnings: string[] = [];
  const { filesystem, network } = profile;
  if (filesystem.read.length > 0) {
    warnings.push("which files are read is not held by these options: the image decides what there is");
  }
  if (filesystem.execute.length > 0) {
    warnings.push("which programs are executed is not held by these options: AppArmor and SELinux can");
  }
  if (network.listen.length + network.connect.length > 0) {
    warnings.push(
      "which ports and hosts are used is not held by these options: publish only the ports you want, use an internal network",
    );
  }
  if (profile.isolation !== "namespace") {
    warnings.push(
      `isolation '${profile.isolation}' needs another runtime (gVisor, a VM): not chosen by these options`,
    );
  }
  const { uid = 0 } = profile.user;
  if (uid !== 0 && profile.capabilities.length > 0 && profile.noNewPrivileges) {
    warnings.push(
      `user ${uid} is not root and gains nothing by executing: only ambient capabilities would reach the program, which run options do not give`,
    );
  }
  return [...warnings, ...knownGaps(profile)];
}

/** What is missing in the profile itself: whoever uses an artifact of it must know. */
export function knownGaps(profile: Profile): string[] {
  return (profile.incomplete ?? []).map((reason) => `the profile is incomplete: ${reason}`);
}
