import { describe, expect, it } from "vitest";
import type { Denial } from "../profile/index.ts";
import { type Findings, type JudgedRun, judge } from "./verdict.ts";

const run = (more: Partial<JudgedRun> = {}): JudgedRun => ({
  denials: [],
  probes: [],
  differences: [],
  watched: true,
  losses: [],
  ...more,
});

const denial = (syscall: string, errno = "EPERM", executable = ""): Denial => ({
  syscall,
  errno,
  executable,
  suggestion: `- ${syscall}`,
});

function verdictOf(runs: JudgedRun[], more: Partial<Findings> = {}) {
  return judge({
    profile: "sha256:0",
    target: "docker:redis",
    engine: "docker",
    predicted: { denials: [], probes: [] },
    doubts: [],
    runs,
    wanted: runs.length,
    notes: [],
    ...more,
  });
}

describe("judge", () => {
  it("is held when every run passed and nothing was denied", () => {
    expect(verdictOf([run(), run(), run()])).toMatchObject({
      outcome: "held",
      runs: 3,
      passed: 3,
      denials: [],
    });
  });

  it("is denied by one refusal in one run", () => {
    const verdict = verdictOf([run(), run({ denials: [denial("mount", "EPERM", "/bin/mount")] })]);
    expect(verdict).toMatchObject({ outcome: "denied", runs: 2, passed: 1 });
    expect(verdict.denials).toEqual([denial("mount", "EPERM", "/bin/mount")]);
  });

  it("is denied by what the unconfined run used and the profile refuses, though no run met it", () => {
    const predicted = { denials: [denial("keyctl")], probes: [] };
    expect(verdictOf([run()], { predicted })).toMatchObject({ outcome: "denied", passed: 1 });
  });

  it("names each refusal once, by the entry that knows the executable", () => {
    const runs = [
      run({ denials: [denial("mount", "EPERM", "/bin/mount")] }),
      run({ denials: [denial("mount")] }),
    ];
    const verdict = verdictOf(runs, { predicted: { denials: [denial("mount"), denial("bpf")], probes: [] } });
    expect(verdict.denials).toEqual([denial("bpf"), denial("mount", "EPERM", "/bin/mount")]);
  });

  it("takes a call answered ENOSYS for a fallback where the run passed", () => {
    const verdict = verdictOf([run({ probes: [denial("clone3", "ENOSYS"), denial("rseq", "ENOSYS")] })]);
    expect(verdict).toMatchObject({ outcome: "held", denials: [] });
    expect(verdict.notes).toContainEqual({
      code: "answered-enosys",
      text: "answered ENOSYS, as by an older kernel: clone3, rseq",
    });
  });

  it("takes it for a denial where the run failed", () => {
    const verdict = verdictOf([
      run({ probes: [denial("io_uring_setup", "ENOSYS")], differences: ["step 'a' failed"] }),
    ]);
    expect(verdict).toMatchObject({
      outcome: "denied",
      passed: 0,
      denials: [denial("io_uring_setup", "ENOSYS")],
    });
  });

  it("is denied, and says why it cannot say more, when a run went otherwise without a refusal", () => {
    const verdict = verdictOf([run(), run({ differences: ["the target did not become ready"] })]);
    expect(verdict).toMatchObject({ outcome: "denied", passed: 1, denials: [] });
    expect(verdict.notes.map(({ code }) => code)).toEqual(["differs", "failed-without-denial"]);
    expect(verdict.notes[0]!.text).toBe("enforced run 2: the target did not become ready");
  });

  it.each([
    ["the unconfined run failed", { doubts: [{ code: "plain-run-failed", text: "step 1" }] }],
    ["nothing was exercised", { doubts: [{ code: "nothing-exercised", text: "" }] }],
    ["its recorder lost something", { doubts: [{ code: "recording-incomplete", text: "" }] }],
    ["runs are missing", { wanted: 3 }],
  ])("is inconclusive when %s", (_why, more) => {
    expect(verdictOf([run()], more).outcome).toBe("inconclusive");
  });

  it("is inconclusive when refusals could not be seen, or not all of them", () => {
    expect(verdictOf([run({ watched: false })]).notes[0]!.code).toBe("denials-not-seen");
    expect(verdictOf([run({ watched: false })]).outcome).toBe("inconclusive");
    expect(verdictOf([run({ losses: ["the recorder lost 3 (events)"] })]).outcome).toBe("inconclusive");
  });

  it("is inconclusive without any run", () => {
    expect(verdictOf([]).outcome).toBe("inconclusive");
  });

  it("stays denied where something is in doubt too, but not against an unconfined run that failed", () => {
    const denied = [run({ denials: [denial("mount")] })];
    expect(verdictOf(denied, { doubts: [{ code: "recording-incomplete", text: "" }] }).outcome).toBe(
      "denied",
    );
    expect(verdictOf(denied, { doubts: [{ code: "plain-run-failed", text: "" }] }).outcome).toBe(
      "inconclusive",
    );
  });
});
