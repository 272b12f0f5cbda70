import { fc, test as property } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { scriptInterpreter } from "./programs.ts";

test.each([
  ["#!/bin/sh\necho", "/bin/sh"],
  ["#! \t/usr/bin/env -S node\n", "/usr/bin/env"],
  ["#!/bin/sh", "/bin/sh"],
  ["#!/bin/sh\r\n", "/bin/sh\r"],
  ["#!\n/bin/sh", undefined],
  ["# !/bin/sh", undefined],
  ["", undefined],
])("the first line %j names %j", (text, expected) => {
  expect(scriptInterpreter(Buffer.from(text))).toBe(expected);
});

property.prop([fc.uint8Array({ maxLength: 400 })])("any bytes give a word or nothing", (bytes) => {
  const found = scriptInterpreter(Buffer.concat([Buffer.from("#!"), bytes]));
  expect(found === undefined || (found.length > 0 && !/[ \t\n\0]/.test(found))).toBe(true);
});
