import { expect, test } from "vitest";
import { fc, test as property } from "@fast-check/vitest";
import { covering, foldersAbove, isNormal, withoutCovered } from "./paths.ts";

const anyPath = fc
  .tuple(fc.array(fc.constantFrom("a", "b", "ab"), { maxLength: 4 }), fc.boolean())
  .map(([parts, isFolder]) => (parts.length === 0 ? "/" : `/${parts.join("/")}${isFolder ? "/" : ""}`));
const anyPaths = fc.array(anyPath, { maxLength: 6 });

/** By the words of the model, one by one. */
const says = (entry: string, path: string): boolean =>
  entry.endsWith("/") ? path.startsWith(entry) || `${path}/` === entry : entry === path;

property.prop([anyPaths, anyPath])("a look-up finds what one of the entries covers", (paths, path) => {
  const found = covering(paths)(path);
  expect(found !== undefined).toBe(paths.some((entry) => says(entry, path)));
  if (found !== undefined) expect(says(found, path)).toBe(true);
});

property.prop([anyPaths, anyPath])("what is covered can be left out", (paths, path) => {
  const few = withoutCovered(paths);
  expect(covering(few)(path) !== undefined).toBe(covering(paths)(path) !== undefined);
  expect(few.filter((one) => few.some((other) => other !== one && says(other, one)))).toEqual([]);
});

test("the folders above a path", () => {
  expect([...foldersAbove("/a/b/c")]).toEqual(["/a/b/", "/a/", "/"]);
  expect([...foldersAbove("/a/b/")]).toEqual(["/a/", "/"]);
  expect([...foldersAbove("/")]).toEqual([]);
});

test.each([
  ["/", true],
  ["/a/b", true],
  ["/.a/..b/...", true],
  ["/a/", false],
  ["/a//b", false],
  ["/a/./b", false],
  ["/a/..", false],
  ["a", false],
  ["", false],
  ["/a\0b", false],
])("%j in normal form: %j", (path, expected) => {
  expect(isNormal(path)).toBe(expected);
});
