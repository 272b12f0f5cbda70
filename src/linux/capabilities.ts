import { constants, constantName, constantValue } from "./constants.ts";

export interface Capability {
  /** "CAP_CHOWN" */
  name: string;
  nr: number;
  /** What it gives somebody who has taken over the process. One sentence. */
  gives: string;
}

/** Written after capabilities(7) and what the kernel's own checks guard; the numbers come from linux/capability.h. */
const GIVES: Record<keyof typeof constants.capability, string> = {
  CAP_CHOWN: "Take any file it can reach by making itself the owner.",
  CAP_DAC_OVERRIDE:
    "Read, write and enter every file and directory it can reach, whatever their permissions say.",
  CAP_DAC_READ_SEARCH:
    "Read every file and list every directory it can reach, and open files by handle, which has led out of containers.",
  CAP_FOWNER:
    "Change permissions, times and attributes of files it does not own, and delete from sticky directories.",
  CAP_FSETID: "Keep the set-user-ID and set-group-ID bits on programs while rewriting them.",
  CAP_KILL: "Stop or signal every process it can see, whoever runs it.",
  CAP_SETGID: "Become a member of any group, and claim any group id on a local socket.",
  CAP_SETUID: "Become any user, root included, and claim any user id on a local socket.",
  CAP_SETPCAP: "Drop limits such as the securebits, and pass on any capability of its bounding set.",
  CAP_LINUX_IMMUTABLE: "Make files immutable or append-only, or lift that protection, for example from logs.",
  CAP_NET_BIND_SERVICE: "Listen on ports below 1024 and so pose as a system service.",
  CAP_NET_BROADCAST: "Nothing today: the kernel does not check it.",
  CAP_NET_ADMIN:
    "Reconfigure the network namespace's interfaces, routes and firewall, watch traffic, and reach much rarely tested kernel code.",
  CAP_NET_RAW: "Forge packets and listen to the network through raw and packet sockets.",
  CAP_IPC_LOCK: "Pin unlimited memory and so starve the machine.",
  CAP_IPC_OWNER: "Read and write every System V shared memory segment, semaphore and queue of its namespace.",
  CAP_SYS_MODULE: "Load code into the kernel: control of the whole machine.",
  CAP_SYS_RAWIO: "Reach I/O ports, raw disks and device registers, past the kernel: control of the machine.",
  CAP_SYS_CHROOT:
    "Change its root directory, a step in classic escapes from chroot, and enter mount namespaces.",
  CAP_SYS_PTRACE: "Read and change the memory of every process it can see, and so take over their rights.",
  CAP_SYS_PACCT: "Turn process accounting on and off, and write its records to a file of its choice.",
  CAP_SYS_ADMIN:
    "Mount file systems, enter namespaces and use most administrative interfaces of the kernel: close to root on the machine.",
  CAP_SYS_BOOT: "Reboot the machine or load another kernel.",
  CAP_SYS_NICE: "Give itself real-time priority and starve others; move other processes' memory and CPUs.",
  CAP_SYS_RESOURCE: "Go beyond resource limits, disk quotas and reserved space, and so exhaust the machine.",
  CAP_SYS_TIME: "Set the machine's clock, which certificates, logs and timeouts rely on.",
  CAP_SYS_TTY_CONFIG: "Hang up and reconfigure terminals, the machine's consoles included.",
  CAP_MKNOD:
    "Create device files; where the device cgroup allows the device, read and write it past the file system.",
  CAP_LEASE: "Put leases on files of others and so hold up their opening.",
  CAP_AUDIT_WRITE: "Write forged records to the kernel's audit log.",
  CAP_AUDIT_CONTROL: "Turn auditing off and change its rules, which hides further steps.",
  CAP_SETFCAP: "Attach capabilities to files, so that whoever runs them gains these.",
  CAP_MAC_OVERRIDE: "Ignore Smack's mandatory access control.",
  CAP_MAC_ADMIN: "Change mandatory access control policy (Smack, AppArmor).",
  CAP_SYSLOG:
    "Read the kernel log and kernel addresses, which defeats its address randomisation, and clear the log.",
  CAP_WAKE_ALARM: "Wake the machine from sleep at times of its choice.",
  CAP_BLOCK_SUSPEND: "Keep the machine from sleeping.",
  CAP_AUDIT_READ: "Read the audit log as it is written, with other users' actions.",
  CAP_PERFMON:
    "Watch the whole machine through performance events and kernel tracing, other programs' secrets included.",
  CAP_BPF:
    "Load BPF programs into the kernel; with CAP_PERFMON or CAP_NET_ADMIN they read kernel memory or all traffic.",
  CAP_CHECKPOINT_RESTORE: "Choose the ids of new processes, and look into other processes' memory maps.",
};

/** All that linux/capability.h knows, by number. */
export const capabilities: readonly Capability[] = Object.entries(constants.capability).map(([name, nr]) => ({
  name,
  nr,
  gives: GIVES[name as keyof typeof GIVES],
}));

/** The number of "CAP_CHOWN"; undefined for a name that does not exist. */
export function capabilityNumber(name: string): number | undefined {
  return constantValue("capability", name);
}

/** The name of a number; undefined beyond the last one the tables know. */
export function capabilityName(nr: number): string | undefined {
  return constantName("capability", nr);
}
