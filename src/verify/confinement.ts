import { compileSeccomp, dockerConfinement, localConfinement } from "../emit/index.ts";
import { landlockAbi } from "../kernel/index.ts";
import type { ArchName, Note, Profile } from "../profile/index.ts";
import type { Confinement } from "../workload/index.ts";
import type { Policy } from "./policy.ts";

/** How a target is held in the enforced runs, and the same as values that can be asked without running anything. */
export interface Enforcement {
  confinement: Confinement;
  policy: Policy;
  /** What the profile says and nothing holds in these runs. */
  notes: Note[];
}

export interface EnforcementOptions {
  /** A process of this machine, not a container. */
  local: boolean;
  /** Local: refused calls are handed to a supervisor, which answers as the filter would and takes note. */
  supervised: boolean;
  /** Folders that the caller's own engine options mount already. */
  mounted: readonly string[];
}

/** A target left alone: with a filter that allows all, for nothing else marks where a container's own calls begin. */
export function unconfined(local: boolean): Confinement {
  return local ? { local: {} } : { container: { seccomp: "allow-all" } };
}

export function enforcementOf(profile: Profile, options: EnforcementOptions): Enforcement {
  return options.local ? localEnforcement(profile, options) : containerEnforcement(profile, options);
}

/** File systems that a container has of its own: nothing in the profile decides about writes there. */
const ENGINE_FOLDERS = ["/dev/", "/proc/", "/sys/"];

function containerEnforcement(profile: Profile, { mounted }: EnforcementOptions): Enforcement {
  const { volumes, warnings, ...container } = dockerConfinement(profile);
  const { write, tmpfs } = profile.filesystem;
  const added = volumes.filter((folder) => !mounted.includes(folder));
  return {
    confinement: { container: { ...container, volumes: added } },
    policy: {
      arch: nativeArch(profile),
      seccomp: container.seccomp,
      capabilities: container.capabilities,
      files: container.readOnlyRoot
        ? { write: [...write, ...[...tmpfs, ...volumes, ...mounted].map(slashed), ...ENGINE_FOLDERS] }
        : {},
    },
    notes: [
      {
        code: "not-enforced",
        text: "an engine's options do not hold which files are read and executed, nor which addresses are used",
      },
      ...warnings.map((text): Note => ({ code: "not-enforced", text })),
      ...isolationNotes(profile),
    ],
  };
}

function localEnforcement(profile: Profile, { supervised }: EnforcementOptions): Enforcement {
  const { seccomp, capabilities, noNewPrivileges, files, warnings } = localConfinement(profile);
  const isRoot = process.getuid?.() === 0;
  const hasLandlock = landlockAbi() > 0;
  const tmpfs = files.tmpfs.map(slashed);
  const rules = {
    read: [...files.read, ...files.write, ...files.execute, ...tmpfs],
    write: [...files.write, ...tmpfs],
    execute: files.execute,
  };
  const notes = warnings.map((text): Note => ({ code: "not-enforced", text }));
  if (!hasLandlock)
    notes.push({ code: "not-enforced", text: "files are not held: this kernel has no Landlock" });
  if (supervised && hasLandlock) {
    notes.push({
      code: "files-not-watched",
      text: "refused calls were watched; refused files are seen only by what the unconfined run used, and by how the workload went",
    });
  }
  if (!isRoot && !noNewPrivileges) {
    notes.push({
      code: "stricter",
      text: "no-new-privileges was set though the profile leaves it off: without root a filter needs it",
    });
  }
  return {
    confinement: {
      local: {
        filter: compileSeccomp(seccomp, {
          arch: nativeArch(profile),
          deny: supervised ? "notify" : "as-written",
        }),
        ...(supervised ? { listener: true } : {}),
        ...(isRoot ? { capabilities } : {}),
        noNewPrivileges: noNewPrivileges || !isRoot,
        ...(hasLandlock ? { landlock: rules } : {}),
      },
    },
    policy: {
      arch: nativeArch(profile),
      seccomp,
      capabilities,
      files: hasLandlock ? rules : {},
    },
    notes: [...notes, ...isolationNotes(profile)],
  };
}

function isolationNotes({ isolation }: Profile): Note[] {
  if (isolation === "namespace") return [];
  const text = `the profile asks for isolation by ${isolation}; these runs shared this machine's kernel`;
  return [{ code: "not-enforced", text }];
}

function nativeArch(profile: Profile): ArchName {
  return profile.arch[0]!;
}

function slashed(path: string): string {
  return path.endsWith("/") ? path : `${path}/`;
}
