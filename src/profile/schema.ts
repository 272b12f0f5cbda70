import { z } from "zod";
import { capabilityNumber, isSyscall, syscallNames, tables } from "../linux/index.ts";
import { FILE_ACCESS } from "./model.ts";
import { isNormal } from "./paths.ts";

/**
 * The documents' schemas: what reading from outside goes through, and what `schemas/` is made of. Strict: a member that
 * is not named is an error, because a misspelt grant would otherwise vanish. For the same reason a profile may name only
 * calls and capabilities that there are; a recording may have numbers that no table names.
 *
 * Limits, so that a hostile document costs no more than its size: a path has PATH_MAX bytes; a name is shorter than any
 * line; a text holds a command line; a list what the largest recording seen had (20,000 paths) fifty times.
 */
const path = z.string().max(4096);
const name = z.string().min(1).max(256);
const text = z.string().max(65_536);
const list = <T extends z.ZodType>(item: T) => z.array(item).max(1_000_000);

const schemaVersion = z.literal(1).meta({ description: "Version of this document's form." });
const $schema = z.string().max(1024).optional();
const arch = z.enum(["x86_64", "i386", "x32", "aarch64"]);
const abi = z.enum(["native", "i386", "x32"]);
const phaseName = z.enum(["runtime", "app", "exec"]);
const count = z.number().int().min(0);
const word = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const id = z.number().int().min(0).max(0xffff_ffff);
const note = z.strictObject({ code: name, text });
const capability = z
  .string()
  .regex(/^CAP_[A-Z0-9_]{1,64}$/, { error: "expected a capability, such as CAP_CHOWN", abort: true });
const syscallName = z
  .string()
  .regex(/^[A-Za-z0-9_]{1,64}$/, { error: "expected a system call's name, such as openat", abort: true });
/** A call has at most six arguments; there are some 130 errors. */
const MAX_ARGS = 6;
const errnos = z.array(name).max(4096);

// ---- recording ---------------------------------------------------------------------------------------------

const recordedSyscall = z.strictObject({
  name: syscallName,
  nr: count,
  count: count.optional(),
  errnos,
  args: z
    .strictObject({
      names: z.array(name).max(MAX_ARGS),
      values: list(z.array(word).max(MAX_ARGS)),
      closed: z.boolean().meta({ description: "All values that were used are listed." }),
    })
    .optional(),
  assumed: z.boolean().optional(),
});

/** Kinds of loss become members of objects: none of JavaScript's own names. */
const isLossKind = (kind: string): boolean => /^[a-z][a-z0-9-]{0,63}$/.test(kind);

const recordingSchema = z.strictObject({
  $schema,
  schemaVersion,
  kind: z.literal("recording"),
  target: text,
  arch,
  kernel: text,
  startedAt: z.iso.datetime("expected a time in UTC, such as 2026-01-31T12:00:00Z"),
  seconds: z.number().min(0),
  complete: z.boolean().meta({ description: "false if anything was lost or cut short." }),
  lost: z
    .object({ strings: count })
    .catchall(count)
    .refine((lost) => Object.keys(lost).every(isLossKind), "expected kinds of loss in lower case"),
  method: z.enum(["ebpf", "notify", "import"]),
  runtimes: list(name),
  noNewPrivileges: z.boolean().optional(),
  user: z.strictObject({ uid: id, gid: id }).optional(),
  phases: list(
    z.strictObject({ name: phaseName, abi, label: text.optional(), syscalls: list(recordedSyscall) }),
  ),
  capabilities: list(z.strictObject({ name: capability, granted: z.boolean(), syscalls: list(syscallName) })),
  files: list(
    z.strictObject({
      path,
      access: z.array(z.enum(FILE_ACCESS)).max(FILE_ACCESS.length),
      ok: z.boolean(),
      errnos: errnos.optional(),
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

// ---- analysis ----------------------------------------------------------------------------------------------

const digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, { error: "expected sha256: and 64 hexadecimal digits" });
const analyzedFiles = list(z.strictObject({ path, digest }));

const analysisSchema = z.strictObject({
  $schema,
  schemaVersion,
  kind: z.literal("analysis"),
  target: text,
  arch,
  mode: z
    .enum(["strict", "tight"])
    .meta({ description: "strict: data is live by section. tight: by object." }),
  executables: list(
    z.strictObject({
      path,
      digest,
      kind: z.enum(["elf", "go", "script"]),
      reason: list(text),
      syscalls: count,
    }),
  ),
  modules: list(
    z.strictObject({
      path,
      buildId: z.string().max(128),
      digest,
      reason: text,
      functions: count,
      reachable: count,
    }),
  ),
  syscalls: list(
    z.strictObject({
      name: syscallName,
      nr: count,
      path: list(text),
      via: z.enum(["direct", "address-taken", "dlopen", "nss", "vdso", "kernel"]),
      executables: list(path),
      args: z
        .array(
          z.strictObject({
            index: z.literal([0, 1, 2, 3, 4, 5]),
            name,
            values: list(word),
            closed: z.boolean().meta({ description: "No other values are possible." }),
          }),
        )
        .max(MAX_ARGS)
        .optional(),
    }),
  ),
  capabilities: list(z.strictObject({ name: capability, syscalls: list(syscallName) })).meta({
    description: "An upper bound: what the kernel may ask for during these calls.",
  }),
  unresolved: list(z.strictObject({ module: text, function: text, address: text, reason: text })),
  possibilities: list(
    z.strictObject({ kind: z.enum(["dlopen", "exec", "jit", "foreign-abi"]), module: text, detail: text }),
  ),
  assumptions: list(z.strictObject({ name, effect: text, active: z.boolean(), removes: list(syscallName) })),
  notes: list(note),
});

// ---- profile -----------------------------------------------------------------------------------------------

const argTest = z
  .strictObject({
    index: z.literal([0, 1, 2, 3, 4, 5]),
    op: z.enum(["eq", "ne", "lt", "le", "gt", "ge", "masked-eq"]),
    value: word,
    mask: word.optional().meta({ description: "masked-eq: (argument & mask) = value." }),
  })
  .refine(({ op, mask }) => (op === "masked-eq") === (mask !== undefined), {
    message: "expected a mask with masked-eq, and with no other comparison",
  })
  .refine(({ op, value }) => (op !== "eq" && op !== "ne") || value <= 0xffff_ffff, {
    message: "expected a number of 32 bits, which is all that eq and ne look at",
  });

const knownSyscall = syscallName.refine(isSyscall, {
  error: ({ input }) => noSuchCall(String(input)),
  abort: true,
});

const syscallGrant = z.union([
  knownSyscall,
  z.strictObject({
    name: knownSyscall,
    args: z.array(z.array(argTest).min(1).max(32)).min(1).max(256).meta({
      description: "Allowed where one of these holds; each is a list of tests that all have to hold.",
    }),
  }),
]);

const knownCapability = capability.refine(
  (one) => capabilityNumber(one) !== undefined || /^CAP_\d{1,2}$/.test(one),
  { error: () => `expected a capability that Linux ${tables.kernel} has, such as CAP_CHOWN` },
);

const profilePath = path.refine((one) => isNormal(one.length > 1 ? one.replace(/\/$/, "") : one), {
  message:
    "expected an absolute path without . and .. and double slashes; a slash at the end stands for everything below",
});

const paths = (description: string) => list(profilePath).default([]).meta({ description });

/** What says less in a file that people write allows less: what is left out is not granted. */
const profileSchema = z.strictObject({
  $schema,
  schemaVersion,
  kind: z.literal("profile").default("profile"),
  // Several names after a merge.
  name: z.string().min(1).max(8192),
  target: text,
  arch: z
    .array(arch)
    .min(1)
    .max(3)
    .refine(isMachine, {
      message:
        "expected the machine's own architecture first (x86_64 or aarch64), then compatible ones (i386, x32), each once",
    })
    .meta({ description: "Native first." }),
  incomplete: list(text).optional().meta({ description: "What is known to be missing." }),
  analyzed: analyzedFiles.optional().meta({ description: "The executables whose code it was derived from." }),
  syscalls: z.strictObject({
    allow: z
      .array(syscallGrant)
      .min(1, "expected at least one call: a profile that allows none starts nothing")
      .max(2000)
      .superRefine((grants, context) => {
        const first = new Map<string, number>();
        grants.forEach((grant, i) => {
          const call = typeof grant === "string" ? grant : grant.name;
          const known = first.get(call);
          if (known === undefined) first.set(call, i);
          else
            context.addIssue({
              code: "custom",
              path: [i],
              message: `${call} is there twice, first in [${known}]`,
            });
        });
      }),
  }),
  capabilities: z.array(knownCapability).max(64).default([]),
  filesystem: z
    .strictObject({
      root: z.enum(["read-only", "writable"]).default("read-only"),
      read: paths("What may be read."),
      write: paths("What may be changed, and read."),
      execute: paths("What may be executed."),
      tmpfs: paths("Folders that may be empty at each start."),
    })
    .prefault({}),
  network: z
    .strictObject({
      sockets: list(z.strictObject({ domain: name, type: name })).default([]),
      listen: list(path).default([]),
      connect: list(path).default([]),
    })
    .prefault({}),
  user: z.strictObject({ uid: id.optional(), gid: id.optional() }).default({}),
  noNewPrivileges: z.boolean().default(true),
  isolation: z.enum(["namespace", "sandbox", "vm"]).default("namespace"),
});

function isMachine([native, ...others]: readonly string[]): boolean {
  const compatible = native === "x86_64" ? ["i386", "x32"] : [];
  const isNative = native === "x86_64" || native === "aarch64" || others.length === 0;
  return (
    isNative && new Set(others).size === others.length && others.every((one) => compatible.includes(one))
  );
}

function noSuchCall(given: string): string {
  const near = syscallNames().find((one) => isNear(one, given));
  const hint = near === undefined ? "" : `; is it ${near}?`;
  return `expected a system call that Linux ${tables.kernel} has, found ${JSON.stringify(given.slice(0, 64))}${hint}`;
}

/** One letter more, less or other, or two exchanged. */
function isNear(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start += 1;
  const [restA, restB] = [a.slice(start), b.slice(start)];
  return (
    restA.slice(1) === restB.slice(1) ||
    restA.slice(1) === restB ||
    restA === restB.slice(1) ||
    (restA.slice(2) === restB.slice(2) && restA[0] === restB[1] && restA[1] === restB[0])
  );
}

// ---- evidence ----------------------------------------------------------------------------------------------

const evidence = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("recorded"),
    run: name,
    phase: phaseName,
    abi: abi.optional(),
    count: count.optional(),
    errnos: errnos.optional(),
    detail: text.optional(),
  }),
  z.strictObject({ kind: z.literal("assumed"), run: name, reason: text }),
  z.strictObject({ kind: z.literal("equivalent"), of: name, reason: text }),
  z.strictObject({ kind: z.literal("always"), reason: text }),
  z.strictObject({ kind: z.literal("reachable"), path: list(text), via: name }),
  z.strictObject({ kind: z.literal("declared"), by: text, reason: text }),
]);

const evidenceSchema = z.strictObject({
  $schema,
  schemaVersion,
  kind: z.literal("evidence"),
  profile: text,
  grants: list(z.strictObject({ grant: text, evidence: list(evidence) })),
  leftOut: list(z.strictObject({ grant: text, reason: text, evidence: list(evidence) })),
});

// ---- verdict -----------------------------------------------------------------------------------------------

const verdictSchema = z.strictObject({
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
      args: z.array(name).max(MAX_ARGS).optional(),
      phase: phaseName.optional(),
      suggestion: text,
    }),
  ),
  notes: list(note),
});

/** By kind. That they say the same as the types of model.ts is held by schema.test.ts, which does not compile otherwise. */
export const SCHEMAS = {
  recording: recordingSchema,
  analysis: analysisSchema,
  profile: profileSchema,
  evidence: evidenceSchema,
  verdict: verdictSchema,
} as const;

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
