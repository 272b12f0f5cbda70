import type { OciSeccomp } from "../linux/index.ts";
import type { Profile } from "../profile/index.ts";
import { openEnds, planWrites, tmpfsOptions } from "./files.ts";
import { seccompFor } from "./seccomp.ts";
import { stringifySeccomp } from "./seccomp-text.ts";

/** Paths that Docker and Podman hide from every container (moby oci/defaults.go). */
const MASKED = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];
const READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/**
 * A fragment of an OCI runtime configuration (runtime-spec config.md): what of it a profile decides. Volumes are left to
 * whoever writes the bundle, and named in the warnings.
 */
export function emitOci(profile: Profile): { value: object; text: string; warnings: string[] } {
  const { seccomp, warnings } = seccompFor(profile);
  const { tmpfs, volumes, warnings: unserved } = planWrites(profile);
  const { uid, gid } = profile.user;
  const kept = profile.capabilities;
  const value = {
    process: {
      ...(uid !== undefined && { user: { uid, gid: gid ?? 0 } }),
      // Ambient ones are how a user other than root keeps them over execve.
      capabilities: {
        bounding: kept,
        effective: kept,
        permitted: kept,
        inheritable: uid !== undefined && uid !== 0 ? kept : [],
        ambient: uid !== undefined && uid !== 0 ? kept : [],
      },
      noNewPrivileges: profile.noNewPrivileges,
    },
    root: { readonly: profile.filesystem.root === "read-only" },
    mounts: tmpfs.map((destination) => ({
      destination,
      type: "tmpfs",
      source: "tmpfs",
      options: tmpfsOptions(profile, destination),
    })),
    linux: { seccomp, maskedPaths: MASKED, readonlyPaths: READ_ONLY },
  };
  return {
    value,
    text: textOf(value),
    warnings: [
      ...warnings,
      ...unserved,
      ...volumes.map(
        (folder) => `${folder} needs a mount that can be written to: add it to the bundle's mounts`,
      ),
      ...openEnds(profile),
    ],
  };
}

/** JSON with its seccomp part as readable as that artifact is by itself. */
function textOf(value: { linux: { seccomp: OciSeccomp } }): string {
  const place = "here";
  const text = JSON.stringify({ ...value, linux: { ...value.linux, seccomp: place } }, null, 2);
  const seccomp = stringifySeccomp(value.linux.seccomp).trimEnd().replaceAll("\n", "\n    ");
  return `${text.replace(`"seccomp": "${place}"`, () => `"seccomp": ${seccomp}`)}\n`;
}
