import { mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ExistingFile, Spool } from "./byte-file.ts";
import { decompress } from "./decompress.ts";

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "cinch-bytes-"))));
afterAll(() => rmSync(folder, { recursive: true }));

it("keeps bytes in a file without a name, and gives them back by their place", () => {
  const spool = new Spool("the layer", { folder });
  spool.write(Buffer.from("first"));
  spool.write(Buffer.from("second"));
  expect(readdirSync(folder)).toEqual([]);
  expect(Buffer.from(spool.read(5, 6)).toString()).toBe("second");
  expect(() => spool.read(5, 7)).toThrow(expect.objectContaining({ code: "truncated" }));
  spool.close();
});

it("a bomb is stopped on the way, at what there is room for", async () => {
  const limit = 3 << 20;
  const spool = new Spool("the bomb", { folder, limit });
  // 64 MiB of zeros in 64 KiB.
  const bomb = gzipSync(Buffer.alloc(64 << 20));
  const { chunks } = await decompress(
    (async function* () {
      yield bomb;
    })(),
    "the bomb",
  );
  const fill = async (): Promise<void> => {
    for await (const chunk of chunks) spool.write(chunk);
  };
  await expect(fill()).rejects.toMatchObject({
    code: "too-large",
    message: expect.stringContaining("more than 3 MiB when unpacked") as string,
    hint: expect.stringContaining("TMPDIR") as string,
  });
  expect(spool.size).toBeLessThanOrEqual(limit);
  spool.close();
});

it("without a limit of its own takes three quarters of the free space at most", () => {
  const { bavail, bsize } = statfsSync(folder);
  const spool = new Spool("the layer", { folder });
  spool.size = Math.min(64 * 1024 ** 3, bavail * bsize);
  expect(() => spool.write(Buffer.alloc(1))).toThrow(expect.objectContaining({ code: "too-large" }));
  spool.close();
});

it("a file that is there is read by its places; a folder is none", () => {
  writeFileSync(join(folder, "file"), "0123456789");
  const file = new ExistingFile(join(folder, "file"));
  expect(file.size).toBe(10);
  expect(Buffer.from(file.read(3, 4)).toString()).toBe("3456");
  file.close();
  expect(() => new ExistingFile(folder)).toThrow(expect.objectContaining({ code: "bad-target" }));
  expect(() => new ExistingFile(join(folder, "none"))).toThrow(
    expect.objectContaining({ code: "unreadable" }),
  );
});
