import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { analysis } from "../../../test/support/samples.ts";
import { memoryTree } from "../../../test/support/memory-tree.ts";
import { AnswerCache, WatchedTree } from "./answers.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "cinch-answers-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const files = { "/usr/bin/a": "content", "/etc/x/1": "", "/bin": { link: "/usr/bin" } };

/** Asks a tree as an analysis does, and keeps the answer. */
function keep(): AnswerCache {
  const watched = new WatchedTree(memoryTree(files));
  watched.resolve("/bin/a");
  watched.read("/usr/bin/a");
  watched.list("/etc/x");
  watched.lookup("/none");
  const cache = new AnswerCache(folder);
  cache.write({ of: "a" }, watched.questions, analysis);
  return cache;
}

it("gives an analysis again while the tree answers the same", () => {
  const cache = keep();
  expect(cache.read({ of: "a" }, memoryTree(files))).toEqual(analysis);
  expect(cache.read({ of: "a" }, memoryTree({ ...files, "/usr/bin/other": "" }))).toEqual(analysis);
  expect(cache.read({ of: "b" }, memoryTree(files))).toBeUndefined();
});

it("notices every change of what was asked", () => {
  const cache = keep();
  for (const changed of [
    { ...files, "/usr/bin/a": "Content" },
    { ...files, "/usr/bin/a": { content: "content", mode: 0o644 } },
    { ...files, "/etc/x/2": "" },
    { ...files, "/none": "" },
    { ...files, "/bin": { link: "/etc" } },
  ])
    expect(cache.read({ of: "a" }, memoryTree(changed))).toBeUndefined();
});

it("takes a broken file for none", () => {
  const cache = keep();
  const version = readdirSync(join(folder, "analyses"))[0]!;
  const [file] = readdirSync(join(folder, "analyses", version));
  writeFileSync(join(folder, "analyses", version, file!), "{}");
  expect(cache.read({ of: "a" }, memoryTree(files))).toBeUndefined();
});
