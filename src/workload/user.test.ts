import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { resolveUser } from "./user.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "cinch-user-"));
  mkdirSync(join(root, "etc"));
  writeFileSync(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\nbroken\nbad:x:y:z::/:\n",
  );
  writeFileSync(
    join(root, "etc/group"),
    "root:x:0:\nwww-data:x:33:\nssl:x:111:www-data,other\nadm:x:4:other\n",
  );
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test.each([
  ["", { uid: 0, gid: 0, groups: [], home: "/root" }],
  ["www-data", { uid: 33, gid: 33, groups: [111], home: "/var/www" }],
  ["33", { uid: 33, gid: 33, groups: [111], home: "/var/www" }],
  ["www-data:ssl", { uid: 33, gid: 111, groups: [], home: "/var/www" }],
  ["1000", { uid: 1000, gid: 0, groups: [], home: "/" }],
  ["1000:1000", { uid: 1000, gid: 1000, groups: [], home: "/" }],
])("'%s'", (text, user) => {
  expect(resolveUser(text, root)).toEqual(user);
});

test("names that are not there", () => {
  expect(() => resolveUser("nobody", root)).toThrow("there is no user 'nobody'");
  expect(() => resolveUser("root:wheel", root)).toThrow("there is no group 'wheel'");
  // A root folder without /etc/passwd knows numbers alone.
  expect(resolveUser("5:6", "/nonexistent")).toMatchObject({ uid: 5, gid: 6 });
  expect(() => resolveUser("bad", root)).toThrow("there is no user 'bad'");
});
