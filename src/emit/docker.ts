import type { OciSeccomp } from "../linux/index.ts";
import type { Profile } from "../profile/index.ts";
import { openEnds, planWrites, tmpfsOptions } from "./files.ts";
import { seccompFor } from "./seccomp.ts";

/** What a container is held by, as a value: what `docker run` options say in words. */
export interface DockerConfinement {
  seccomp: OciSeccomp;
  /** All others are dropped. */
  capabilities: string[];
  noNewPrivileges: boolean;
  readOnlyRoot: boolean;
  /** "/tmp:rw,nosuid,…". */
  tmpfs: string[];
  /**
   * Folders for anonymous volumes. An engine fills them from the image, with owners and modes, and removes them with the
   * container (`--rm`): writes last as long as they did without. Name a volume to keep what is in it.
   */
  volumes: string[];
  user?: string;
  /** What of the profile these do not hold, or only loosely. */
  warnings: string[];
}

/** What `docker run` options say of a profile, as a value: for whoever starts containers by the API. */
export function dockerConfinement(profile: Profile): DockerConfinement {
  const { seccomp, warnings } = seccompFor(profile);
  const writes = planWrites(profile);
  const user = userOption(profile);
  return {
    seccomp,
    capabilities: profile.capabilities,
    noNewPrivileges: profile.noNewPrivileges,
    readOnlyRoot: profile.filesystem.root === "read-only",
    tmpfs: writes.tmpfs.map((folder) => `${folder}:${tmpfsOptions(profile, folder).join(",")}`),
    volumes: writes.volumes,
    ...(user !== undefined && { user }),
    warnings: [...warnings, ...writes.warnings],
  };
}

/**
 * Options for `docker run` (and `podman run`): as a list of words, and as text, one a line, for
 * `docker run $(cat FILE) IMAGE`. `seccompFile`: where the seccomp artifact lies.
 */
export function emitDocker(
  profile: Profile,
  context: { seccompFile: string },
): { text: string; warnings: string[]; args: string[] } {
  const confinement = dockerConfinement(profile);
  const args = [
    `--security-opt=seccomp=${context.seccompFile}`,
    ...(confinement.noNewPrivileges ? ["--security-opt=no-new-privileges"] : []),
    "--cap-drop=ALL",
    ...confinement.capabilities.map((name) => `--cap-add=${name.replace(/^CAP_/, "")}`),
    ...(confinement.readOnlyRoot ? ["--read-only"] : []),
    ...confinement.tmpfs.map((mount) => `--tmpfs=${mount}`),
    ...confinement.volumes.map((folder) => `--volume=${folder}`),
    ...(confinement.user === undefined ? [] : [`--user=${confinement.user}`]),
  ];
  const words = args.map(quote);
  const isPlain = words.every((word, i) => word === args[i]);
  return {
    text: `${words.join("\n")}\n`,
    warnings: [
      ...confinement.warnings,
      ...args.flatMap(colonProblem),
      ...(isPlain ? [] : ["some options are quoted, which $(cat FILE) does not undo: use eval, or xargs"]),
      ...openEnds(profile),
    ],
    args,
  };
}

/** Root is what images run as unless they say otherwise: only another user is worth an option. */
function userOption(profile: Profile): string | undefined {
  const { uid, gid } = profile.user;
  if (uid === undefined || uid === 0) return undefined;
  return gid === undefined ? String(uid) : `${uid}:${gid}`;
}

/** Engines split mounts at colons, and no way of quoting keeps them from it. */
function colonProblem(option: string): string[] {
  const path = /^--(?:volume|tmpfs)=(.*?)(?::rw,[\w,=]*)?$/s.exec(option)?.[1];
  return path?.includes(":") === true
    ? [`${path} has a colon, which engines take for the end of a path`]
    : [];
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
