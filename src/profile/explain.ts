import { capabilities, groupOf } from "../linux/index.ts";
import { defaultCalls } from "./derive/derive.ts";
import { grantsOf, limitsOf } from "./grants.ts";
import type { Evidence, EvidenceFile, GrantName, Profile } from "./model.ts";

/** A grant, explained: what it is, what it gives to whoever takes the program over, and why it is there. */
export interface Explanation {
  grant: GrantName;
  /** What the grant is for, a sentence or a title. */
  purpose: string;
  /** What it exposes: what an attacker inside the program gains by it. */
  exposes: string;
  /** Limits on arguments, canonical; undefined for none. */
  limits?: string;
  evidence: Evidence[];
  /** What would stop if it were closed, as far as the evidence tells. */
  closing: string;
  /** Whether Docker's default profile allows the call; undefined for grants that are no calls. */
  isDefault?: boolean;
}

export interface ProfileExplanation {
  name: string;
  target: string;
  incomplete: string[];
  grants: Explanation[];
  leftOut: EvidenceFile["leftOut"];
  summary: ProfileSummary;
}

/** A profile in numbers, next to Docker's default. */
export interface ProfileSummary {
  syscalls: number;
  /** Calls that Docker's default profile allows with default capabilities. */
  defaultSyscalls: number;
  /** Of ours, those outside Docker's default. */
  outsideDefault: string[];
  capabilities: string[];
  readPaths: number;
  writePaths: string[];
  executables: string[];
  listen: string[];
}

/** Explains a whole profile, or one grant of it (a full name, or the part behind the colon: "openat"). */
export function explain(profile: Profile, evidence?: EvidenceFile, grant?: string): ProfileExplanation {
  const known = new Map(evidence?.grants.map((entry) => [entry.grant, entry.evidence]));
  const matches = (name: GrantName): boolean =>
    grant === undefined ||
    name === grant ||
    name.slice(name.indexOf(":") + 1).toLowerCase() === grant.toLowerCase();
  const defaults = defaultCalls(profile.arch[0]!);
  return {
    name: profile.name,
    target: profile.target,
    incomplete: profile.incomplete ?? [],
    grants: grantsOf(profile)
      .filter(matches)
      .map((name) => explainGrant(profile, name, known.get(name) ?? [], defaults)),
    leftOut: (evidence?.leftOut ?? []).filter((entry) => matches(entry.grant)),
    summary: summarize(profile),
  };
}

export function summarize(profile: Profile): ProfileSummary {
  const defaults = defaultCalls(profile.arch[0]!);
  const calls = profile.syscalls.allow.map((one) => (typeof one === "string" ? one : one.name));
  return {
    syscalls: calls.length,
    defaultSyscalls: defaults.size,
    outsideDefault: calls.filter((name) => !defaults.has(name)),
    capabilities: profile.capabilities,
    readPaths: profile.filesystem.read.length,
    writePaths: [...profile.filesystem.write, ...profile.filesystem.tmpfs],
    executables: profile.filesystem.execute,
    listen: profile.network.listen,
  };
}

function explainGrant(
  profile: Profile,
  grant: GrantName,
  evidence: Evidence[],
  defaults: ReadonlySet<string>,
): Explanation {
  const [kind, rest] = [grant.slice(0, Math.max(0, grant.indexOf(":"))), grant.slice(grant.indexOf(":") + 1)];
  const base = { grant, evidence, closing: closing(evidence) };
  if (kind === "syscall") {
    const group = groupOf(rest);
    const limits = limitsOf(profile, rest);
    return {
      ...base,
      purpose: group?.title ?? "a system call",
      exposes: group?.exposes ?? "a call that no group describes",
      ...(limits !== undefined && { limits }),
      isDefault: defaults.has(rest),
    };
  }
  if (kind === "capability") {
    const gives =
      capabilities.find(({ name }) => name === rest)?.gives ?? "a capability without a description";
    return { ...base, purpose: "a right of root that is kept", exposes: gives };
  }
  const [purpose, exposes] = TEXTS[kind] ?? TEXTS[grant] ?? ["a grant", "what its name says"];
  return { ...base, purpose, exposes };
}

const TEXTS: Record<string, [string, string]> = {
  arch: ["calls by this convention", "the kernel's compatibility entry points, which are tested less"],
  read: ["these files are read", "their content"],
  write: ["these files are changed", "changing them: what else reads or runs them can be led astray"],
  execute: ["this program is run", "starting it with arguments of the attacker's choice"],
  tmpfs: ["files of one run", "room to put files, which are gone with the container"],
  socket: ["sockets of this kind are opened", "the kernel's code for that kind of socket"],
  listen: ["requests are waited for here", "being reached from outside"],
  connect: ["this is connected to", "reaching it"],
  "root:writable": ["files are made in / itself", "changing programs and configuration of the image"],
  "new-privileges": [
    "a set-user-ID program is run",
    "every set-user-ID program of the image as a way to root",
  ],
};

function closing(evidence: readonly Evidence[]): string {
  const recorded = evidence.filter((one) => one.kind === "recorded");
  if (recorded.some(({ phase }) => phase === "app"))
    return "what the program was seen to do stops or takes another way";
  if (recorded.some(({ phase }) => phase === "exec"))
    return "commands run inside the container (docker exec, health checks) fail";
  if (recorded.length > 0) return "the container may not start";
  if (evidence.some(({ kind }) => kind === "assumed")) return "unknown: it was let through unseen";
  if (evidence.some(({ kind }) => kind === "equivalent"))
    return "nothing here; another C library, kernel or architecture may need it";
  if (evidence.some(({ kind }) => kind === "always"))
    return "nothing that was seen; any program may need it at any time";
  return "unknown: no evidence was given";
}
