import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { fc, test as property } from "@fast-check/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Compression,
  archiveOf,
  blobOf,
  imageOf,
  jsonBlob,
  layoutFiles,
  writeFiles,
} from "../../test/support/image-layout.ts";
import { file, folder, symlink, tarOf } from "../../test/support/tar-archive.ts";
import { CinchError } from "../base/index.ts";
import type { OpenImage } from "./oci/open.ts";
import { type OpenImageOptions, type StoredForm, openImage } from "./open.ts";

const matching = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

let place: string;
beforeAll(() => (place = mkdtempSync(join(tmpdir(), "cinch-images-"))));
afterAll(() => rmSync(place, { recursive: true }));

const lower = tarOf([
  folder("etc"),
  file("etc/motd", "below"),
  file("usr/bin/sh", "#!shell", 0o755),
  symlink("bin", "usr/bin"),
]);
const upper = tarOf([file("etc/motd", "above"), file("srv/data", "x".repeat(3000))]);
const config = { Entrypoint: ["/bin/sh"], Env: ["A=1"], ExposedPorts: { "80/tcp": {} }, User: "www" };

let count = 0;
function stored(files: ReadonlyMap<string, Buffer>, how: "folder" | "archive" | "gzip" = "folder"): string {
  const path = join(place, `${(count += 1)}`);
  if (how === "folder") writeFiles(path, files);
  else writeFileSync(path, how === "gzip" ? gzipSync(archiveOf(files)) : archiveOf(files));
  return path;
}

function open(
  form: StoredForm,
  path: string,
  more: { tag?: string } & OpenImageOptions = {},
): Promise<OpenImage> {
  const { tag, ...options } = more;
  return openImage(
    { kind: "stored", form, path, text: `${form}:${path}`, ...(tag !== undefined && { tag }) },
    options,
  );
}

async function refusal(
  form: StoredForm,
  path: string,
  more?: { tag?: string } & OpenImageOptions,
): Promise<CinchError> {
  try {
    const { tree } = await open(form, path, more);
    tree[Symbol.dispose]();
  } catch (error) {
    expect(error).toBeInstanceOf(CinchError);
    return error as CinchError;
  }
  throw new Error("it was opened");
}

function expectWhole({ tree, config: found, platform }: OpenImage): void {
  expect(Buffer.from(tree.read("/etc/motd")!).toString()).toBe("above");
  expect(Buffer.from(tree.read("/bin/sh")!).toString()).toBe("#!shell");
  expect(tree.read("/srv/data")).toHaveLength(3000);
  expect(found).toMatchObject({
    entrypoint: ["/bin/sh"],
    env: ["A=1"],
    exposedPorts: ["80/tcp"],
    user: "www",
  });
  expect(platform).toMatchObject({ os: "linux", architecture: "amd64" });
  tree[Symbol.dispose]();
}

describe("the same image, wherever it lies", () => {
  for (const compression of ["none", "gzip", "zstd"] satisfies Compression[]) {
    const image = imageOf([lower, upper], { compression, config });
    const files = layoutFiles([image.manifest.descriptor], image.blobs);
    it(`layers with compression: ${compression}`, async () => {
      expectWhole(await open("oci-dir", stored(files)));
      expectWhole(await open("oci-archive", stored(files, "archive")));
      expectWhole(await open("oci-archive", stored(files, "gzip")));
      expect((await open("oci-dir", stored(files))).digest).toBe(image.manifest.descriptor.digest);
    });
  }

  const image = imageOf([lower, upper], { config });
  const saved = (members: object[]): Map<string, Buffer> =>
    new Map([
      ["manifest.json", Buffer.from(JSON.stringify(members))],
      ["config.json", image.config.bytes],
      ["a/layer.tar", lower],
      ["b/layer.tar", upper],
    ]);
  const member = { Config: "config.json", RepoTags: ["shop:1"], Layers: ["a/layer.tar", "b/layer.tar"] };

  it("as docker save writes it, by name where there are several", async () => {
    expectWhole(await open("docker-archive", stored(saved([member]), "archive")));
    const two = stored(saved([member, { ...member, RepoTags: null }]), "archive");
    expectWhole(await open("docker-archive", two, { tag: "shop:1" }));
    expect(await refusal("docker-archive", two)).toMatchObject({
      code: "ambiguous-target",
      hint: matching(/shop:1/),
    });
    expect(await refusal("docker-archive", two, { tag: "shop:2" })).toMatchObject({ code: "no-image" });
  });

  it("with a layer that is a link, as older versions of docker save have it", async () => {
    const files = saved([{ ...member, Layers: ["a/layer.tar", "c/layer.tar"] }]);
    const path = stored(files, "archive");
    writeFileSync(
      path,
      tarOf(
        [...files]
          .map(([name, content]) => ({ name, content }))
          .concat(symlink("c/layer.tar", "../b/layer.tar") as never),
      ),
    );
    expectWhole(await open("docker-archive", path));
  });

  it("the platform that is asked for, of those that an index has", async () => {
    const arm = imageOf([tarOf([file("arm", "yes")])], { architecture: "arm64" });
    const index = jsonBlob({
      schemaVersion: 2,
      manifests: [
        { ...arm.manifest.descriptor, platform: { os: "linux", architecture: "arm64", variant: "v8" } },
        { ...image.manifest.descriptor, platform: { os: "linux", architecture: "amd64" } },
        { ...image.manifest.descriptor, platform: { os: "unknown", architecture: "unknown" } },
      ],
    });
    const tagged = { ...index.descriptor, annotations: { "org.opencontainers.image.ref.name": "v1" } };
    const path = stored(layoutFiles([tagged], [index, ...arm.blobs, ...image.blobs]));
    expectWhole(await open("oci-dir", path, { platform: "linux/amd64" }));
    for (const platform of ["linux/arm64", "linux/arm64/v8", "linux/aarch64"]) {
      const { tree } = await open("oci-dir", path, { tag: "v1", platform });
      expect(tree.list("/")).toEqual(["arm"]);
    }
    expect(await refusal("oci-dir", path, { platform: "linux/s390x" })).toMatchObject({
      code: "no-platform",
      message: matching(/it has linux\/amd64, linux\/arm64\/v8$/),
    });
    expect(await refusal("oci-dir", path, { tag: "v2" })).toMatchObject({
      code: "no-image",
      hint: matching(/it has v1/),
    });
    const single = stored(layoutFiles([image.manifest.descriptor], image.blobs));
    expect(await refusal("oci-dir", single, { platform: "linux/arm64" })).toMatchObject({
      code: "no-platform",
    });
  });

  it("frames that follow each other, and frames to be skipped (zstd:chunked, eStargz)", async () => {
    const half = lower.length / 2;
    const skipped = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
    for (const compression of ["gzip", "zstd"] satisfies Compression[]) {
      const parts = imageOf([lower.subarray(0, half), lower.subarray(half)], { compression }).layers;
      const bytes = Buffer.concat([
        parts[0]!.bytes,
        parts[1]!.bytes,
        compression === "zstd" ? skipped : Buffer.alloc(0),
      ]);
      const layer = blobOf(bytes);
      const document = imageOf([lower], { config }).config;
      const manifest = jsonBlob({
        schemaVersion: 2,
        config: document.descriptor,
        layers: [layer.descriptor],
      });
      const { tree } = await open(
        "oci-dir",
        stored(layoutFiles([manifest.descriptor], [manifest, document, layer])),
      );
      expect(Buffer.from(tree.read("/etc/motd")!).toString()).toBe("below");
    }
  });
});

describe("what is wrong is refused, and nothing is left behind", () => {
  const image = imageOf([lower, upper], { config });
  const good = layoutFiles([image.manifest.descriptor], image.blobs);
  const path = (i: number): string => `blobs/${image.blobs[i]!.descriptor.digest.replace(":", "/")}`;
  const changed = (name: string, bytes: Buffer): string => stored(new Map([...good, [name, bytes]]));

  it("bytes that are not those of their digests", async () => {
    for (const i of [0, 1]) {
      const bytes = Buffer.from(
        image.blobs[i]!.bytes.toString().replace("linux", "lunix").replace("sha256", "sha256"),
      );
      bytes[bytes.length - 2] = bytes[bytes.length - 2]! ^ 1;
      expect(await refusal("oci-dir", changed(path(i), bytes))).toMatchObject({
        code: matching(/wrong-digest|bad-image/),
      });
    }
    const layer = Buffer.from(image.layers[1]!.bytes);
    layer[5] = layer[5]! ^ 0xff;
    expect(await refusal("oci-dir", changed(path(3), layer))).toMatchObject({ code: "wrong-digest" });
    const other = imageOf([lower, tarOf([file("etc/motd", "swapped")])]).layers[1]!.bytes;
    expect(await refusal("oci-dir", changed(path(3), other))).toMatchObject({ code: "wrong-size" });
  });

  it("a layer that unpacks to something else than the config says", async () => {
    const document = imageOf([lower, lower], { config }).config;
    const manifest = jsonBlob({
      schemaVersion: 2,
      config: document.descriptor,
      layers: image.layers.map(({ descriptor }) => descriptor),
    });
    const files = layoutFiles([manifest.descriptor], [manifest, document, ...image.layers]);
    expect(await refusal("oci-dir", stored(files))).toMatchObject({
      code: "wrong-digest",
      message: matching(/unpacked/),
    });
  });

  it("archives that end too early, blobs that are missing, and what is no image", async () => {
    const whole = archiveOf(good);
    for (const length of [600, 3000, whole.length - 1600]) {
      const cut = join(place, `cut-${length}`);
      writeFileSync(cut, whole.subarray(0, length));
      expect((await refusal("oci-archive", cut)).code).toMatch(/truncated|bad-image/);
    }
    const without = new Map(good);
    without.delete(path(2));
    expect(await refusal("oci-dir", stored(without))).toMatchObject({ code: "unreadable" });
    expect(await refusal("oci-archive", stored(without, "archive"))).toMatchObject({ code: "bad-image" });
    expect(await refusal("oci-dir", place)).toMatchObject({ code: "bad-image", hint: matching(/skopeo/) });
    expect(await refusal("docker-archive", stored(good, "archive"))).toMatchObject({
      hint: matching(/oci-archive/),
    });
    const xz = join(place, "xz");
    writeFileSync(xz, execFileSync("xz", ["-c"], { input: whole }));
    expect(await refusal("oci-archive", xz)).toMatchObject({
      code: "bad-compression",
      message: matching(/xz/),
    });
  });

  it("leaves no file of its own", async () => {
    const own = mkdtempSync(join(tmpdir(), "cinch-spools-"));
    process.env["TMPDIR"] = own;
    try {
      const opened = await open("oci-dir", stored(good));
      expect(readdirSync(own)).toEqual([]);
      opened.tree[Symbol.dispose]();
      await refusal("oci-dir", changed(path(3), Buffer.alloc(10)));
      expect(readdirSync(own)).toEqual([]);
    } finally {
      delete process.env["TMPDIR"];
      rmSync(own, { recursive: true });
    }
  });

  property.prop([fc.integer({ min: 0, max: 3 }), fc.nat(4000), fc.nat(255)], { numRuns: 60 })(
    "one changed byte anywhere is noticed",
    async (i, at, byte) => {
      const { bytes } = image.blobs[i]!;
      const damaged = Buffer.from(bytes);
      damaged[at % bytes.length] = byte;
      if (damaged.equals(bytes)) return;
      expect((await refusal("oci-dir", changed(path(i), damaged))).code).toMatch(/^(wrong-digest|bad-)/);
    },
  );

  const json = fc.jsonValue({ maxDepth: 4 });
  property.prop([json, json, json], { numRuns: 100 })(
    "documents of any kind are read or refused",
    async (index, manifest, document) => {
      const written = jsonBlob({ schemaVersion: 2, config: jsonBlob(document).descriptor, layers: manifest });
      const both = [layoutFiles([written.descriptor], [written, jsonBlob(document)]), layoutFiles([], [])];
      both[1]!.set("index.json", Buffer.from(JSON.stringify(index)));
      for (const files of both) expect(await refusal("oci-dir", stored(files))).toBeInstanceOf(CinchError);
      const archive = new Map([
        ["manifest.json", Buffer.from(JSON.stringify([{ Config: "c", Layers: manifest }]))],
      ]);
      expect(await refusal("docker-archive", stored(archive, "archive"))).toBeInstanceOf(CinchError);
    },
  );
});
