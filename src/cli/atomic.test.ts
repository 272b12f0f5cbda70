import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeFiles } from "./atomic.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cinch-atomic-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("writeFiles", () => {
  it("writes all files and leaves nothing else behind", () => {
    writeFiles(
      new Map([
        [join(folder, "a"), "one"],
        [join(folder, "b"), "two"],
      ]),
    );
    expect(readdirSync(folder).sort()).toEqual(["a", "b"]);
    expect(readFileSync(join(folder, "b"), "utf8")).toBe("two");
  });

  it("changes no file when one of them cannot be written", () => {
    const a = join(folder, "a");
    writeFileSync(a, "before");
    const files = new Map([
      [a, "after"],
      [join(folder, "missing", "b"), "two"],
    ]);
    expect(() => writeFiles(files)).toThrow(expect.objectContaining({ code: "unwritable" }));
    expect(readFileSync(a, "utf8")).toBe("before");
    expect(readdirSync(folder)).toEqual(["a"]);
  });

  it("keeps the mode of a file and a symbolic link as it is", () => {
    const real = join(folder, "real");
    const link = join(folder, "link");
    writeFileSync(real, "before");
    chmodSync(real, 0o640);
    symlinkSync("real", link);
    writeFiles(new Map([[link, "after"]]));
    expect(readFileSync(real, "utf8")).toBe("after");
    expect(statSync(real).mode & 0o777).toBe(0o640);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  it("writes into what is no file, and refuses a folder", () => {
    writeFiles(new Map([["/dev/null", "gone"]]));
    mkdirSync(join(folder, "d"));
    expect(() => writeFiles(new Map([[join(folder, "d"), "x"]]))).toThrow(
      expect.objectContaining({ code: "unwritable" }),
    );
  });
});
