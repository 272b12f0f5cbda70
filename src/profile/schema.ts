import { z } from "zod";
import { FILE_ACCESS } from "./model.ts";
import type { EvidenceFile, Profile, Recording, Verdict } from "./model.ts";

/**
 * The documents' schemas: what reading from outside goes through, and what `schemas/` is made of. Strict: a member that
 * is not named is an error, because a misspelt grant would otherwise vanish.
 *
 * Limits: a path is at most PATH_MAX; other texts are bounded so that a hostile file costs no more than its size; lists
 * by what the recorder can hold (a million paths).
 */
const text = z.string().max(16_384);
const path = z.string().max(4096);
const name = z.string().min(1).max(256);
const list = <T extends z.ZodType>(item: T) => z.array(item).max(1_000_000);

const schemaVersion = z.literal(1).meta({ description: "Version of this document's form." });
const $schema = z.string().max(1024).optional();
const arch = z.enum(["x86_64", "i386", "x32", "aarch64"]);
const abi = z.enum(["native", "i386", "x32"]);
const phaseName = z.enum(["runtime", "app", "exec"]);
const count = z.number().int().min(0);
const word = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const id = z.number().int().min(0).max(0xffff_ffff);
const user = z.strictObject({ uid: id, gid: id });
const note = z.strictObject({ code: name, text });
const capability = z.string().regex(/^CAP_[A-Z0-9_]{1,64}$/, "a capability is written CAP_CHOWN");
const syscallName = z.string().regex(/^[a-z0-9_]{1,64}$/i, "a system call is written openat");

const argValues = z.strictObject({
  names: z.array(name).max(6),
  values: list(z.array(word).max(6)),
  closed: z.boolean().meta({ description: "All values that were used are listed." }),
});

const recordedSyscall = z.strictObject({
  name: syscallName,
  nr: count,
  count: count.optional(),
  errnos: z.array(name).max(4096),
  args: argValues.optional(),
  assumed: z.boolean().optional(),
});

export const recordingSchema = z.strictObject({
  $schema,
  schemaVersion,
  kind: z.literal("recording"),
  target: text,
  arch,
  kernel: text,
  startedAt: z.iso.datetime(),
  seconds: z.number().min(0),
  complete: z.boolean().meta({ description: "false if anything was lost or cut short." }),
  lost: z.object({ strings: count }).catchall(count),
  method: z.enum(["ebpf", "notify", "import"]),
  runtimes: list(text),
  noNewPrivileges: z.boolean().optional(),
  user: user.optional(),
  phases: list(
    z.strictObject({ name: phaseName, abi, label: text.optional(), syscalls: list(recordedSyscall) }),
  ),
  capabilities: list(z.strictObject({ name: capability, granted: z.boolean(), syscalls: list(syscallName) })),
  files: list(
    z.strictObject({
      path,
      access: z.array(z.enum(FILE_ACCESS)).max(FILE_ACCESS.length),
      ok: z.boolean(),
      errnos: z.array(name).max(4096).optional(),
      type: z.enum(["file", "directory", "device", "fifo", "socket"]).optional(),
    }),
  ),
  executables: list(path),
  sockets: list(
    z.strictObject({
      domain: name,
      type: name,
      protocol: count,
      op: z.enum(["create", "bind", "connect", "listen", "accept", "send"]),
      address: path,
    }),
  ),
  notes: list(note),
});

const argTest = z.strictObject({
  index: z.literal([0, 1, 2, 3, 4, 5]),
  op: z.enum(["eq", "ne", "lt", "le", "gt", "ge", "masked-eq"]),
  value: word,
  mask: word.optional().meta({ description: "masked-eq: (argument & mask) = value." }),
});

const syscallGrant = z.union([
  syscallName,
  z.strictObject({
    name: syscallName,
    args: z.array(z.array(argTest).min(1).max(6)).min(1).max(256).meta({
      description: "Allowed where one of these holds; each is a list of tests that all have to hold.",
    }),
  }),
]);

const absolute = path.regex(
  /^\//,
  "a path in a profile begins with /; a trailing / stands for everything below",
);

export const profileSchema = z.strictObject({
  $schema,
  schemaVersion,
  kind: z.literal("profile").default("profile"),
  name,
  target: text,
  arch: z.array(arch).min(1).max(4),
  incomplete: list(text).optional().meta({ description: "What is known to be missing." }),
  syscalls: z.strictObject({
    allow: z.array(syscallGrant).min(1, "a profile that allows no call starts nothing").max(2000),
  }),
  capabilities: z.array(capability).max(64),
  filesystem: z.strictObject({
    root: z.enum(["read-only", "writable"]),
    read: list(absolute),
    write: list(absolute),
    execute: list(absolute),
    tmpfs: list(absolute),
  }),
  network: z.strictObject({
    sockets: list(z.strictObject({ domain: name, type: name })),
    listen: list(path),
    connect: list(path),
  }),
  user: z.strictObject({ uid: id.optional(), gid: id.optional() }),
  noNewPrivileges: z.boolean(),
  isolation: z.enum(["namespace", "sandbox", "vm"]),
});

const evidence = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("recorded"),
    run: name,
    phase: phaseName,
    abi: abi.optional(),
    count: count.optional(),
    errnos: z.array(name).optional(),
    detail: text.optional(),
  }),
  z.strictObject({ kind: z.literal("assumed"), run: name, reason: text }),
  z.strictObject({ kind: z.literal("equivalent"), of: name, reason: text }),
  z.strictObject({ kind: z.literal("always"), reason: text }),
  z.strictObject({ kind: z.literal("reachable"), path: list(text), via: name }),
  z.strictObject({ kind: z.literal("declared"), by: text, reason: text }),
]);

export const evidenceSchema = z.strictObject({
  $schema,
  schemaVersion,
  kind: z.literal("evidence"),
  profile: text,
  grants: list(z.strictObject({ grant: text, evidence: list(evidence) })),
  leftOut: list(z.strictObject({ grant: text, reason: text, evidence: list(evidence) })),
});

export const verdictSchema = z.strictObject({
  $schema,
  schemaVersion,
  kind: z.literal("verdict"),
  profile: text,
  target: text,
  engine: name,
  outcome: z.enum(["held", "denied", "inconclusive"]),
  runs: count,
  passed: count,
  denials: list(
    z.strictObject({
      syscall: syscallName.optional(),
      capability: capability.optional(),
      path: path.optional(),
      errno: name,
      executable: path,
      args: z.array(name).max(6).optional(),
      phase: phaseName.optional(),
      suggestion: text,
    }),
  ),
  notes: list(note),
});

export const SCHEMAS = {
  recording: recordingSchema,
  profile: profileSchema,
  evidence: evidenceSchema,
  verdict: verdictSchema,
} as const;

// The schemas and the types of model.ts say the same, or this does not compile.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
export const agreement: [
  Same<z.output<typeof recordingSchema>, Recording>,
  Same<z.output<typeof profileSchema>, Profile>,
  Same<z.output<typeof evidenceSchema>, EvidenceFile>,
  Same<z.output<typeof verdictSchema>, Verdict>,
] = [true, true, true, true];

/** Where a document's schema is published: the `$schema` of what cinch writes. */
export function schemaAddress(kind: keyof typeof SCHEMAS): string {
  return `https://cinch.dev/schemas/${kind}-1.schema.json`;
}

/** The published schemas (JSON Schema, draft 7), by file name. */
export function jsonSchemas(): Record<string, object> {
  return Object.fromEntries(
    Object.entries(SCHEMAS).map(([kind, schema]) => [
      `${kind}-1.schema.json`,
      {
        $id: schemaAddress(kind as keyof typeof SCHEMAS),
        title: `cinch ${kind}`,
        ...z.toJSONSchema(schema, { io: "input", target: "draft-07" }),
      },
    ]),
  );
}
