import { CinchError } from "../../base/index.ts";
import { dockerDefaultCapabilities, resolveDockerDefault, syscallNumber } from "../../linux/index.ts";
import { digestOf } from "../canonical.ts";
import { mergeRecordings } from "../merge/index.ts";
import type { ArchName, EvidenceFile, Profile, Recording } from "../model.ts";
import { connectAddress, listenAddress, socketName } from "../network.ts";
import { grantAround, grantRecorded } from "./calls.ts";
import { Collector } from "./collector.ts";
import { usedFiles } from "./files.ts";
import { gapsOf } from "./incomplete.ts";
import { limitCalls } from "./limits.ts";
import { grantPaths } from "./paths.ts";

export interface DeriveOptions {
  name?: string;
  target?: string;
  /** "recorded" is all there is until analyses can be given. */
  only?: "recorded";
}

/** Characters of a recording's digest that name the run in evidence: enough to tell a fleet's runs apart. */
const RUN_ID = 12;

/**
 * Makes a profile of recordings, with the evidence for each grant and what was left out. Pure: the same recordings give
 * the same bytes in any order, and twice over. Throws `nothing-to-derive`, or `cannot-merge` for recordings of different
 * architectures.
 */
export function derive(
  recordings: readonly Recording[],
  options: DeriveOptions = {},
): { profile: Profile; evidence: EvidenceFile } {
  if (recordings.length === 0)
    throw new CinchError("nothing-to-derive", "a profile needs at least one recording");
  const merged = mergeRecordings(...recordings);
  const runs = recordings.map((recording) => ({
    recording,
    run: digestOf(recording).slice("sha256:".length, "sha256:".length + RUN_ID),
  }));
  const collector = new Collector();
  const defaults = defaultCalls(merged.arch);
  for (const { recording, run } of runs) {
    grantRecorded(collector, recording, run, defaults);
    grantArchitectures(collector, recording, run);
    grantCapabilities(collector, recording, run);
    grantNetwork(collector, recording, run);
    grantPrivileges(collector, recording, run);
  }
  grantPaths(collector, usedFiles(runs));
  const arch: ArchName[] = [merged.arch, ...(collector.names("arch:") as ArchName[])];
  grantAround(collector, arch);
  // Files made in / itself are served by no volume or tmpfs.
  const isRootWritable = collector.has("write:/");
  if (isRootWritable) {
    collector.grant("root:writable", {
      kind: "equivalent",
      of: "write:/",
      reason: "files are made in / itself, which no volume can stand for",
    });
  }

  const incomplete = [...new Set(recordings.flatMap(gapsOf))].sort();
  const target = options.target ?? merged.target;
  const capabilities = collector.names("capability:");
  const profile: Profile = {
    schemaVersion: 1,
    kind: "profile",
    name: options.name ?? nameFrom(target),
    target,
    arch,
    ...(incomplete.length > 0 && { incomplete }),
    syscalls: { allow: limitCalls(collector.names("syscall:"), recordings, capabilities) },
    capabilities,
    filesystem: {
      root: isRootWritable ? "writable" : "read-only",
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
    noNewPrivileges: !collector.has("new-privileges"),
    isolation: "namespace",
  };
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

const defaultsOf = new Map<string, ReadonlySet<string>>();

/** The calls of an architecture that Docker's default profile allows a container with default capabilities, with whatever arguments. */
export function defaultCalls(arch: ArchName): ReadonlySet<string> {
  const native = arch === "aarch64" ? "aarch64" : "x86_64";
  let found = defaultsOf.get(native);
  if (found === undefined) {
    // Its rules ask for no kernel above 4.8.
    const resolved = resolveDockerDefault({
      capabilities: dockerDefaultCapabilities,
      arch: native,
      kernel: "6.0",
    });
    const allowed = resolved.syscalls.filter(({ action }) => action === "SCMP_ACT_ALLOW");
    found = new Set(allowed.flatMap(({ names }) => names));
    defaultsOf.set(native, found);
  }
  return found;
}

/** The same, without the names that the architecture has not: what a profile's number of calls can be held against. */
export function defaultCallCount(arch: ArchName): number {
  return [...defaultCalls(arch)].filter((name) => syscallNumber(arch, name) !== undefined).length;
}

function grantArchitectures(collector: Collector, { phases }: Recording, run: string): void {
  for (const { name, abi } of phases) {
    if (name === "runtime" || abi === "native") continue;
    collector.grant(`arch:${abi}`, { kind: "recorded", run, phase: name, abi });
  }
}

function grantCapabilities(collector: Collector, recording: Recording, run: string): void {
  for (const { name, granted, syscalls } of recording.capabilities) {
    const detail = syscalls.length === 0 ? undefined : `asked for by ${[...syscalls].sort().join(", ")}`;
    const evidence = { kind: "recorded", run, phase: "app", ...(detail && { detail }) } as const;
    if (granted) collector.grant(`capability:${name}`, evidence);
    else
      collector.leaveOut(
        `capability:${name}`,
        "it was asked for and refused, and the program went on",
        evidence,
      );
  }
}

function grantNetwork(collector: Collector, recording: Recording, run: string): void {
  for (const socket of recording.sockets) {
    const detail = `${socket.op} ${socket.address}`.trim();
    const evidence = { kind: "recorded", run, phase: "app", detail } as const;
    // Also of those whose making was missed.
    const kind = socketName(socket);
    if (kind !== undefined) collector.grant(`socket:${kind}`, evidence);
    const listen = listenAddress(socket);
    if (listen !== undefined) collector.grant(`listen:${listen}`, evidence);
    const connect = connectAddress(socket);
    if (connect !== undefined) collector.grant(`connect:${connect}`, evidence);
  }
}

function grantPrivileges(collector: Collector, { notes }: Recording, run: string): void {
  for (const { code, text } of notes) {
    if (code === "setuid-exec")
      collector.grant("new-privileges", { kind: "recorded", run, phase: "app", detail: text });
  }
}

/** "docker:library/redis:7" → "redis". */
function nameFrom(target: string): string {
  const first = target.replace(/^[a-z-]+:/, "").split(/\s/)[0]!;
  const last = first.split("/").findLast((part) => part !== "") ?? "";
  const name = last.replace(/[:@].*$/, "").replace(/[^A-Za-z0-9._-]/g, "-");
  return name.slice(0, 100) || "profile";
}
