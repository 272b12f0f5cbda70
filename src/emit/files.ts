import { posix } from "node:path";
import type { Profile } from "../profile/index.ts";

/** File systems that the engine brings itself: nothing has to be mounted for writes there. */
const ENGINE = ["/dev/", "/proc/", "/sys/"];
/** Folders that would hide the image's own programs if something were mounted over them. */
const NOT_A_VOLUME = new Set(["/", "/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/etc/"]);

/** How the writes of a profile are served under a read-only root. */
export interface WritePlan {
  tmpfs: string[];
  /** Folders that need a volume, which the engine fills from the image. */
  volumes: string[];
  /** What cannot be served: sentences. */
  warnings: string[];
}

/** Folders for tmpfs and volumes, each without the slash; a file that is written stands for its folder, and that is said. */
export function planWrites(profile: Profile): WritePlan {
  const plan: WritePlan = { tmpfs: profile.filesystem.tmpfs.map(withoutSlash), volumes: [], warnings: [] };
  if (profile.filesystem.root === "writable") return plan;
  const folders = new Set<string>();
  for (const path of profile.filesystem.write) {
    if (ENGINE.some((folder) => path.startsWith(folder))) continue;
    const folder = path.endsWith("/") ? path : `${posix.dirname(path)}/`;
    if (NOT_A_VOLUME.has(folder)) {
      plan.warnings.push(
        `${path} is written, but a volume over ${folder} would hide the image: mount that file, or make the root writable`,
      );
      continue;
    }
    if (!path.endsWith("/"))
      plan.warnings.push(
        `${path} is one file; the volume is its folder ${folder}, which so becomes writable as a whole`,
      );
    folders.add(folder);
  }
  // A folder below another one is in it already.
  for (const folder of [...folders].sort()) {
    if (
      ![...folders, ...profile.filesystem.tmpfs].some((other) => other !== folder && folder.startsWith(other))
    ) {
      plan.volumes.push(withoutSlash(folder));
    }
  }
  return plan;
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** Whether something is executed from below a folder, so that noexec would break it. */
export function executesFrom(profile: Profile, folder: string): boolean {
  return profile.filesystem.execute.some((path) => path.startsWith(`${folder}/`));
}

/** What the artifacts of an engine cannot hold, and so leave open: never dropped in silence. */
export function openEnds(profile: Profile): string[] {
  const warnings: string[] = [];
  const { filesystem, network } = profile;
  if (filesystem.read.length > 0)
    warnings.push("which files are read is not held by these options: the image decides what there is");
  if (filesystem.execute.length > 0)
    warnings.push("which programs are executed is not held by these options: AppArmor and SELinux can");
  if (network.listen.length + network.connect.length > 0) {
    warnings.push(
      "which ports and hosts are used is not held by these options: publish only the ports you want, use an internal network",
    );
  }
  if (profile.isolation !== "namespace")
    warnings.push(
      `isolation '${profile.isolation}' needs another runtime (gVisor, a VM): not chosen by these options`,
    );
  for (const reason of profile.incomplete ?? []) warnings.push(`the profile is incomplete: ${reason}`);
  return warnings;
}
