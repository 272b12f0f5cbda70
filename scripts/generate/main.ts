/**
 * `node scripts/generate/main.ts` writes every generated file; with `--check` it writes none and exits with 1 if one
 * that is checked in differs from what its generator makes.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generateCliDocs } from "./cli.ts";
import type { Generated } from "./generated.ts";
import { generateLinux } from "./linux.ts";
import { generateSchemas } from "./schemas.ts";

const ROOT = join(import.meta.dirname, "../..");
const check = process.argv.includes("--check");

const generated: Generated[] = [...generateLinux(), ...generateSchemas(), ...generateCliDocs()];
const stale = generated.filter(({ path, content }) => read(path) !== content);

if (check) {
  for (const { path } of stale)
    console.error(`${path} differs from what its generator makes: npm run generate`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  for (const { path, content } of stale) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), content);
    console.error(`${path} written`);
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(join(ROOT, path), "utf8");
  } catch {
    return undefined;
  }
}
