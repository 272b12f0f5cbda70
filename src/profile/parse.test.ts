import { expect, test } from "vitest";
import { fc, test as property } from "@fast-check/vitest";
import { anyProfile, anyRecording, recording } from "../../test/support/samples.ts";
import {
  canonicalJson,
  derive,
  jsonSchemas,
  parseDocument,
  parseProfile,
  parseRecording,
  stringifyProfile,
} from "./index.ts";

property.prop([anyProfile], { numRuns: 300 })(
  "a profile survives being written and read, whatever its texts hold",
  (profile) => {
    const text = stringifyProfile(profile);
    expect(canonicalJson(parseProfile(text, "test"))).toBe(canonicalJson(profile));
    expect(stringifyProfile(parseProfile(text, "test"))).toBe(text);
  },
);

property.prop([anyRecording], { numRuns: 100 })("a recording survives JSON", (one) => {
  expect(parseRecording(JSON.stringify(one), "test")).toEqual(one);
});

const seeds = [
  JSON.stringify(recording),
  stringifyProfile(derive([recording]).profile),
  "a: &x [*x]",
  "- [",
  "{",
  "kind: recording",
];
property.prop(
  [fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(), fc.string({ maxLength: 3 })), { maxLength: 5 })],
  { numRuns: 1000 },
)("changed text is read or refused with a CinchError", (seed, changes) => {
  let text = seed;
  for (const [at, insert] of changes)
    text = text.slice(0, at % (text.length + 1)) + insert + text.slice((at % (text.length + 1)) + 1);
  try {
    parseDocument(text, "test");
  } catch (error) {
    expect((error as { code?: string }).code).toBe("bad-document");
  }
});

test("errors name the place, what was expected and what was found, all at once", () => {
  const text = stringifyProfile(derive([recording]).profile)
    .replace("root: read-only", "root: readonly")
    .replace("- CAP_CHOWN", "- chown")
    .replace("CAP_CHOWN", "chown")
    .replace("isolation: namespace", "isolation: namespace\nextra: 1");
  expect(() => parseProfile(text, "shop.yaml")).toThrow(/shop\.yaml/);
  expect(() => parseProfile(text, "x")).toThrow(
    /capabilities\[0\]: expected a capability, such as CAP_CHOWN, found "chown"/,
  );
  expect(() => parseProfile(text, "x")).toThrow(/filesystem\.root: .*"read-only".*found "readonly"/);
  expect(() => parseProfile(text, "x")).toThrow(/extra/);
});

test("YAML's traps are refused: aliases, duplicate keys, another kind", () => {
  expect(() => parseProfile("a: &a [1]\nb: *a", "x")).toThrow(/x: /);
  expect(() => parseProfile("name: a\nname: b", "x")).toThrow(/name.*twice|there already|is there/i);
  expect(() => parseProfile(JSON.stringify(recording), "x")).toThrow(/it is a recording, expected a profile/);
});

test("the published schemas are those of the readers", () => {
  const schemas = jsonSchemas();
  expect(Object.keys(schemas)).toEqual(
    ["recording", "profile", "evidence", "verdict"].map((kind) => `${kind}-1.schema.json`),
  );
  expect(schemas["profile-1.schema.json"]).toMatchObject({
    $id: expect.stringContaining("profile-1"),
    additionalProperties: false,
  });
});
