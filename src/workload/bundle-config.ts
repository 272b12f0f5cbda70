import type { OciSeccomp } from "../linux/index.ts";
import type { ResolvedUser } from "./user.ts";

export interface BundlePlan {
  /** The bundle's root file system. */
  rootfs: string;
  argv: readonly string[];
  env: readonly string[];
  cwd: string;
  user: ResolvedUser;
  /** "CAP_CHOWN". */
  capabilities: readonly string[];
  noNewPrivileges: boolean;
  readOnlyRoot: boolean;
  seccomp: OciSeccomp;
  tmpfs: readonly { path: string; options: string }[];
  binds: readonly { source: string; target: string; readOnly: boolean }[];
  rlimits: readonly { name: string; soft: number; hard: number }[];
  hostname: string;
  terminal: boolean;
}

interface OciMount {
  destination: string;
  type: string;
  source: string;
  options: string[];
}

/** What Docker mounts in every container (moby, oci/defaults.go). */
const MOUNTS: readonly OciMount[] = [
  { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["ro", "nosuid", "noexec", "nodev"],
  },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
  },
];

/** What Docker hides from every container, and what it lets it only read (moby, oci/defaults.go). */
const MASKED = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
];
const READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/**
 * The config.json of a bundle (OCI runtime-spec 1.0.2) that starts a program as Docker would, but in the host's
 * network: what exercises it then finds it on the loopback interface. Pure.
 */
export function bundleConfig(plan: BundlePlan): Record<string, unknown> {
  const { user } = plan;
  const capabilities = [...plan.capabilities];
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: plan.terminal,
      user: {
        uid: user.uid,
        gid: user.gid,
        ...(user.groups.length > 0 ? { additionalGids: user.groups } : {}),
      },
      args: plan.argv,
      env: plan.env,
      cwd: plan.cwd,
      // For another user than root only the bounding set, as execve(2) would leave it (moby, oci.SetCapabilities).
      capabilities:
        user.uid === 0
          ? { bounding: capabilities, effective: capabilities, permitted: capabilities }
          : { bounding: capabilities },
      noNewPrivileges: plan.noNewPrivileges,
      ...(plan.rlimits.length === 0
        ? {}
        : {
            rlimits: plan.rlimits.map(({ name, soft, hard }) => ({
              type: `RLIMIT_${name.toUpperCase()}`,
              soft,
              hard,
            })),
          }),
    },
    root: { path: plan.rootfs, readonly: plan.readOnlyRoot },
    hostname: plan.hostname,
    mounts: [
      ...MOUNTS,
      ...plan.tmpfs.map(({ path, options }) => ({
        destination: path,
        type: "tmpfs",
        source: "tmpfs",
        // As Docker's --tmpfs; what is given counts.
        options: ["noexec", "nosuid", "nodev", ...options.split(",").filter((option) => option !== "")],
      })),
      ...plan.binds.map(({ source, target, readOnly }) => ({
        destination: target,
        type: "bind",
        source,
        options: ["rbind", "rprivate", readOnly ? "ro" : "rw"],
      })),
    ],
    linux: {
      namespaces: [{ type: "pid" }, { type: "ipc" }, { type: "uts" }, { type: "mount" }],
      // The runtime lets the devices of every container through by itself.
      resources: { devices: [{ allow: false, access: "rwm" }] },
      seccomp: plan.seccomp,
      maskedPaths: MASKED,
      readonlyPaths: READ_ONLY,
    },
  };
}
