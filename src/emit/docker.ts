import type { OciSeccomp } from "../linux/index.ts";
import type { Profile } from "../profile/index.ts";
import { executesFrom, openEnds, planWrites } from "./files.ts";
import { emitSeccomp } from "./seccomp.ts";

/** What a container is held by, as a value: what `docker run` options say in words. */
export interface DockerConfinement {
  seccomp: OciSeccomp;
  capabilities: string[];
  noNewPrivileges: boolean;
  readOnlyRoot: boolean;
  /** "/tmp", or "/run:mode=1777". */
  tmpfs: string[];
  /** Folders for anonymous volumes, which the engine fills from the image. */
  volumes: string[];
  user?: string;
  warnings: string[];
}

export function dockerConfinement(profile: Profile): DockerConfinement {
  const { tmpfs, volumes, warnings } = planWrites(profile);
  const user = userOption(profile);
  return {
    seccomp: emitSeccomp(profile, { runtimes: ["runc", "crun"] }),
    capabilities: profile.capabilities,
    noNewPrivileges: profile.noNewPrivileges,
    readOnlyRoot: profile.filesystem.root === "read-only",
    tmpfs: tmpfs.map((folder) => `${folder}:${tmpfsOptions(profile, folder)}`),
    volumes,
    ...(user !== undefined && { user }),
    warnings,
  };
}

/** Options for `docker run`, one a line, quoted for a shell. `seccompFile`: where the seccomp artifact lies. */
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
  return {
    text: `${args.map(quote).join("\n")}\n`,
    warnings: [...confinement.warnings, ...openEnds(profile)],
    args,
  };
}

/** Nothing is executed from a tmpfs unless the program was seen to; everybody may write, as in /tmp. */
function tmpfsOptions(profile: Profile, folder: string): string {
  return ["rw", "nosuid", "nodev", executesFrom(profile, folder) ? "exec" : "noexec", "mode=1777"].join(",");
}

/** Root is what images run as unless they say otherwise: only another user is worth an option. */
function userOption(profile: Profile): string | undefined {
  const { uid, gid } = profile.user;
  if (uid === undefined || uid === 0) return undefined;
  return gid === undefined ? String(uid) : `${uid}:${gid}`;
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
