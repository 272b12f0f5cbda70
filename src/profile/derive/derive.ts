import { CinchError } from "../../base/index.ts";
import { dockerDefaultCapabilities, resolveDockerDefault, syscallNumber } from "../../linux/index.ts";
import { digestOf } from "../canonical.ts";
import { mergeRecordings, sameArch } from "../merge/index.ts";
import type { Analysis, ArchName, EvidenceFile, Profile, Recording } from "../model.ts";
import { connectAddress, listenAddress, socketName } from "../network.ts";
import { grantAround, grantRecorded } from "./calls.ts";
import { Collector } from "./collector.ts";
import { usedFiles } from "./files.ts";
import { gapsOf } from "./incomplete.ts";
import { limitCalls } from "./limits.ts";
import { grantPaths } from "./paths.ts";
import { analysisGaps, grantReachable } from "./reachable.ts";

export interface DeriveOptions {
  name?: string;
  target?: string;
  /** What the code of the target's programs could do. */
  analyses?: readonly Analysis[];
  /** Further reasons why it may lack something, each a sentence. */
  incomplete?: readonly string[];
  /** Only what runs used, or only what code could do; else both. */
  only?: "recorded" | "reachable";
}

/** Characters of a recording's digest that name the run in evidence: enough to tell a fleet's runs apart. */
const RUN_ID = 12;

/**
 * Makes a profile of recordings and analyses, with the evidence for each grant and what was left out. Pure: the same recordings give
 * the same bytes in any order, and twice over. Throws `nothing-to-derive`, or `cannot-merge` for recordings of different
 * architectures.
 */
export function derive(
  given: readonly Recording[],
  options: DeriveOptions = {},
): { profile: Profile; evidence: EvidenceFile } {
  const recordings = options.only === "reachable" ? [] : given;
  const analyses = options.only === "recorded" ? [] : (options.analyses ?? []);
  if (recordings.length === 0 && (analyses.length === 0 || options.only !== "reachable")) {
    throw new CinchError(
      "nothing-to-derive",
      options.only === "reachable"
        ? "a profile of what code could do needs at least one analysis"
        : "a profile needs at least one recording",
      analyses.length > 0 ? { hint: "without one: --only reachable" } : {},
    );
  }
  const merged = mergeRecordings(...(recordings.length > 0 ? recordings : [nothingRecorded(analyses)]));
  sameArch([merged.arch, ...analyses.map(({ arch }) => arch)]);
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
  if (recordings.length === 0) grantUnseen(collector, analyses);
  const granted = collector.names("capability:");
  for (const analysis of analyses) grantReachable(collector, analysis, granted);
  grantPaths(collector, usedFiles(runs));
  const arch: ArchName[] = [merged.arch, ...(collector.names("arch:") as ArchName[])];
  grantAround(collector, arch);
  // Files made in / itself are served by no volume or tmpfs.
  const isRootWritable = collector.has("write:/") || collector.has("root:writable");
  if (collector.has("write:/")) {
    collector.grant("root:writable", {
      kind: "equivalent",
      of: "write:/",
      reason: "files are made in / itself, which no volume can stand for",
    });
  }

  const gaps = [
    ...(options.incomplete ?? []),
    ...recordings.flatMap(gapsOf),
    ...analyses.flatMap(analysisGaps),
  ];
  if (recordings.length === 0) gaps.push(UNSEEN);
  const incomplete = [...new Set(gaps)].sort();
  const analyzed = analyzedFiles(analyses);
  const target = options.target ?? merged.target;
  const capabilities = collector.names("capability:");
  const profile: Profile = {
    schemaVersion: 1,
    kind: "profile",
    name: options.name ?? nameFrom(target),
    target,
    arch,
    ...(incomplete.length > 0 && { incomplete }),
    ...(analyzed.length > 0 && { analyzed }),
    syscalls: { allow: limitCalls(collector.names("syscall:"), { recordings, analyses, capabilities }) },
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

/** What a profile made of code alone cannot know. */
const UNSEEN =
  "it is made from code alone, without any run: files and network are not limited, and capabilities are an upper bound";

/** For a profile made of code alone: what a recording would have told, as wide as Docker's default. */
function grantUnseen(collector: Collector, analyses: readonly Analysis[]): void {
  const reason = "no run was recorded, so that nothing tells of it";
  collector.grant("root:writable", { kind: "always", reason });
  collector.grant("new-privileges", { kind: "always", reason });
  for (const { capabilities, syscalls } of analyses)
    for (const { name, syscalls: calls } of capabilities) {
      const evidence = syscalls
        .filter((call) => calls.includes(call.name))
        .map(({ path, via }) => ({ kind: "reachable", path, via }) as const);
      for (const one of evidence.slice(0, 1)) {
        if (dockerDefaultCapabilities.includes(name)) collector.grant(`capability:${name}`, one);
        else collector.leaveOut(`capability:${name}`, "Docker does not grant it, and no run used it", one);
      }
    }
}

/** In place of recordings where there are none. */
function nothingRecorded([analysis]: readonly Analysis[]): Recording {
  return {
    schemaVersion: 1,
    kind: "recording",
    target: analysis!.target,
    arch: analysis!.arch,
    kernel: "",
    startedAt: "1970-01-01T00:00:00.000Z",
    seconds: 0,
    complete: true,
    lost: { strings: 0 },
    method: "import",
    runtimes: [],
    phases: [],
    capabilities: [],
    files: [],
    executables: [],
    sockets: [],
    notes: [],
  };
}

/** The executables that were analyzed, each once. */
function analyzedFiles(analyses: readonly Analysis[]): { path: string; digest: string }[] {
  const files = new Map(
    analyses.flatMap(({ executables }) =>
      executables.map(({ path, digest }) => [`${path} ${digest}`, { path, digest }]),
    ),
  );
  return [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, file]) => file);
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
