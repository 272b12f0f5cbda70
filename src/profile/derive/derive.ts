import { CinchError } from "../../base/index.ts";
import { dockerDefaultCapabilities, resolveDockerDefault } from "../../linux/index.ts";
import { digestOf } from "../canonical.ts";
import { mergeRecordings } from "../merge.ts";
import type { ArchName, EvidenceFile, Profile, Recording } from "../model.ts";
import { connectAddress, listenAddress, socketName } from "../network.ts";
import { grantAround, grantRecorded, limitCalls } from "./calls.ts";
import { Collector } from "./collector.ts";
import { grantPaths } from "./paths.ts";

export interface DeriveOptions {
  name?: string;
  target?: string;
  /** "recorded" is all there is until analyses can be given. */
  only?: "recorded";
}

/**
 * Makes a profile of recordings, with the evidence for each grant and what was left out. Pure: the same recordings give
 * the same bytes in any order. Throws `nothing-to-derive` or `cannot-merge`.
 */
export function derive(
  recordings: readonly Recording[],
  options: DeriveOptions = {},
): { profile: Profile; evidence: EvidenceFile } {
  if (recordings.length === 0)
    throw new CinchError("nothing-to-derive", "a profile needs at least one recording");
  const merged = mergeRecordings(...recordings);
  const collector = new Collector();
  const defaults = defaultCalls(merged.arch);
  for (const recording of recordings) {
    const run = digestOf(recording).slice("sha256:".length, "sha256:".length + 12);
    grantRecorded(collector, recording, run, defaults);
    grantCapabilities(collector, recording, run);
    grantPaths(collector, recording, run);
    grantNetwork(collector, recording, run);
    for (const phase of recording.phases) {
      if (phase.name !== "runtime" && phase.abi !== "native") {
        collector.grant(`arch:${phase.abi}`, { kind: "recorded", run, phase: phase.name, abi: phase.abi });
      }
    }
  }
  const arch: ArchName[] = [merged.arch, ...(collector.names("arch:") as ArchName[])];
  grantAround(collector, arch);

  const gains = merged.notes.find(({ code }) => code === "setuid-exec");
  const incomplete = incompleteReasons(recordings);
  const root = rootOf(collector);
  const target = options.target ?? merged.target;
  const profile: Profile = {
    schemaVersion: 1,
    kind: "profile",
    name: options.name ?? nameFrom(target),
    target,
    arch,
    ...(incomplete.length > 0 && { incomplete }),
    syscalls: { allow: limitCalls(collector.names("syscall:"), recordings) },
    capabilities: collector.names("capability:"),
    filesystem: {
      root,
      read: collector.names("read:"),
      write: collector.names("write:"),
      execute: collector.names("execute:"),
      tmpfs: collector.names("tmpfs:"),
    },
    network: {
      sockets: collector.names("socket:").map((name) => {
        const [domain, type] = name.split(" ");
        return { domain: domain!, type: type! };
      }),
      listen: collector.names("listen:"),
      connect: collector.names("connect:"),
    },
    user: merged.user ?? {},
    noNewPrivileges: gains === undefined,
    isolation: "namespace",
  };
  if (gains !== undefined)
    collector.grant("new-privileges", { kind: "declared", by: "derive", reason: gains.text });
  if (root === "writable") {
    collector.grant("root:writable", {
      kind: "declared",
      by: "derive",
      reason: "files are made in / itself, which no volume can stand for",
    });
  }
  return {
    profile,
    evidence: {
      schemaVersion: 1,
      kind: "evidence",
      profile: digestOf(profile),
      grants: collector.grants(),
      leftOut: collector.leftOut(),
    },
  };
}

/** Calls that Docker's default profile allows a container with default capabilities, with whatever arguments. */
export function defaultCalls(arch: ArchName): Set<string> {
  const native = arch === "aarch64" ? "aarch64" : "x86_64";
  const resolved = resolveDockerDefault({
    capabilities: [...dockerDefaultCapabilities],
    arch: native,
    kernel: "6.0",
  });
  return new Set(
    resolved.syscalls.filter(({ action }) => action === "SCMP_ACT_ALLOW").flatMap(({ names }) => names),
  );
}

function grantCapabilities(collector: Collector, recording: Recording, run: string): void {
  for (const { name, granted, syscalls } of recording.capabilities) {
    const evidence = {
      kind: "recorded",
      run,
      phase: "app",
      detail: `asked for by ${syscalls.join(", ")}`,
    } as const;
    if (granted) collector.grant(`capability:${name}`, evidence);
    else collector.leaveOut(`capability:${name}`, "it was refused, and the program went on", evidence);
  }
}

function grantNetwork(collector: Collector, recording: Recording, run: string): void {
  for (const socket of recording.sockets) {
    const evidence = {
      kind: "recorded",
      run,
      phase: "app",
      detail: `${socket.op} ${socket.address}`.trim(),
    } as const;
    if (socket.op === "create") collector.grant(`socket:${socketName(socket)}`, evidence);
    const listen = listenAddress(socket);
    if (listen !== undefined) collector.grant(`listen:${listen}`, evidence);
    const connect = connectAddress(socket);
    if (connect !== undefined) collector.grant(`connect:${connect}`, evidence);
  }
}

/** Files made in / itself need the whole root to be writable. */
function rootOf(collector: Collector): Profile["filesystem"]["root"] {
  return collector.has("write:/") ? "writable" : "read-only";
}

function incompleteReasons(recordings: readonly Recording[]): string[] {
  const reasons = recordings.flatMap((recording) => {
    if (recording.complete) return [];
    const told = recording.notes.filter(({ code }) =>
      /^(lost-|start-missed|interrupted|calls-only|capabilities-unseen|hot-list|errors-unseen|import)/.test(
        code,
      ),
    );
    return told.length > 0
      ? told.map(({ text }) => text)
      : [`the recording of ${recording.target} is not complete`];
  });
  return [...new Set(reasons)].sort();
}

/** "docker:library/redis:7" → "redis". */
function nameFrom(target: string): string {
  const last =
    target
      .replace(/^[a-z-]+:/, "")
      .split(/[\s]/)[0]!
      .split("/")
      .findLast((part) => part !== "") ?? "";
  return last.replace(/[:@].*$/, "").replace(/[^A-Za-z0-9._-]/g, "-") || "profile";
}
