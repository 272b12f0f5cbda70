import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseProject } from "../image/index.ts";
import { emitters } from "../emit/index.ts";
import { EMIT_FORMATS } from "./formats.ts";
import { Place, published, sampleRecording } from "./testing.ts";

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => place[Symbol.dispose]());

function write(name: string, value: unknown): string {
  writeFileSync(place.path(name), typeof value === "string" ? value : JSON.stringify(value));
  return name;
}

async function writeProfile(name = "app.profile.yaml", recording = sampleRecording()): Promise<string> {
  const file = write("recording.json", recording);
  const { code } = await place.run(["derive", file, "-o", `profile=${name}`]);
  expect(code).toBe(0);
  return name;
}

describe("help and usage", () => {
  it("gives help on standard output", async () => {
    const { code, stdout, stderr } = await place.run(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("profile       Record, analyze, derive, compile and verify");
    expect(stdout).toContain("analyze       Find every system call");
    expect((await place.run([])).stdout).toBe(stdout);
    expect((await place.run(["verify", "-h"])).stdout).toContain(
      "cinch verify PROFILE [TARGET] [-- COMMAND…]",
    );
  });

  it.each([
    [["vrify"], "cinch: there is no command 'vrify'\n  hint: did you mean `verify`?\n"],
    [["emit"], "cinch: PROFILE is missing\n"],
    [
      ["emit", "p", "--outptu", "x"],
      "cinch: there is no option --outptu here\n  hint: did you mean --output?\n",
    ],
    [["verify", "p", "--runs", "0"], "cinch: --runs: '0' is not a number of runs from 1 to 1000\n"],
    [
      ["record", "--duration", "soon"],
      "cinch: --duration: 'soon' is not a duration\n  hint: write it as 30s, 1m30s or 500ms\n",
    ],
    [
      ["record", "--engine", "lxc"],
      "cinch: --engine does not take 'lxc'\n  hint: it takes docker, podman, runc, crun, local\n",
    ],
    [
      ["diff", "a", "b", "c"],
      "cinch: 'c' is one argument too many (expected 2)\n  hint: the target's own command line goes after --\n",
    ],
    [
      ["completion", "tcsh"],
      "cinch: there is no completion for 'tcsh'\n  hint: the shells are bash, zsh, fish\n",
    ],
  ])("answers %j with exit code 2", async (argv, message) => {
    const { code, stdout, stderr } = await place.run(argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr.startsWith(message)).toBe(true);
  });

  it("answers for itself with 125 where the exit code is a program's", async () => {
    expect((await place.run(["run"])).code).toBe(125);
    expect((await place.run(["run", "missing.yaml", "--", "true"])).code).toBe(125);
  });

  it("takes options from the environment, and lets the command line win", async () => {
    const profile = await writeProfile();
    const env = { CINCH_OUTPUT: "seccomp" };
    expect(JSON.parse((await place.run(["emit", profile], env)).stdout)).toHaveProperty("defaultAction");
    expect((await place.run(["emit", profile, "-o", "docker"], env)).stdout).toContain("--cap-drop=ALL");
    expect((await place.run(["emit", profile], { CINCH_TIMEOUT: "x" })).code).toBe(2);
  });
});

describe("outputs", () => {
  it("refuses an unknown format before any work", async () => {
    const { code, stderr } = await place.run(["emit", "missing.yaml", "-o", "sarif"]);
    expect(code).toBe(2);
    expect(stderr).toBe(
      "cinch: there is no output format 'sarif' here\n  hint: the formats are seccomp, docker, oci\n",
    );
  });

  it("leaves no file behind when one of several cannot be made", async () => {
    write("bad.yaml", "name: [");
    expect((await place.run(["emit", "bad.yaml", "-o", "seccomp=a", "-o", "docker=b"])).code).toBe(2);
    expect(readdirSync(place.folder)).toEqual(["bad.yaml"]);
  });

  it("knows the artifacts that there are", () => {
    expect([...EMIT_FORMATS].sort()).toEqual(Object.keys(emitters).sort());
  });
});

describe("derive, merge, diff, explain, emit", () => {
  it("derives a profile, and evidence that knows its digest", async () => {
    const file = write("r.json", sampleRecording());
    const { stdout } = await place.run(["derive", file, "--name", "app"]);
    expect(stdout).toContain("name: app\n");
    await place.run(["derive", file, "-o", "profile=p.yaml", "-o", "evidence=e.json"]);
    expect(published(readFileSync(place.path("e.json"), "utf8"))).toMatchObject({ kind: "evidence" });
    const bundle = published((await place.run(["derive", file, "-o", "json"])).stdout);
    expect(bundle).toMatchObject({ kind: "bundle", profile: { target: "docker:app" } });
  });

  it("merges recordings in any order", async () => {
    const a = write("a.json", sampleRecording());
    const b = write("b.json", sampleRecording({ startedAt: "2026-11-24T10:00:00.000Z", capabilities: [] }));
    const one = await place.run(["merge", a, b]);
    expect(published(one.stdout)).toMatchObject({ kind: "recording", startedAt: "2026-11-24T10:00:00.000Z" });
    expect((await place.run(["merge", b, a, b])).stdout).toBe(one.stdout);
  });

  it("refuses to merge what is of two kinds", async () => {
    const recording = write("a.json", sampleRecording());
    const { code, stderr } = await place.run(["merge", recording, await writeProfile()]);
    expect(code).toBe(2);
    expect(stderr).toContain("only one kind can be merged");
  });

  it("ends with 1 where profiles differ, and says how", async () => {
    const a = await writeProfile("a.yaml");
    const b = await writeProfile("b.yaml", sampleRecording({ capabilities: [] }));
    const same = await place.run(["diff", a, a]);
    expect(same).toEqual({ code: 0, stdout: "a.yaml and a.yaml allow the same\n", stderr: "" });
    const { code, stdout } = await place.run(["diff", a, b]);
    expect(code).toBe(1);
    expect(stdout).toContain("- capability:CAP_CHOWN\n");
    const json = await place.run(["diff", a, b, "-o", "json"]);
    expect(json.code).toBe(1);
    expect(published(json.stdout)).toMatchObject({ same: false, onlyA: ["capability:CAP_CHOWN"] });
    expect(json.stderr).toContain("- capability:CAP_CHOWN");
    expect((await place.run(["diff", a, b, "-o", "json", "-q"])).stderr).toBe("");
  });

  it("explains a profile and one grant, with the evidence beside it", async () => {
    const profile = await writeProfile();
    const warned = await place.run(["explain", profile]);
    expect(warned.stderr).toContain("no evidence beside");
    await place.run(["derive", "recording.json", "-o", "evidence=app.evidence.json"]);
    const whole = await place.run(["explain", profile]);
    expect(whole).toMatchObject({ code: 0, stderr: "" });
    expect(whole.stdout).toContain("CAP_CHOWN");
    const one = await place.run(["explain", profile, "CAP_CHOWN"]);
    expect(one.stdout).toMatch(/^capability:CAP_CHOWN\n {2}is for/);
    expect(one.stdout).toMatch(/because {5}run [0-9a-f]+ used it in phase app/);
    const json = published((await place.run(["explain", profile, "openat", "-o", "json"])).stdout);
    expect(json).toMatchObject({ kind: "explanation", grants: [{ grant: "syscall:openat" }] });
    expect((await place.run(["explain", profile, "mount"])).code).toBe(2);
  });

  it("notices a profile that was edited after its evidence", async () => {
    const profile = await writeProfile();
    await place.run(["derive", "recording.json", "-o", "evidence=app.evidence.json"]);
    const text = readFileSync(place.path(profile), "utf8");
    write(profile, text.replace("capabilities: [", "capabilities: [ CAP_KILL, "));
    const { stderr, stdout } = await place.run(["explain", profile, "CAP_KILL"]);
    expect(stderr).toContain("was changed since its evidence was written");
    expect(stdout).toContain("capability:CAP_KILL");
  });

  it("emits several artifacts that know of each other", async () => {
    const profile = await writeProfile();
    mkdirSync(place.path("out"));
    const { code, stdout, stderr } = await place.run([
      "emit",
      profile,
      "-o",
      "docker",
      "-o",
      "seccomp=out/s.json",
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("seccomp=out/s.json");
    expect(stderr).toContain("warning: docker: ");
    expect(JSON.parse(readFileSync(place.path("out/s.json"), "utf8"))).toHaveProperty("syscalls");
  });
});

describe("init", () => {
  it("writes a project file that can be read, and leaves one alone that is there", async () => {
    expect((await place.run(["init", "docker:shop/web:1"])).code).toBe(0);
    const text = readFileSync(place.path("cinch.yaml"), "utf8");
    expect(parseProject(text, "cinch.yaml")).toMatchObject({
      target: "docker:shop/web:1",
      profile: "security/web.profile.yaml",
      emit: { seccomp: "security/web.seccomp.json" },
    });
    const again = await place.run(["init"]);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain("cinch.yaml is there already");
    expect(readFileSync(place.path("cinch.yaml"), "utf8")).toBe(text);
  });

  it("writes a command as it was given", async () => {
    await place.run(["init", "--config", "other.yaml", "--", "node", "server.js", "--name=it's: #1"]);
    const project = parseProject(readFileSync(place.path("other.yaml"), "utf8"), "other.yaml");
    expect(project.command).toEqual(["node", "server.js", "--name=it's: #1"]);
    expect(project.target).toBeUndefined();
  });
});

describe("completion", () => {
  it.each(["bash", "zsh", "fish"])("has a script for %s", async (shell) => {
    const { code, stdout } = await place.run(["completion", shell]);
    expect(code).toBe(0);
    expect(stdout).toContain("cinch __complete");
  });

  it("proposes commands, options and formats, and nothing of another program", async () => {
    const proposals = async (...words: string[]) =>
      (await place.run(["__complete", ...words])).stdout
        .split("\n")
        .map((line) => line.split("\t")[0])
        .filter((word) => word !== "");
    expect(await proposals("de")).toEqual(["derive"]);
    expect(await proposals("profile", "--du")).toEqual(["--duration"]);
    expect(await proposals("emit", "-o", "se")).toEqual(["seccomp"]);
    expect(await proposals("record", "--engine", "")).toContain("podman");
    expect(await proposals("record", "--", "l")).toEqual([]);
  });
});

describe("doctor", () => {
  it("gives the report as a document, and an exit code that fits", async () => {
    const { code, stdout } = await place.run(["doctor", "-o", "json"]);
    const report = published(stdout);
    expect(code).toBe(report["ok"] === true ? 0 : 3);
  });
});
