import { z } from "zod";
import {
  type Analysis,
  type EvidenceFile,
  type Profile,
  type ProfileDiff,
  type ProfileExplanation,
  type Recording,
  SCHEMAS,
  type Verdict,
  schemaAddress,
} from "../profile/index.ts";
import type { Doctor } from "./doctor.ts";

/**
 * The documents that only the command line gives: reports as values, each with a published schema as those of the
 * profile room have. They are written and never read back, so there is no parser.
 */
const text = z.string();
const head = <K extends string>(kind: K) => ({
  $schema: text,
  schemaVersion: z.literal(1),
  kind: z.literal(kind),
});

const doctorSchema = z.strictObject({
  ...head("doctor"),
  ok: z.boolean().meta({ description: "A target can be recorded and verified here in some way." }),
  ways: z.array(
    z.strictObject({ what: text, how: text.meta({ description: "Empty: it cannot be done here." }) }),
  ),
  features: z.array(
    z.strictObject({ name: text, outcome: z.enum(["yes", "no", "unknown"]), detail: text, needs: text }),
  ),
});

const diffSchema = z.strictObject({
  ...head("diff"),
  a: text,
  b: text,
  same: z.boolean(),
  onlyA: z.array(text),
  onlyB: z.array(text),
  limits: z.array(z.strictObject({ grant: text, a: text, b: text })),
});

const bundleSchema = z.strictObject({
  ...head("bundle"),
  profile: SCHEMAS.profile,
  evidence: SCHEMAS.evidence,
  recording: SCHEMAS.recording.optional(),
  analysis: SCHEMAS.analysis.optional(),
  verdict: SCHEMAS.verdict.optional(),
});

const evidence = SCHEMAS.evidence.shape.grants.element.shape.evidence;

const explanationSchema = z.strictObject({
  ...head("explanation"),
  name: text,
  target: text,
  incomplete: z.array(text),
  grants: z.array(
    z.strictObject({
      grant: text,
      purpose: text,
      exposes: text,
      limits: text.optional(),
      closing: text,
      isDefault: z.boolean().optional().meta({ description: "Docker's default filter allows the call." }),
      evidence,
    }),
  ),
  groups: z
    .array(
      z.strictObject({ name: text, title: text, exposes: text, used: z.array(text), besides: z.array(text) }),
    )
    .meta({ description: "The calls among the grants, by what they do." }),
  leftOut: SCHEMAS.evidence.shape.leftOut,
  summary: z.strictObject({
    syscalls: z.number().int(),
    defaultSyscalls: z.number().int(),
    outsideDefault: z.array(text),
    limited: z.array(text),
    capabilities: z.array(text),
    readPaths: z.number().int(),
    writePaths: z.array(text),
    executables: z.array(text),
    listen: z.array(text),
  }),
});

export const CLI_SCHEMAS = {
  doctor: doctorSchema,
  diff: diffSchema,
  explanation: explanationSchema,
  bundle: bundleSchema,
} as const;

/** Where the schema of a document is published. */
export function addressOf(kind: string): string {
  return new URL(`${kind}-1.schema.json`, schemaAddress("profile")).href;
}

/** The schemas of these documents (JSON Schema, draft 7), by file name. */
export function cliSchemas(): Record<string, object> {
  return Object.fromEntries(
    Object.entries(CLI_SCHEMAS).map(([kind, schema]) => [
      `${kind}-1.schema.json`,
      {
        $id: addressOf(kind),
        title: `cinch ${kind}`,
        ...z.toJSONSchema(schema, { io: "input", target: "draft-07" }),
      },
    ]),
  );
}

type Document = { $schema?: string; kind: string };

/** A document with the address of its schema at the head. */
export function withSchema<T extends Document>(document: T): T {
  return { $schema: addressOf(document.kind), ...document };
}

export function doctorDocument(doctor: Doctor): z.output<typeof doctorSchema> {
  return { $schema: addressOf("doctor"), schemaVersion: 1, kind: "doctor", ...doctor };
}

export function diffDocument(a: string, b: string, difference: ProfileDiff): z.output<typeof diffSchema> {
  return { $schema: addressOf("diff"), schemaVersion: 1, kind: "diff", a, b, ...difference };
}

export function explanationDocument(explanation: ProfileExplanation): z.output<typeof explanationSchema> {
  return { $schema: addressOf("explanation"), schemaVersion: 1, kind: "explanation", ...explanation };
}

/** All that `cinch profile` made, in one document. */
export function bundleDocument(parts: {
  profile: Profile;
  evidence: EvidenceFile;
  recording?: Recording;
  analysis?: Analysis;
  verdict?: Verdict;
}): z.output<typeof bundleSchema> {
  return { $schema: addressOf("bundle"), schemaVersion: 1, kind: "bundle", ...parts };
}
