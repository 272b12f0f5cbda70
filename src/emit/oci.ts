import type { Profile } from "../profile/index.ts";
import { executesFrom, openEnds, planWrites } from "./files.ts";
import { emitSeccomp } from "./seccomp.ts";

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
  const { tmpfs, volumes, warnings } = planWrites(profile);
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
      options: [
        "rw",
        "nosuid",
        "nodev",
        ...(executesFrom(profile, destination) ? [] : ["noexec"]),
        "mode=1777",
      ],
    })),
    linux: { seccomp: emitSeccomp(profile), maskedPaths: MASKED, readonlyPaths: READ_ONLY },
  };
  return {
    value,
    text: `${JSON.stringify(value, null, 2)}\n`,
    warnings: [
      ...warnings,
      ...volumes.map(
        (folder) => `${folder} needs a mount that can be written to: add it to the bundle's mounts`,
      ),
      ...openEnds(profile),
    ],
  };
}
