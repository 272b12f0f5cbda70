import { expect, test } from "vitest";
import type { z } from "zod";
import {
  type Analysis,
  type EvidenceFile,
  type Profile,
  type Recording,
  SCHEMAS,
  type Verdict,
  jsonSchemas,
} from "./index.ts";

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
type Read<K extends keyof typeof SCHEMAS> = z.output<(typeof SCHEMAS)[K]>;

test("schemas and types say the same", () => {
  // The compiler's work: `true` is no value of `never`.
  const agreement: {
    recording: Same<Read<"recording">, Recording>;
    analysis: Same<Read<"analysis">, Analysis>;
    profile: Same<Read<"profile">, Profile>;
    evidence: Same<Read<"evidence">, EvidenceFile>;
    verdict: Same<Read<"verdict">, Verdict>;
  } = { recording: true, analysis: true, profile: true, evidence: true, verdict: true };
  expect(Object.keys(agreement)).toEqual(Object.keys(SCHEMAS));
});

test("the published schemas are those of the readers", () => {
  const schemas = jsonSchemas();
  expect(Object.keys(schemas)).toEqual(
    ["recording", "analysis", "profile", "evidence", "verdict"].map((kind) => `${kind}-1.schema.json`),
  );
  expect(schemas["profile-1.schema.json"]).toMatchObject({
    $id: expect.stringContaining("profile-1"),
    additionalProperties: false,
    required: ["schemaVersion", "name", "target", "arch", "syscalls"],
  });
});
