import { expect, test } from "vitest";
import { fc, test as property } from "@fast-check/vitest";
import { anyAnalysis, anyProfile, anyRecording, recording } from "../../test/support/samples.ts";
import {
  canonicalJson,
  derive,
  mergeAnalyses,
  mergeEvidence,
  mergeProfiles,
  mergeRecordings,
} from "./index.ts";

/** The laws that let a fleet's documents merge in any order, twice over. */
function laws<T extends object>(merge: (...documents: T[]) => T, a: T, b: T, c: T): void {
  const same = (x: T, y: T): void => expect(canonicalJson(x)).toBe(canonicalJson(y));
  same(merge(a, b), merge(b, a));
  same(merge(merge(a, b), c), merge(a, merge(b, c)));
  same(merge(merge(a, b), c), merge(a, b, c));
  same(merge(a, a), merge(a));
  same(merge(merge(a, b), b), merge(a, b));
}

property.prop([anyRecording, anyRecording, anyRecording], { numRuns: 300 })("recordings", (a, b, c) =>
  laws(mergeRecordings, a, b, c),
);

property.prop([anyAnalysis, anyAnalysis, anyAnalysis], { numRuns: 300 })("analyses", (a, b, c) =>
  laws(mergeAnalyses, a, b, c),
);

property.prop([anyProfile, anyProfile, anyProfile], { numRuns: 300 })("profiles", (a, b, c) =>
  laws(mergeProfiles, a, b, c),
);

property.prop([anyRecording, anyRecording, anyRecording], { numRuns: 100 })("evidence", (a, b, c) => {
  const [x, y, z] = [a, b, c].map((one) => derive([one]).evidence);
  laws(mergeEvidence, x!, y!, z!);
});

property.prop([fc.array(anyRecording, { minLength: 1, maxLength: 4 })], { numRuns: 100 })(
  "a profile does not depend on the order of its recordings",
  (recordings) => {
    const forth = derive(recordings);
    const back = derive([...recordings].reverse());
    expect(canonicalJson(forth)).toBe(canonicalJson(back));
  },
);

test("what differs is not made up", () => {
  const other = {
    ...recording,
    complete: false,
    user: { uid: 5, gid: 5 },
    noNewPrivileges: true,
    lost: { strings: 3 },
  };
  const merged = mergeRecordings(recording, other);
  expect(merged).toMatchObject({ complete: false, lost: { strings: 3 }, target: "docker:sample" });
  expect(merged.user).toBeUndefined();
  expect(merged.noNewPrivileges).toBeUndefined();
});

test("documents of two architectures do not merge", () => {
  expect(() => mergeRecordings(recording, { ...recording, arch: "aarch64" })).toThrow(
    /one architecture.*(x86_64.*aarch64|aarch64.*x86_64)/s,
  );
});
