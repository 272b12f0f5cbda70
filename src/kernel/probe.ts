import { existsSync } from "node:fs";
import { Assembler, Btf, KIND } from "../bpf/index.ts";
import { messageOf, readBounded } from "../base/index.ts";
import { BpfMap } from "./bpf/map.ts";
import { TracepointProgram } from "./bpf/program.ts";
import { RingBuffer } from "./bpf/ring.ts";
import { BpfError } from "./bpf/syscall.ts";
import { libc } from "./libc.ts";

/**
 * What this machine offers, tried and not guessed from a version. "unknown": the attempt failed for a reason that says
 * nothing about the feature (most often: not allowed to try).
 */
export interface Feature {
  name: string;
  outcome: "yes" | "no" | "unknown";
  /** What was seen. */
  detail: string;
  /** What would make it work; "" for yes. */
  needs: string;
}

type Outcome = Omit<Feature, "name" | "needs">;

/** Tries each feature of the kernel that cinch can use. Never throws; leaves nothing behind. */
export function probeKernel(): Feature[] {
  if (process.platform !== "linux") {
    return [
      { name: "linux", outcome: "no", detail: process.platform, needs: "Linux, to record, verify and run" },
    ];
  }
  let btf: Btf | undefined;
  const probe = (name: string, needs: string, attempt: () => Outcome): Feature => {
    let result: Outcome;
    try {
      result = attempt();
    } catch (error) {
      const notAllowed = error instanceof BpfError && (error.errno === "EPERM" || error.errno === "EACCES");
      result = { outcome: notAllowed ? "unknown" : "no", detail: messageOf(error) };
    }
    return { name, ...result, needs: result.outcome === "yes" ? "" : needs };
  };
  return [
    probe("koffi", "npm ci on this machine (x86_64 or aarch64)", () => {
      libc();
      return yes("system calls can be made");
    }),
    probe("btf", "a kernel with CONFIG_DEBUG_INFO_BTF", () => {
      const path = "/sys/kernel/btf/vmlinux";
      if (!existsSync(path)) return { outcome: "no", detail: `${path} is missing` };
      btf = new Btf(readBounded(path));
      return yes(`${btf.count} types`);
    }),
    probe("bpf-ring-buffer", "Linux 5.8, and root (CAP_BPF)", () => {
      using ring = new RingBuffer("probe", 64 * 1024);
      return yes(`map ${ring.map.name}`);
    }),
    probe("bpf-mappable-array", "Linux 5.5, and root (CAP_BPF)", () => {
      using map = new BpfMap("probe", {
        type: "array",
        keySize: 4,
        valueSize: 8,
        maxEntries: 1,
        mappable: true,
      });
      return yes(`${map.memory().length} bytes`);
    }),
    probe("tp_btf", "Linux 5.11 with BTF, and root (CAP_BPF, CAP_PERFMON)", () =>
      tracepoint(btf, "sys_enter"),
    ),
    probe("tp_btf-cap_capable", "Linux 6.13; without it, capabilities are not recorded", () =>
      tracepoint(btf, "cap_capable"),
    ),
    probe("seccomp-filter", "a kernel with CONFIG_SECCOMP_FILTER", () => seccompAction(0x7fff_0000, "ALLOW")),
    probe("seccomp-notify", "Linux 5.0 with CONFIG_SECCOMP_FILTER", () =>
      seccompAction(0x7fc0_0000, "USER_NOTIF"),
    ),
    probe("landlock", "Linux 5.13 with landlock among its security modules", landlock),
  ];
}

function yes(detail: string): Outcome {
  return { outcome: "yes", detail };
}

/** Loads and attaches a program that does nothing, and detaches it. */
function tracepoint(btf: Btf | undefined, name: string): Outcome {
  if (btf === undefined) return { outcome: "unknown", detail: "without BTF it cannot be looked up" };
  const id = btf.find(KIND.typedef, `btf_trace_${name}`);
  if (id === undefined) return { outcome: "no", detail: `the kernel has no tracepoint ${name}` };
  using program = new TracepointProgram("cinch_probe", new Assembler().return(0).assemble(), id, []);
  program.attach();
  return yes("loaded, attached and detached");
}

/** seccomp(SECCOMP_GET_ACTION_AVAIL): seccomp(2). */
function seccompAction(action: number, name: string): Outcome {
  const SECCOMP = process.arch === "arm64" ? 277 : 317;
  const GET_ACTION_AVAIL = 2;
  const value = Buffer.alloc(4);
  value.writeUInt32LE(action >>> 0);
  if (libc().syscall(SECCOMP, GET_ACTION_AVAIL, 0, value) === 0) return yes(`the action ${name} is there`);
  return { outcome: "no", detail: `the action ${name} is not known here` };
}

/** landlock_create_ruleset(LANDLOCK_CREATE_RULESET_VERSION): landlock(7). */
function landlock(): Outcome {
  const CREATE_RULESET = 444;
  const version = libc().syscall(CREATE_RULESET, 0, 0, 1);
  return version > 0 ? yes(`ABI ${version}`) : { outcome: "no", detail: "the kernel does not offer it" };
}
