import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fc, test as property } from "@fast-check/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CinchError } from "../../base/index.ts";
import { file, folder, hardlink, pax, symlink, tarOf } from "../../../test/support/tar-archive.ts";
import { type TarEntry, TarReader } from "./reader.ts";

function read(archive: Uint8Array, piece = archive.length || 1): TarEntry[] {
  const entries: TarEntry[] = [];
  const reader = new TarReader("the archive", (entry) => entries.push(entry));
  for (let at = 0; at < archive.length; at += piece) reader.push(archive.subarray(at, at + piece));
  reader.end();
  return entries;
}

const failure = (code: string, text: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(text) as string }) as unknown;

describe("what GNU tar writes", () => {
  let place: string;
  const long = `deep/${"folder-with-a-long-name/".repeat(9)}${"f".repeat(120)}`;
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), "cinch-tar-"));
    mkdirSync(join(place, "in", long, ".."), { recursive: true });
    writeFileSync(join(place, "in", long), "far down");
    writeFileSync(join(place, "in/ünïcode"), "x".repeat(1000));
    writeFileSync(join(place, "in/tool"), "#!/bin/sh\n");
    chmodSync(join(place, "in/tool"), 0o4755);
    symlinkSync(`/${long}`, join(place, "in/link"));
    linkSync(join(place, "in/tool"), join(place, "in/zweit"));
    execFileSync("mkfifo", [join(place, "in/pipe")]);
  });
  afterAll(() => rmSync(place, { recursive: true }));

  for (const format of ["gnu", "pax", "posix", "oldgnu"]) {
    it(`--format=${format}: the same entries, however the bytes arrive`, () => {
      const args = ["--format", format, "--sort=name", "-C", join(place, "in"), "-c", "."];
      const archive = execFileSync("tar", args, { maxBuffer: 1 << 24 });
      const entries = read(archive);
      const found = Object.fromEntries(entries.map((entry) => [entry.name, entry]));
      expect(found[`./${long}`]).toMatchObject({ kind: "file", size: 8 });
      expect(found["./ünïcode"]).toMatchObject({ kind: "file", size: 1000 });
      expect(found["./tool"]).toMatchObject({ kind: "file", mode: 0o4755 });
      expect(found["./link"]).toMatchObject({ kind: "symlink", link: `/${long}`, size: 0 });
      expect(found["./zweit"]).toMatchObject({ kind: "hardlink", link: "./tool" });
      expect(found["./pipe"]).toMatchObject({ kind: "fifo" });
      expect(found["./deep/"]).toMatchObject({ kind: "directory" });
      const { offset, size } = found[`./${long}`]!;
      expect(archive.toString("utf8", offset, offset + size)).toBe("far down");
      for (const piece of [1, 511, 513]) expect(read(archive, piece)).toEqual(entries);
    });
  }

  it("a number beyond eight octal digits", () => {
    const archive = execFileSync("tar", ["--owner=:3000000", "-C", place, "-c", "in/tool"], {
      maxBuffer: 1 << 20,
    });
    expect(read(archive)[0]).toMatchObject({ uid: 3_000_000 });
  });
});

describe("what no tool writes", () => {
  const whole = tarOf([folder("etc/"), file("etc/hosts", "127.0.0.1")]);

  it("names what is wrong, and where", () => {
    expect(() => read(tarOf([{ ...file("x"), checksum: 1 }]))).toThrow(
      failure("bad-tar", /byte 0: .*checksum is 1/),
    );
    expect(() => read(tarOf([{ name: "x", type: "V" }]))).toThrow(failure("bad-tar", /the type 'V'/));
    expect(() => read(Buffer.alloc(700, 1))).toThrow(failure("bad-tar", /octal|checksum/));
    expect(() => read(tarOf([{ name: "n", type: "L", size: 2 ** 30 }]))).toThrow(
      failure("bad-tar", /1073741824 bytes/),
    );
    expect(() => read(tarOf([pax({ size: "-1" }), file("x")]))).toThrow(failure("bad-tar", /pax size '-1'/));
    expect(() => read(tarOf([{ name: "p", type: "x", content: "9 a=b" }]))).toThrow(
      failure("bad-tar", /pax record/),
    );
    expect(() => read(tarOf([pax({ path: "a" }, "g"), file("x")]))).toThrow(failure("bad-tar", /global/));
    expect(() => read(tarOf([pax({ path: "a" })]))).toThrow(failure("bad-tar", /without its entry/));
  });

  it("refuses files with holes, in all three ways of writing them", () => {
    expect(() => read(tarOf([{ name: "x", type: "S" }]))).toThrow(failure("sparse-tar", /holes/));
    expect(() => read(tarOf([pax({ "GNU.sparse.major": "1" }), file("x")]))).toThrow(
      failure("sparse-tar", /holes/),
    );
    const place = mkdtempSync(join(tmpdir(), "cinch-sparse-"));
    try {
      execFileSync("truncate", ["-s", "10M", join(place, "hole")]);
      const archive = execFileSync("tar", ["--sparse", "-C", place, "-c", "hole"], { maxBuffer: 1 << 24 });
      expect(() => read(archive)).toThrow(failure("sparse-tar", /holes/));
    } finally {
      rmSync(place, { recursive: true });
    }
  });

  it("tells an archive that was cut off, but not one that only lacks its last blocks", () => {
    for (const length of [1, 511, 513 + 512, 1500])
      expect(() => read(whole.subarray(0, length))).toThrow(failure("truncated", /ends inside an entry/));
    expect(read(whole.subarray(0, 1536))).toHaveLength(2);
    expect(read(Buffer.alloc(0))).toEqual([]);
  });

  it("reads nothing behind the end", () => {
    expect(read(Buffer.concat([whole, tarOf([file("hidden")])]))).toHaveLength(2);
  });

  it("keeps names apart that are not UTF-8", () => {
    const names = [0xe4, 0xf6].map((byte) => {
      const archive = tarOf([file("x")]);
      archive[0] = byte;
      let sum = 256;
      for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += archive[i]!;
      archive.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
      return read(archive)[0]!.name;
    });
    expect(names).toEqual([String.raw`\xe4`, String.raw`\xf6`]);
  });
});

property.prop([
  fc.array(fc.tuple(fc.nat(5000), fc.nat(255)), { maxLength: 8 }),
  fc.integer({ min: 1, max: 700 }),
])("a damaged archive is read or refused, and offsets stay inside what it claims", (changes, piece) => {
  const archive = tarOf([
    pax({ path: "usr/bin/program", uid: "7" }),
    file("short", "x".repeat(900)),
    symlink("link", "short"),
    hardlink("again", "short"),
    { name: "n", type: "L", content: "long".repeat(40) },
    file("n", "content"),
  ]);
  for (const [at, byte] of changes) if (at < archive.length) archive[at] = byte;
  try {
    for (const entry of read(archive, piece)) expect(entry.offset).toBeGreaterThan(0);
  } catch (error) {
    expect(error).toBeInstanceOf(CinchError);
  }
});
