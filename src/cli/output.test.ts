import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkOutputs, parseOutput } from "./output.ts";

const folder = mkdtempSync(join(tmpdir(), "cinch-output-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("parseOutput", () => {
  it.each([
    ["json", { format: "json" }],
    ["json=-", { format: "json" }],
    ["seccomp=a=b.json", { format: "seccomp", file: "a=b.json" }],
  ])("reads %s", (text, output) => {
    expect(parseOutput(text)).toEqual(output);
  });

  it.each(["", "=x", "json="])("refuses '%s'", (text) => {
    expect(() => parseOutput(text)).toThrow(/FORMAT\[=FILE\]/);
  });
});

describe("checkOutputs", () => {
  it("accepts one document for standard output and any number of files", () => {
    const outputs = [{ format: "a" }, { format: "b", file: "b" }, { format: "b", file: "c" }];
    expect(() => checkOutputs(outputs, ["a", "b"], folder)).not.toThrow();
  });

  it("names the formats when it refuses one", () => {
    expect(() => checkOutputs([{ format: "sarif" }], ["json", "verdict"], folder)).toThrow(
      expect.objectContaining({ code: "unknown-format", hint: "the formats are json, verdict" }),
    );
  });

  it("refuses two documents for one place", () => {
    const twice: unknown = expect.objectContaining({ code: "output-twice" });
    expect(() => checkOutputs([{ format: "a" }, { format: "b" }], ["a", "b"], folder)).toThrow(twice);
    const files = [
      { format: "a", file: "x" },
      { format: "b", file: "./x" },
    ];
    expect(() => checkOutputs(files, ["a", "b"], folder)).toThrow(twice);
  });

  it("refuses a folder that is not there", () => {
    expect(() => checkOutputs([{ format: "a", file: "no/where.json" }], ["a"], folder)).toThrow(
      expect.objectContaining({ code: "no-folder" }),
    );
  });
});
