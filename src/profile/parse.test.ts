import { describe, expect, test } from "vitest";
import { fc, test as property } from "@fast-check/vitest";
import { anyProfile, anyRecording, recording } from "../../test/support/samples.ts";
import {
  canonicalJson,
  derive,
  fits,
  parseDocument,
  parseEvidence,
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

/** Paths as a hostile container can have them. */
const nastyPath = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "tmp",
        "run",
        "etc",
        "- a: &b",
        "#",
        "'",
        '"',
        "{x}",
        "null",
        "~",
        "\n",
        " ",
        "..",
        "\u{1F600}",
        "…",
        "\u0085",
        "\ufeff",
      ),
      fc.string({ unit: "binary", maxLength: 6 }),
    ),
    { maxLength: 4 },
  )
  .map((parts) => `/${parts.join("/")}`);
const access = fc.subarray(["read", "write", "create", "execute", "delete"] as const);
const nastyRecording = fc
  .record({
    files: fc.array(
      fc.record({ path: nastyPath, access: access.map((list) => [...list]), ok: fc.boolean() }),
      {
        maxLength: 6,
      },
    ),
    executables: fc.array(nastyPath, { maxLength: 2 }),
    text: fc.string({ unit: "binary", maxLength: 9 }),
  })
  .map(({ files, executables, text }) => ({
    ...recording,
    target: text,
    complete: false,
    files,
    executables,
    notes: [{ code: "interrupted", text }],
  }));

property.prop([nastyRecording], { numRuns: 200 })(
  "what is derived can be read again, and holds what was recorded, whatever the paths",
  (one) => {
    const { profile, evidence } = derive([one]);
    expect(parseProfile(stringifyProfile(profile), "test")).toEqual(profile);
    expect(parseProfile(JSON.stringify(profile), "test")).toEqual(profile);
    expect(parseEvidence(JSON.stringify(evidence), "test")).toEqual(evidence);
    expect(fits(profile, one)).toEqual([]);
  },
);

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
  expectReadOrRefused(text);
});

/** Values of every type in every place: what JSON.parse lets through must not trip a reader. */
property.prop(
  [fc.constantFrom("recording", "profile", "evidence", "verdict", 1, null), fc.json({ maxDepth: 4 })],
  {
    numRuns: 300,
  },
)("any JSON is read or refused with a CinchError", (kind, json) => {
  const inner: unknown = JSON.parse(json);
  expectReadOrRefused(json);
  expectReadOrRefused(JSON.stringify({ ...recording, kind, files: inner, lost: inner, phases: [inner] }));
  expectReadOrRefused(
    JSON.stringify({ kind, arch: inner, syscalls: { allow: [inner, { name: "clone", args: inner }] } }),
  );
});

function expectReadOrRefused(text: string): void {
  try {
    expect(parseDocument(text, "test")).toHaveProperty("kind");
  } catch (error) {
    expect((error as { code?: string }).code).toBe("bad-document");
  }
}

describe("errors", () => {
  /** A profile with some lines in the place of others. */
  const changed = (...changes: [from: string, to: string][]): string =>
    changes.reduce(
      (text, [from, to]) => text.replace(from, to),
      stringifyProfile(derive([recording]).profile),
    );
  const refused = (text: string): string => {
    try {
      parseProfile(text, "shop.yaml");
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };

  test("name the place, what was expected and what was found, all at once", () => {
    const text = changed(
      ["root: read-only", "root: readonly"],
      ["CAP_CHOWN", "chown"],
      ["isolation: namespace", "isolation: namespace\nextra: 1"],
      ["- brk", "- brkk"],
      ["uid: 0", "uid: root"],
      ["/etc/app.conf", "/etc/../app.conf"],
    );
    expect(refused(text).split("\n")).toEqual([
      "shop.yaml: ",
      '  syscalls.allow[1]: expected a system call that Linux 7.3 has, found "brkk"; is it brk?',
      '  capabilities[0]: expected a capability, such as CAP_CHOWN, found "chown"',
      '  filesystem.root: expected one of "read-only", "writable", found "readonly"',
      '  filesystem.read[0]: expected an absolute path without . and .. and double slashes; a slash at the end stands for everything below, found "/etc/../app.conf"',
      '  user.uid: expected a number, found "root"',
      "  extra: there is no such member",
    ]);
  });

  test.each<[string, [from: string, to: string], RegExp]>([
    ["a form of neither kind", ["- brk", "- [brk]"], /allow\[1\]: expected a text or members, found a list/],
    [
      "a call without its tests",
      ["- brk", "- { name: brk }"],
      /allow\[1\]\.args: expected a list, found nothing/,
    ],
    ["a mask that is missing", ["mask: 0x7e020000, ", ""], /args\[0\]\[0\]: expected a mask with masked-eq/],
    ["more bits than are looked at", ["value: 0x5412", "value: 0x100005412"], /expected a number of 32 bits/],
    ["a call twice", ["- creat", "- brk"], /allow\[\d+\]: brk is there twice, first in \[1\]/],
    [
      "another machine first",
      ["[ x86_64 ]", "[ i386, x86_64 ]"],
      /arch: expected the machine's own architecture first/,
    ],
    ["no calls", ["schemaVersion: 1", "schemaVersion: 2"], /schemaVersion: expected 1, found 2/],
  ])("%s", (_, change, message) => {
    expect(refused(changed(change))).toMatch(message);
  });
});

describe("traps", () => {
  test.each<[string, string, RegExp]>([
    ["an alias", "a: &a [1]\nb: *a", /line 2: an alias \(\*a\)/],
    ["a bomb of aliases", "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]", /an alias/],
    ["a member twice", "name: a\nname: b", /line 2: the member "name" is there twice/],
    ["a member twice in JSON", '{ "name": "a", "name": "b" }', /the member "name" is there twice/],
    ["depth", "[".repeat(20_000), /too deep/],
    ["size, as YAML", `# ${"x".repeat(1024 * 1024)}`, /as YAML at most 1048576 are read/],
    ["two documents", "a: 1\n---\nb: 2", /multiple documents/],
    ["another kind", JSON.stringify(recording), /it is a recording, expected a profile/],
    ["nothing", "", /the document: expected members, found nothing/],
    ["a member of every object", '{ "kind": "__proto__" }', /kind: expected "profile", found "__proto__"/],
  ])("%s", (_, text, message) => {
    expect(() => parseProfile(text, "x")).toThrow(message);
  });

  test("what a million errors say is told in short", () => {
    const text = JSON.stringify({ ...recording, files: Array.from({ length: 50_000 }, () => 1) });
    expect(() => parseRecording(text, "x")).toThrow(/and 49980 more$/);
  });
});

test("what a profile leaves out is not granted", () => {
  const text = "{ name: a, target: b, schemaVersion: 1, arch: [x86_64], syscalls: { allow: [read] } }";
  expect(parseProfile(text, "x")).toEqual({
    schemaVersion: 1,
    kind: "profile",
    name: "a",
    target: "b",
    arch: ["x86_64"],
    syscalls: { allow: ["read"] },
    capabilities: [],
    filesystem: { root: "read-only", read: [], write: [], execute: [], tmpfs: [] },
    network: { sockets: [], listen: [], connect: [] },
    user: {},
    noNewPrivileges: true,
    isolation: "namespace",
  });
});

test("limits are written with their meaning", () => {
  const text = stringifyProfile(derive([recording]).profile);
  expect(text).toContain(
    "- [ { index: 0, op: masked-eq, mask: 0x7e020000, value: 0 } ] # no new namespaces\n",
  );
  expect(text).toContain("# domain AF_NETLINK, protocol NETLINK_ROUTE\n");
});
