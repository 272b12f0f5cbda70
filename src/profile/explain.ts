import { capabilities, groupOf, syscallGroups, syscallNumber } from "../linux/index.ts";
import { defaultCallCount, defaultCalls } from "./derive/derive.ts";
import { callsOf, grantsOf, limitText, limitsOf, splitGrant } from "./grants.ts";
import type { Evidence, EvidenceFile, GrantName, Profile } from "./model.ts";

/** A grant, explained: what it is, what it gives to whoever takes the program over, and why it is there. */
export interface Explanation {
  grant: GrantName;
  /** What the grant is for: a title or a clause. */
  purpose: string;
  /** What it exposes: what an attacker inside the program gains by it. */
  exposes: string;
  /** Limits on a call's arguments, in words; undefined for none. */
  limits?: string;
  evidence: Evidence[];
  /** What would stop if it were closed, as far as the evidence tells. */
  closing: string;
  /** Whether Docker's default profile allows the call; undefined for grants that are no calls. */
  isDefault?: boolean;
}

/** Calls of one kind, together: two hundred calls are read in a dozen of these. */
export interface CallGroup {
  name: string;
  title: string;
  exposes: string;
  /** Of the profile's calls, those that something was seen to use; and those that stand beside them for other machines. */
  used: string[];
  besides: string[];
}

export interface ProfileExplanation {
  name: string;
  target: string;
  incomplete: string[];
  grants: Explanation[];
  /** The calls among the grants, by group. */
  groups: CallGroup[];
  leftOut: EvidenceFile["leftOut"];
  summary: ProfileSummary;
}

/** A profile in numbers, next to Docker's default. */
export interface ProfileSummary {
  /** Calls of the native architecture that are allowed, with or without limits. */
  syscalls: number;
  /** Calls of the same architecture that Docker's default profile allows with default capabilities. */
  defaultSyscalls: number;
  /** Of ours, those outside Docker's default. */
  outsideDefault: string[];
  /** Calls allowed only with certain arguments. */
  limited: string[];
  capabilities: string[];
  readPaths: number;
  writePaths: string[];
  executables: string[];
  listen: string[];
}

/**
 * Explains a whole profile, or the grants of one name: a full name ("syscall:openat"), what follows the colon
 * ("openat", "CAP_CHOWN", "/etc/nginx/"), or a group of calls ("network"). No grants if nothing has that name.
 */
export function explain(profile: Profile, evidence?: EvidenceFile, grant?: string): ProfileExplanation {
  const known = new Map(evidence?.grants.map((entry) => [entry.grant, entry.evidence]));
  const defaults = defaultCalls(profile.arch[0]!);
  const matches = matcher(grant);
  const grants = grantsOf(profile)
    .filter(matches)
    .map((name) => explainGrant(profile, name, known.get(name) ?? [], defaults));
  return {
    name: profile.name,
    target: profile.target,
    incomplete: profile.incomplete ?? [],
    grants,
    groups: groupsOf(grants),
    leftOut: (evidence?.leftOut ?? []).filter((entry) => matches(entry.grant)),
    summary: summarize(profile),
  };
}

/** A profile in numbers, next to Docker's default. */
export function summarize(profile: Profile): ProfileSummary {
  const native = profile.arch[0]!;
  const defaults = defaultCalls(native);
  const calls = callsOf(profile);
  return {
    syscalls: calls.filter((name) => syscallNumber(native, name) !== undefined).length,
    defaultSyscalls: defaultCallCount(native),
    outsideDefault: calls.filter((name) => !defaults.has(name)),
    limited: calls.filter((name) => limitsOf(profile, name) !== undefined),
    capabilities: profile.capabilities,
    readPaths: profile.filesystem.read.length,
    writePaths: [...profile.filesystem.write, ...profile.filesystem.tmpfs],
    executables: profile.filesystem.execute,
    listen: profile.network.listen,
  };
}

function matcher(wanted: string | undefined): (grant: GrantName) => boolean {
  if (wanted === undefined) return () => true;
  const low = wanted.toLowerCase();
  return (grant) => {
    const { kind, name } = splitGrant(grant);
    if (grant === wanted || name.toLowerCase() === low) return true;
    return kind === "syscall" && groupOf(name)?.name === low;
  };
}

function explainGrant(
  profile: Profile,
  grant: GrantName,
  evidence: Evidence[],
  defaults: ReadonlySet<string>,
): Explanation {
  const { kind, name } = splitGrant(grant);
  const base = { grant, evidence, closing: closing(evidence) };
  if (kind === "syscall") {
    const group = groupOf(name);
    const limits = limitsOf(profile, name);
    return {
      ...base,
      purpose: group?.title ?? "A system call that no group describes",
      exposes: group?.exposes ?? "Unknown.",
      ...(limits !== undefined && { limits: limitText(limits).text }),
      isDefault: defaults.has(name),
    };
  }
  if (kind === "capability") {
    const gives = capabilities.find((one) => one.name === name)?.gives ?? "Unknown.";
    return { ...base, purpose: "A right of root that is kept", exposes: gives };
  }
  const [purpose, exposes] = TEXTS[kind] ?? ["A grant", "What its name says."];
  return { ...base, purpose, exposes };
}

/** By kind of grant: what it is for, what it exposes. */
const TEXTS: Readonly<Record<string, readonly [purpose: string, exposes: string]>> = {
  arch: [
    "System calls by this convention",
    "The kernel's compatibility entry points, which are tested less than the native ones.",
  ],
  read: ["What is read", "Its content."],
  write: [
    "What is changed",
    "Changing it: what else reads or runs it can be led astray, and it outlives the container.",
  ],
  execute: ["A program that is run", "Starting it with arguments of the attacker's choice."],
  tmpfs: ["A place for files of one run", "Room to put files, which are gone with the container."],
  socket: ["A kind of socket that is opened", "The kernel's code for that kind of socket."],
  listen: ["Where requests are waited for", "Being reached from outside."],
  connect: ["What is connected to", "Reaching it."],
  root: ["Files are made in / itself", "Changing programs and configuration of the image."],
  "new-privileges": [
    "A set-user-ID program is run",
    "Every set-user-ID program of the image as a way to root.",
  ],
  isolation: ["A stronger wall than namespaces", "Less: what it asks for takes something away."],
};

function closing(evidence: readonly Evidence[]): string {
  const recorded = evidence.filter((one) => one.kind === "recorded");
  if (recorded.some(({ phase }) => phase === "app"))
    return "what the program was seen to do with it stops, or takes another way";
  if (recorded.some(({ phase }) => phase === "exec"))
    return "commands run inside the container (docker exec, health checks) fail";
  if (recorded.length > 0) return "the container may not start";
  const reasons: Partial<Record<Evidence["kind"], string>> = {
    declared: "what it was declared for",
    assumed: "unknown: it was let through unseen",
    reachable: "paths of the code that no run took",
    equivalent: "nothing that was seen; with another C library, kernel or architecture, what was",
    always: "nothing that was seen; any program may come to need it",
  };
  const kinds = new Set(evidence.map(({ kind }) => kind));
  for (const [kind, text] of Object.entries(reasons)) if (kinds.has(kind as Evidence["kind"])) return text;
  return "unknown: no evidence was given";
}

function groupsOf(grants: readonly Explanation[]): CallGroup[] {
  const isUsed = ({ evidence }: Explanation): boolean =>
    evidence.length === 0 || evidence.some(({ kind }) => kind !== "equivalent" && kind !== "always");
  const calls = grants.filter(({ grant }) => splitGrant(grant).kind === "syscall");
  return syscallGroups.flatMap(({ name, title, exposes }) => {
    const members = calls.filter(({ grant }) => groupOf(splitGrant(grant).name)?.name === name);
    if (members.length === 0) return [];
    const names = (list: readonly Explanation[]): string[] => list.map(({ grant }) => splitGrant(grant).name);
    return [
      {
        name,
        title,
        exposes,
        used: names(members.filter(isUsed)),
        besides: names(members.filter((member) => !isUsed(member))),
      },
    ];
  });
}
