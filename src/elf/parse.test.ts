import { readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { parseElf } from "./index.ts";

test("what is no ELF file is refused with what was found", () => {
  expect(() => parseElf(Buffer.from("#!/bin/sh\n"), "script")).toThrow(
    /script is no ELF file: it starts with "23212f62"/,
  );
  expect(() => parseElf(new Uint8Array(0), "empty")).toThrow(/starts with ""/);
});

test("a program of this machine is read as readelf reads it", () => {
  const path = process.execPath;
  const elf = parseElf(readFileSync(path), path);
  const header = execFileSync("readelf", ["-hlW", path], { encoding: "utf8" });
  expect(elf.entry).toBe(Number(/Entry point address:\s+(\S+)/.exec(header)![1]));
  expect(elf.interpreter).toBe(/interpreter: (\S+)\]/.exec(header)?.[1]);
});
