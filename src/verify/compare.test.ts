import { describe, expect, it } from "vitest";
import type { WorkloadResult } from "../workload/index.ts";
import { compareRuns } from "./compare.ts";
import { workloadResult } from "./testing.ts";

const step = (name: string, code: number | null, ok = code === 0) => ({
  name,
  code,
  ok,
  output: "",
  seconds: 0,
});

describe("compareRuns", () => {
  it("finds nothing in runs that agree, whatever they wrote", () => {
    const plain = workloadResult({ steps: [step("a", 0), step("b", 7)] });
    const enforced: WorkloadResult = {
      ...plain,
      steps: plain.steps.map((one) => ({ ...one, output: "other" })),
    };
    expect(compareRuns(plain, enforced)).toEqual([]);
  });

  it("says which step ended otherwise", () => {
    const plain = workloadResult({ steps: [step("a", 0), step("b", 0)] });
    const enforced = workloadResult({ steps: [step("a", 0), step("b", 3)], ok: false });
    expect(compareRuns(plain, enforced)).toEqual(["step 'b' ended with code 3, unconfined with code 0"]);
  });

  it("says the first thing that was not reached, for what follows is clear", () => {
    const plain = workloadResult({ steps: [step("a", 0), step("b", 0)] });
    const unready = workloadResult({ ready: false, ok: false });
    expect(compareRuns(plain, unready)).toEqual(["the target did not become ready"]);
    expect(compareRuns(plain, workloadResult({ ok: false }))).toEqual(["step 'a' was not reached"]);
  });

  it("compares how the program ended", () => {
    const plain = workloadResult({ exit: { code: 0, signal: null } });
    const enforced = workloadResult({ exit: { code: null, signal: "SIGSYS" } });
    expect(compareRuns(plain, enforced)).toEqual(["the target ended with SIGSYS, unconfined with code 0"]);
  });

  it("does not blame the profile for a step that fails by itself", () => {
    const failing = workloadResult({ steps: [step("a", 1)], ok: false });
    expect(compareRuns(failing, failing)).toEqual([]);
  });
});
