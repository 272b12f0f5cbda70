import type { Profile, RecordedSyscall, Recording } from "../profile/index.ts";
import type { WorkloadResult } from "../workload/index.ts";

/** Values for this room's tests: each complete, with what a test cares about put in. */

export function workloadResult(more: Partial<WorkloadResult> = {}): WorkloadResult {
  return {
    ok: true,
    ready: true,
    steps: [],
    exit: { code: 0, signal: null },
    stopped: false,
    killed: false,
    interrupted: false,
    cutShort: false,
    problems: [],
    ...more,
  };
}

export function recording(more: Partial<Recording> = {}): Recording {
  return {
    schemaVersion: 1,
    kind: "recording",
    target: "-- true",
    arch: "x86_64",
    kernel: "6.18.0",
    startedAt: "2026-11-25T00:00:00Z",
    seconds: 1,
    complete: true,
    lost: { strings: 0 },
    method: "ebpf",
    runtimes: ["local"],
    phases: [],
    capabilities: [],
    files: [],
    executables: [],
    sockets: [],
    notes: [],
    ...more,
  };
}

export function appCalls(...syscalls: RecordedSyscall[]): Recording["phases"] {
  return [{ name: "app", abi: "native", syscalls }];
}

export function profile(more: Partial<Profile> = {}): Profile {
  return {
    schemaVersion: 1,
    kind: "profile",
    name: "test",
    target: "-- true",
    arch: ["x86_64"],
    syscalls: { allow: ["read", "write", "exit_group"] },
    capabilities: [],
    filesystem: { root: "read-only", read: [], write: [], execute: [], tmpfs: [] },
    network: { sockets: [], listen: [], connect: [] },
    user: {},
    noNewPrivileges: true,
    isolation: "namespace",
    ...more,
  };
}
