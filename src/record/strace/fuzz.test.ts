import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Recording } from "../../profile/index.ts";
import { importStrace } from "./index.ts";

const load = (name: string): string =>
  readFileSync(join(import.meta.dirname, "testdata", `${name}.strace`), "utf8");
const logs = ["walk.terminal", "walk.annotated", "walk.raw", "i386.terminal", "x32.terminal"].map(load);
const run = (text: string): Recording => importStrace(text, { target: "fuzz", arch: "x86_64" });

/** What must hold of any recording, whatever it was made from. */
function expectSound(recording: Recording): void {
  expect(recording.complete).toBe(false);
  expect(Object.values(recording.lost).every((count) => Number.isInteger(count) && count >= 0)).toBe(true);
  for (const { syscalls } of recording.phases) {
    expect(new Set(syscalls.map(({ name }) => name)).size).toBe(syscalls.length);
    for (const { nr, count, assumed, errnos, args } of syscalls) {
      expect(Number.isInteger(nr) && nr >= 0).toBe(true);
      expect(assumed === true || count! > 0).toBe(true);
      expect(errnos.every((name) => /^(?:E[A-Z0-9_]+|errno \d+)$/.test(name))).toBe(true);
      expect(args === undefined || args.values.every((row) => row.length === args.names.length)).toBe(true);
    }
  }
  for (const { path, access } of recording.files) {
    expect(path.startsWith("/")).toBe(true);
    expect(path.split("/")).not.toContain("..");
    expect(access.length).toBeGreaterThan(0);
  }
  expect(JSON.parse(JSON.stringify(recording))).toEqual(recording);
}

const fragment = fc.constantFrom(
  ...'( ) [ ] { } < > " \\ , | = ~ /* */ -> ... ? -1 0x 3 7 \n \r ENOENT read open openat execve clone fork socket'.split(
    " ",
  ),
  "\n",
  " ",
  "<unfinished ...>",
  "<... read resumed>",
  "strace: Process 7 attached",
  "[pid 7] ",
  "7 ",
  '"/a"',
  '"../b"',
  "+++ exited with 0 +++",
  "+++ superseded by execve in pid 7 +++",
  " = 0\n",
  "AT_FDCWD</x>",
  "#64",
  "{sa_family=AF_UNIX, sun_path=",
  "[ Process PID=7 runs in 32 bit mode. ]\n",
  "12:00:00 ",
  "1700000000.5 ",
  "flags=CLONE_FS|CLONE_FILES",
  "getcwd",
  "chroot",
  "chdir",
);

it("takes any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => expectSound(run(text))),
    { numRuns: 300 },
  );
});

it("takes any arrangement of what logs are made of", () => {
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 200 }), (parts) => expectSound(run(parts.join("")))),
    { numRuns: 700 },
  );
});

it("takes real logs with lines missing, doubled, cut and exchanged", () => {
  const change = fc.record({
    at: fc.nat(),
    how: fc.constantFrom("drop", "double", "cut", "swap", "garble"),
    place: fc.nat(),
    text: fc.string({ maxLength: 5 }),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(...logs),
      fc.array(change, { minLength: 1, maxLength: 12 }),
      (log, changes) => {
        const lines = log.split("\n");
        for (const { at, how, place, text } of changes) {
          const i = at % lines.length;
          const line = lines[i]!;
          const column = place % (line.length + 1);
          if (how === "drop") lines.splice(i, 1);
          else if (how === "double") lines.splice(i, 0, line);
          else if (how === "cut") lines[i] = line.slice(0, column);
          else if (how === "garble")
            lines[i] = line.slice(0, column) + text + line.slice(column + text.length);
          else [lines[i], lines[place % lines.length]] = [lines[place % lines.length]!, line];
          if (lines.length === 0) lines.push("");
        }
        expectSound(run(lines.join("\n")));
      },
    ),
    { numRuns: 300 },
  );
});

// Each of these takes hours or all memory where one step is quadratic in the text; no clock is needed to see it.
const START = 'execve("/x", ["x"], 0x7 /* 1 var */) = 0\n';
const deep = Array.from({ length: 15 }, () => `chdir("${"d".repeat(255)}") = 0\n`).join("");
it.each<[string, () => string]>([
  ["one long line", () => "a".repeat(3 << 20)],
  ["a line of brackets", () => `read(${"(".repeat(1 << 19)}`],
  ["a line of quotes", () => `read(${'"'.repeat(1 << 19)}`],
  ["a line of comments", () => `socket(${"/*".repeat(1 << 18)}) = 1`],
  ["a line of annotations", () => `read(${"3<".repeat(1 << 18)}`],
  ["a line of dashes", () => `${"-".repeat(1 << 19)}x`],
  ["a line of blanks", () => `fork()${" ) ".repeat(1 << 18)}`],
  ["a line of slashes", () => `read("${"/".repeat(1 << 19)}strace: Process`],
  ["a path of steps", () => `${START}stat("${"../a/".repeat(1 << 17)}", 0) = 0`],
  ["steps without end", () => `${START}chdir("/") = 0\n${'chdir("a") = 0\n'.repeat(1 << 15)}`],
  [
    "many files far down",
    () =>
      `${START}chdir("/") = 0\n${deep}${Array.from({ length: 10_000 }, (_, i) => `stat("${i}", 0) = 0\n`).join("")}`,
  ],
  [
    "forks that inherit many descriptors",
    () =>
      `7 ${START}${Array.from({ length: 5000 }, (_, i) => `7 open("/f", O_RDONLY) = ${i}\n`).join("")}${Array.from({ length: 40_000 }, (_, i) => `7 fork() = ${i + 100}\n`).join("")}`,
  ],
  [
    "processes without end",
    () => Array.from({ length: 40_000 }, (_, i) => `${i} getpid( <unfinished ...>\n`).join(""),
  ],
  ["programs without end", () => `7 ${START}`.repeat(30_000)],
  [
    "values without end",
    () => `${START}${Array.from({ length: 50_000 }, (_, i) => `prctl(${i}) = 0\n`).join("")}`,
  ],
])("takes %s", (_, make) => expectSound(run(make())));
