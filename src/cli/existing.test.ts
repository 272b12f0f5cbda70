import { describe, expect, it } from "vitest";
import { type EvidenceFile, type Profile, derive, digestOf, grantsOf } from "../profile/index.ts";
import { replace } from "./existing.ts";
import { sampleRecording } from "./testing.ts";

const made = derive([sampleRecording()], { name: "app" });
const less = derive([sampleRecording({ capabilities: [], files: [] })], { name: "app" });

function declare(evidence: EvidenceFile, grant: string): EvidenceFile {
  const entry = { kind: "declared" as const, by: "ops", reason: "the nightly job" };
  return {
    ...evidence,
    grants: [...evidence.grants.filter((one) => one.grant !== grant), { grant, evidence: [entry] }],
  };
}

describe("replace", () => {
  it("takes the new profile as it is where there was none", () => {
    expect(replace(made, undefined, "app.profile.yaml")).toMatchObject({
      ...made,
      kept: [],
      change: undefined,
    });
  });

  it("says what changed, and lets go of what only a run spoke for", () => {
    const { profile, change, kept } = replace(less, made, "app.profile.yaml");
    expect(profile).toEqual(less.profile);
    expect(kept).toEqual([]);
    expect(change?.onlyA).toContain("capability:CAP_CHOWN");
    expect(change?.onlyB).toEqual([]);
  });

  it("keeps a grant that somebody declared, with the reason", () => {
    const evidence = declare(made.evidence, "capability:CAP_CHOWN");
    const {
      profile,
      evidence: after,
      kept,
    } = replace(less, { profile: made.profile, evidence }, "app.profile.yaml");
    expect(profile.capabilities).toEqual(["CAP_CHOWN"]);
    expect(kept).toEqual([{ grant: "capability:CAP_CHOWN", by: "ops", reason: "the nightly job" }]);
    expect(after.profile).toBe(digestOf(profile));
    expect(after.grants.find(({ grant }) => grant === "capability:CAP_CHOWN")?.evidence).toEqual([
      { kind: "declared", by: "ops", reason: "the nightly job" },
    ]);
  });

  it("keeps a grant that was written into the file by hand", () => {
    const profile: Profile = {
      ...made.profile,
      capabilities: [...made.profile.capabilities, "CAP_KILL"],
      syscalls: { allow: [...made.profile.syscalls.allow, "keyctl"] },
      filesystem: { ...made.profile.filesystem, write: [...made.profile.filesystem.write, "/srv/upload/"] },
      noNewPrivileges: false,
    };
    const before = { profile, evidence: made.evidence };
    const { profile: after, kept } = replace(made, before, "app.profile.yaml");
    const grants = grantsOf(after);
    for (const grant of ["capability:CAP_KILL", "syscall:keyctl", "write:/srv/upload/", "new-privileges"]) {
      expect(grants).toContain(grant);
      expect(kept.find((one) => one.grant === grant)?.by).toBe("hand");
    }
    expect(after.name).toBe("app");
  });

  it("keeps everything of a profile without evidence: nobody can say that a run made it", () => {
    const { profile } = replace(less, { profile: made.profile, evidence: undefined }, "app.profile.yaml");
    expect(new Set(grantsOf(profile)).isSupersetOf(new Set(grantsOf(made.profile)))).toBe(true);
  });

  it("keeps it again the next time", () => {
    const evidence = declare(made.evidence, "capability:CAP_CHOWN");
    const once = replace(less, { profile: made.profile, evidence }, "app.profile.yaml");
    const twice = replace(less, once, "app.profile.yaml");
    expect(twice.profile).toEqual(once.profile);
    expect(twice.evidence).toEqual(once.evidence);
    expect(twice.change?.same).toBe(true);
  });
});
