import { parseDocument as parseYaml } from "yaml";
import type { z } from "zod";
import { CinchError, messageOf } from "../base/index.ts";
import type { EvidenceFile, Profile, Recording, Verdict } from "./model.ts";
import { SCHEMAS } from "./schema.ts";

type Documents = { recording: Recording; profile: Profile; evidence: EvidenceFile; verdict: Verdict };
export type Document = Documents[keyof Documents];

/** How many of a document's errors are told: all of an ordinary one's, not a million of a hostile one's. */
const MAX_ISSUES = 20;

/** A document of any kind, told by its `kind`; JSON or YAML. Throws `bad-document` with everything that is wrong. */
export function parseDocument(text: string, source: string): Document {
  const value = read(text, source);
  const kind = (value as { kind?: unknown } | null)?.kind ?? "profile";
  if (typeof kind !== "string" || !Object.hasOwn(SCHEMAS, kind)) {
    throw bad(source, [
      `kind: expected one of ${Object.keys(SCHEMAS).join(", ")}, found ${JSON.stringify(kind)}`,
    ]);
  }
  return check(value, kind as keyof Documents, source);
}

/** A recording, in JSON or YAML. Throws `bad-document` with everything that is wrong. */
export function parseRecording(text: string, source: string): Recording {
  return parseKind(text, source, "recording");
}

/** A profile: YAML or JSON. */
export function parseProfile(text: string, source: string): Profile {
  return parseKind(text, source, "profile");
}

/** A profile's evidence. Throws `bad-document`. */
export function parseEvidence(text: string, source: string): EvidenceFile {
  return parseKind(text, source, "evidence");
}

/** A verdict. Throws `bad-document`. */
export function parseVerdict(text: string, source: string): Verdict {
  return parseKind(text, source, "verdict");
}

function parseKind<K extends keyof Documents>(text: string, source: string, kind: K): Documents[K] {
  const value = read(text, source);
  const found = (value as { kind?: unknown } | null)?.kind;
  if (typeof found === "string" && found !== kind && Object.hasOwn(SCHEMAS, found)) {
    throw bad(source, [`it is a ${found}, expected a ${kind}`]);
  }
  return check(value, kind, source);
}

function check<K extends keyof Documents>(value: unknown, kind: K, source: string): Documents[K] {
  const result = SCHEMAS[kind].safeParse(value);
  if (result.success) return result.data as Documents[K];
  throw bad(source, issuesOf(result.error, value));
}

/** JSON as JSON; else YAML without aliases (ten lines of them can stand for gigabytes) and without duplicate keys. */
function read(text: string, source: string): unknown {
  if (/^\s*[{[]/.test(text)) {
    try {
      return JSON.parse(text);
    } catch (error) {
      if (text.trimStart().startsWith("[")) throw bad(source, [messageOf(error)]);
      // A YAML document may begin with a brace too; its error is the better one if it does not parse either.
    }
  }
  const document = parseYaml(text, {
    uniqueKeys: true,
    maxAliasCount: 0,
    logLevel: "silent",
    prettyErrors: true,
  } as object);
  if (document.errors.length > 0) {
    throw bad(
      source,
      document.errors.slice(0, MAX_ISSUES).map((error) => error.message.split("\n")[0]!),
    );
  }
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    throw bad(source, [messageOf(error)]);
  }
}

/** "filesystem.read[2]: a path in a profile begins with /, found \"etc\"". */
function issuesOf(error: z.ZodError, value: unknown): string[] {
  const lines = error.issues.slice(0, MAX_ISSUES).map((issue) => {
    const where = issue.path.reduce<string>(
      (text, part) =>
        typeof part === "number"
          ? `${text}[${part}]`
          : text === ""
            ? String(part)
            : `${text}.${String(part)}`,
      "",
    );
    const found = issue.path.reduce<unknown>(
      (inner, part) => (inner as Record<PropertyKey, unknown> | undefined)?.[part],
      value,
    );
    const shown =
      found === undefined || typeof found === "object" ? "" : `, found ${JSON.stringify(found).slice(0, 80)}`;
    return `${where === "" ? "the document" : where}: ${issue.message.replace(/^Invalid input: /, "")}${shown}`;
  });
  if (error.issues.length > MAX_ISSUES) lines.push(`and ${error.issues.length - MAX_ISSUES} more`);
  return lines;
}

function bad(source: string, issues: readonly string[]): CinchError {
  const what = issues.length === 1 ? issues[0]! : `\n${issues.map((issue) => `  ${issue}`).join("\n")}`;
  return new CinchError("bad-document", `${source}: ${what}`);
}
