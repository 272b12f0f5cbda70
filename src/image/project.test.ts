import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CinchError } from "../base/index.ts";
import { projectJsonSchema } from "./project-schema.ts";
import { parseProject, readProject, readWorkloadFile } from "./project.ts";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "cinch-project-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CONTRACT = `
target: docker:shop:dev            # or command: [node, server.js]
workload:
  ready: http://127.0.0.1:8080/health
  steps:
    - http: { get: "http://127.0.0.1:8080/", expect: 200 }
    - run: npm run e2e
    - exec: [nginx, -s, reload]
  stop: SIGTERM
profile: security/shop.profile.yaml
emit: { docker: security/docker.args, compose: security/compose.yaml, kubernetes: security/pod.yaml }
`;

function problems(text: string): string[] {
  try {
    parseProject(text, "cinch.yaml");
  } catch (error) {
    if (error instanceof CinchError && error.code === "bad-project") return error.message.split("\n");
    throw error;
  }
  return [];
}

test("the contract's example is read, its paths relative to its folder", () => {
  writeFileSync(join(folder, "cinch.yaml"), CONTRACT);
  expect(readProject(folder)).toEqual({
    target: "docker:shop:dev",
    workload: {
      ready: "http://127.0.0.1:8080/health",
      steps: [
        { http: { get: "http://127.0.0.1:8080/", expect: 200 } },
        { run: "npm run e2e" },
        { exec: ["nginx", "-s", "reload"] },
      ],
      stop: "SIGTERM",
    },
    file: join(folder, "cinch.yaml"),
    folder,
    cwd: folder,
    profile: join(folder, "security/shop.profile.yaml"),
    emit: {
      docker: join(folder, "security/docker.args"),
      compose: join(folder, "security/compose.yaml"),
      kubernetes: join(folder, "security/pod.yaml"),
    },
  });
  // By its own name, as --config gives it.
  expect(readProject(join(folder, "cinch.yaml")).folder).toBe(folder);
});

test("numbers and booleans are fine as environment, as people write them", () => {
  const { env, user } = parseProject(
    "command: [a]\nenv: { PORT: 8080, DEBUG: true, NAME: x }\nuser: 101",
    "x",
  );
  expect([env, user]).toEqual([{ PORT: "8080", DEBUG: "true", NAME: "x" }, "101"]);
});

test("each error names its line, the member and what was expected", () => {
  const text =
    "command: [node]\nworkload:\n  steps:\n    - run: a\n    - http: { get: ftp://x, expect: 42 }\n    - exec: []\n  stop: sigterm\n";
  expect(problems(text)).toEqual([
    "cinch.yaml:5:20: workload.steps[1].http.get: must start with http:// or https://",
    expect.stringMatching(/^cinch\.yaml:5:37: workload\.steps\[1\]\.http\.expect: /),
    expect.stringMatching(/^cinch\.yaml:6:13: workload\.steps\[2\]\.exec: /),
    "cinch.yaml:7:9: workload.stop: must be a signal's name, such as SIGTERM",
  ]);
});

test("a step is one thing, a project names what it is for, unknown members are refused", () => {
  expect(problems("command: [a]\nworkload: { steps: [{ run: a, exec: b }] }")).toEqual([
    "cinch.yaml:2:21: workload.steps[0]: needs exactly one of http, run, exec, sleep",
  ]);
  expect(problems("command: [a]\nworkload: { steps: [{ http: { expect: 200 } }] }")[0]).toMatch(
    /steps\[0\]\.http: needs exactly one of get, head/,
  );
  expect(problems("profile: x.yaml")).toEqual(["cinch.yaml:1:1: needs target or command"]);
  expect(problems("command: [a]\nworklod: {}")[0]).toMatch(/"worklod"/);
  expect(problems("")).toEqual(["cinch.yaml: needs target or command"]);
});

test("what is not YAML, or no mapping", () => {
  expect(problems("command: [a\nprofile: b")[0]).toMatch(/^cinch\.yaml:2:1: /);
  expect(problems("- a\n- b")[0]).toMatch(/^cinch\.yaml:1:1: /);
  const bomb = `a: &a [x, x]\n${"bcdefghi"
    .split("")
    .map((name, i) => `${name}: &${name} [*${"abcdefgh"[i]}, *${"abcdefgh"[i]}]`)
    .join("\n")}`;
  expect(problems(bomb)).not.toEqual([]);
});

test("any text gives a project or problems, nothing else", () => {
  const line = fc.constantFrom(
    "command: [a]",
    "target: 1",
    "workload:",
    "  steps:",
    "   - run: x",
    "emit: {",
    "*a",
    "? :",
    "\t",
    "env: { a: ~ }",
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(line).map((lines) => lines.join("\n")),
  );
  fc.assert(
    fc.property(text, (yaml) => {
      expect(Array.isArray(problems(yaml))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("a file with a workload alone", () => {
  const file = join(folder, "smoke.yaml");
  writeFileSync(file, "ready: tcp:80\nsteps: [{ sleep: 1s }]\n");
  expect(readWorkloadFile(file)).toEqual({ ready: "tcp:80", steps: [{ sleep: "1s" }] });
  writeFileSync(file, "workload: {}\n");
  expect(() => readWorkloadFile(file)).toThrow(/"workload"/);
  expect(() => readProject(join(folder, "missing"))).toThrow(/missing\/cinch\.yaml/);
});

test("the published schema knows the same members", () => {
  const schema = projectJsonSchema() as { properties: Record<string, object>; additionalProperties: boolean };
  expect(Object.keys(schema.properties)).toEqual(
    expect.arrayContaining(["target", "command", "env", "cwd", "user", "workload", "profile", "emit"]),
  );
  expect(schema.additionalProperties).toBe(false);
});
