import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { generateLinux } from "../../scripts/generate/linux.ts";

it.each(generateLinux())("$path is what its generator makes", ({ path, content }) => {
  expect(readFileSync(join(import.meta.dirname, "../..", path), "utf8")).toBe(content);
});
