import { existsSync } from "node:fs";
import { release } from "node:os";
import type { Feature } from "../kernel/index.ts";

/** One thing that a user wants to do, and by what means it can be done here; "" if it cannot. */
export interface Way {
  what: string;
  how: string;
}

export interface Doctor {
  features: Feature[];
  ways: Way[];
  /** A target can be recorded and verified here in some way. */
  ok: boolean;
}

/** What the process itself knows of the machine. */
export function machineFeatures(): Feature[] {
  const root = process.getuid?.() === 0;
  return [
    { name: "node", outcome: "yes", detail: process.version, needs: "" },
    {
      name: "linux",
      outcome: process.platform === "linux" ? "yes" : "no",
      detail: `${process.platform} ${release()}, ${process.arch}`,
      needs: process.platform === "linux" ? "" : "Linux, to record, verify and run",
    },
    {
      name: "root",
      outcome: root ? "yes" : "no",
      detail: root ? "user 0" : `user ${process.getuid?.() ?? "unknown"}`,
      needs: root ? "" : "sudo; without it, processes can be recorded, containers cannot",
    },
    cgroups(),
  ];
}

function cgroups(): Feature {
  if (existsSync("/sys/fs/cgroup/cgroup.controllers")) {
    return { name: "cgroup", outcome: "yes", detail: "version 2", needs: "" };
  }
  if (existsSync("/sys/fs/cgroup")) return { name: "cgroup", outcome: "yes", detail: "version 1", needs: "" };
  return {
    name: "cgroup",
    outcome: "unknown",
    detail: "/sys/fs/cgroup is not there",
    needs: "a mounted cgroup file system",
  };
}

/** What the features add up to. */
export function conclude(features: Feature[]): Doctor {
  const has = (name: string): boolean =>
    features.some((feature) => feature.name === name && feature.outcome === "yes");
  const ebpf = has("root") && ["koffi", "btf", "bpf-ring-buffer", "tp_btf"].every(has);
  const notify = has("koffi") && has("seccomp-notify");
  const engines = ["docker", "podman", "runc", "crun"].filter(has);
  const containers = ebpf && engines.length > 0;
  const confine = has("koffi") && has("seccomp-filter");
  const ways: Way[] = [
    { what: "record a process", how: ebpf ? "by eBPF" : notify ? "by seccomp user notification" : "" },
    { what: "record a container", how: containers ? `by eBPF, with ${engines.join(", ")}` : "" },
    {
      what: "record capabilities",
      how: ebpf && has("tp_btf-cap_capable") ? "by the kernel's own checks" : "",
    },
    {
      what: "verify and run a process",
      how: confine ? `under seccomp${has("landlock") ? " and Landlock" : ", files not held"}` : "",
    },
    { what: "verify and run a container", how: engines.length > 0 ? `with ${engines.join(", ")}` : "" },
    { what: "derive, merge, diff, explain, emit", how: "anywhere" },
  ];
  return { features, ways, ok: (ebpf || notify) && (confine || engines.length > 0) };
}
