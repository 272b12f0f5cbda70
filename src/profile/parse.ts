import type { z } from "zod";
import { CinchError } from "../base/index.ts";
import type { Analysis, EvidenceFile, Profile, Recording, Verdict } from "./model.ts";
import { SCHEMAS } from "./schema.ts";
import { readText } from "./text.ts";

interface Documents {
  recording: Recording;
  analysis: Analysis;
  profile: Profile;
  evidence: EvidenceFile;
  verdict: Verdict;
}
export type Document = Documents[keyof Documents];

/** How many of a document's errors are told: all of an ordinary one's, not a million of a hostile one's. */
const MAX_ISSUES = 20;

/**
 * A document of any kind, told by its `kind` (a profile need not say it); JSON or YAML. `source` is how errors name it.
 * Throws `bad-document` with everything that is wrong: where, what was expected, what was found.
 */
export function parseDocument(text: string, source: string): Document {
  const value = read(text, source);
  const kind = kindOf(value) ?? "profile";
  if (!isKind(kind)) {
    throw bad(source, [`kind: expected one of ${Object.keys(SCHEMAS).join(", ")}, found ${show(kind)}`]);
  }
  return check(value, kind, source);
}

/** A recording, in JSON or YAML. Throws `bad-document`. */
export function parseRecording(text: string, source: string): Recording {
  return parseKind(text, source, "recording");
}

/** An analysis, in JSON or YAML. Throws `bad-document`. */
export function parseAnalysis(text: string, source: string): Analysis {
  return parseKind(text, source, "analysis");
}

/** A profile, in YAML or JSON. What it leaves out is not granted. Throws `bad-document`. */
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
  const found = kindOf(value);
  if (isKind(found) && found !== kind) throw bad(source, [`it is a ${found}, expected a ${kind}`]);
  return check(value, kind, source);
}

function kindOf(value: unknown): unknown {
  return value !== null && typeof value === "object" ? (value as { kind?: unknown }).kind : undefined;
}

function isKind(kind: unknown): kind is keyof Documents {
  return typeof kind === "string" && Object.hasOwn(SCHEMAS, kind);
}

function read(text: string, source: string): unknown {
  const { value, problems } = readText(text);
  if (problems.length > 0) throw bad(source, problems);
  return value;
}

function check<K extends keyof Documents>(value: unknown, kind: K, source: string): Documents[K] {
  const result = SCHEMAS[kind].safeParse(value);
  if (result.success) return result.data as Documents[K];
  throw bad(
    source,
    result.error.issues.flatMap((issue) => sentences(issue, [], value)),
  );
}

type Issue = z.core.$ZodIssue;

/** 'filesystem.root: expected one of "read-only", "writable", found "readonly"'. */
function sentences(issue: Issue, above: readonly PropertyKey[], document: unknown): string[] {
  const path = [...above, ...issue.path];
  const found = at(document, path);
  const where = path.length === 0 ? "the document" : nameOf(path);
  switch (issue.code) {
    case "invalid_type":
      return [`${where}: expected ${TYPES[issue.expected] ?? issue.expected}, found ${show(found)}`];
    case "invalid_value": {
      const values = issue.values.map((value) => JSON.stringify(value)).join(", ");
      return [
        `${where}: expected ${issue.values.length > 1 ? "one of " : ""}${values}, found ${show(found)}`,
      ];
    }
    case "unrecognized_keys":
      return issue.keys.map((key) => `${nameOf([...path, key])}: there is no such member`);
    case "too_big":
    case "too_small": {
      if (issue.code === "too_small" && issue.message.startsWith("expected"))
        return [`${where}: ${issue.message}`];
      const bound =
        issue.code === "too_big" ? `at most ${String(issue.maximum)}` : `at least ${String(issue.minimum)}`;
      return [`${where}: expected ${bound}${UNITS[issue.origin] ?? ""}, found ${size(found)}`];
    }
    case "invalid_union":
      return unionSentences(issue, path, document);
    default:
      return [
        `${where}: ${issue.message}${isOpen(issue.message) && isPlain(found) ? `, found ${show(found)}` : ""}`,
      ];
  }
}

/** Of several forms the one that was meant: that of the same type as what is there. */
function unionSentences(
  issue: Extract<Issue, { code: "invalid_union" }>,
  path: readonly PropertyKey[],
  document: unknown,
): string[] {
  const isOtherType = (inner: Issue): boolean => inner.code === "invalid_type" && inner.path.length === 0;
  const meant = issue.errors.find((issues) => issues.length > 0 && !issues.some(isOtherType));
  if (meant !== undefined) return meant.flatMap((inner) => sentences(inner, path, document));
  const types = issue.errors
    .flat()
    .flatMap((inner) => (inner.code === "invalid_type" ? [inner.expected] : []));
  const expected = types.length > 0 ? types.map((type) => TYPES[type] ?? type).join(" or ") : "another form";
  const found = at(document, path);
  return [`${nameOf(path)}: expected ${expected}, found ${show(found)}`];
}

const TYPES: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "members",
};
const UNITS: Readonly<Record<string, string>> = { string: " characters", array: " entries" };

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, part) =>
      inner !== null && typeof inner === "object" && Object.hasOwn(inner, part)
        ? (inner as Record<PropertyKey, unknown>)[part]
        : undefined,
    value,
  );
}

/** "filesystem.read[2]". */
function nameOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? String(part) : `${text}.${String(part)}`;
  }, "");
}

/** Messages of our own say what was expected, and some already what was found. */
function isOpen(message: string): boolean {
  return message.startsWith("expected") && !message.includes(", found ");
}

function isPlain(value: unknown): boolean {
  return value !== null && typeof value !== "object";
}

/** What is there, short. */
function show(found: unknown): string {
  if (found === undefined || found === null) return "nothing";
  if (Array.isArray(found)) return "a list";
  if (typeof found === "object") return "members";
  const text = JSON.stringify(found);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

function size(found: unknown): string {
  return typeof found === "string" || Array.isArray(found) ? String(found.length) : show(found);
}

function bad(source: string, problems: readonly string[]): CinchError {
  const told = problems.slice(0, MAX_ISSUES);
  if (problems.length > MAX_ISSUES) told.push(`and ${problems.length - MAX_ISSUES} more`);
  const what = told.length === 1 ? told[0]! : `\n${told.map((problem) => `  ${problem}`).join("\n")}`;
  return new CinchError("bad-document", `${source}: ${what}`);
}
