import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as property } from "@fast-check/vitest";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { moduleOf } from "../../../test/support/code-module.ts";
import { Flow } from "../flow/flow.ts";
import { SummaryCache } from "./cache.ts";
import { type Summary, decodeSummary, encodeSummary } from "./summary.ts";

function sample(): Summary {
  const { module, syscalls } = moduleOf("85ff 7407 b801000000 eb05 b802000000 0f05 c3 cd80 c3");
  const value = new Flow(module, 0).valueAt(syscalls[0]!, { register: 0 });
  return { code: module.code, facts: new Map([["a|b", value]]) };
}

describe("summaries", () => {
  it("come back as they were", () => {
    const summary = sample();
    expect(decodeSummary(encodeSummary(summary))).toEqual(summary);
  });

  property.prop([fc.nat(), fc.integer({ min: 1, max: 255 })])(
    "changed bytes are not taken for one",
    (at, by) => {
      const bytes = encodeSummary(sample());
      bytes[at % bytes.length]! ^= by;
      expect(decodeSummary(bytes)).toBeUndefined();
    },
  );

  property.prop([fc.uint8Array({ maxLength: 400 })])("neither are any others", (bytes) => {
    expect(decodeSummary(bytes)).toBeUndefined();
  });

  property.prop([fc.nat()])("nor one that is cut short", (length) => {
    const bytes = encodeSummary(sample());
    expect(decodeSummary(bytes.subarray(0, length % bytes.length))).toBeUndefined();
  });
});

describe("SummaryCache", () => {
  const digest = `sha256:${"ab".repeat(32)}`;
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "cinch-cache-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("keeps and gives, and leaves nothing else behind", () => {
    const cache = new SummaryCache(folder);
    expect(cache.read(digest)).toBeUndefined();
    cache.write(digest, sample());
    cache.write(digest, sample());
    expect(new SummaryCache(folder).read(digest)).toEqual(sample());
    const [version] = readdirSync(join(folder, "modules"));
    expect(readdirSync(join(folder, "modules", version!))).toHaveLength(1);
  });

  it("is nothing where it cannot be written", () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    chmodSync(file, 0o400);
    const cache = new SummaryCache(file);
    expect(() => cache.write(digest, sample())).not.toThrow();
    expect(cache.read(digest)).toBeUndefined();
    expect(readFileSync(file, "utf8")).toBe("");
  });
});
