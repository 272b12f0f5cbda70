import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { tarOf } from "./tar-archive.ts";

/** A document or a layer, with what a manifest says of it. */
export interface StoredBlob {
  bytes: Buffer;
  descriptor: { mediaType: string; digest: string; size: number };
}

export function blobOf(bytes: Buffer, mediaType = "application/octet-stream"): StoredBlob {
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  return { bytes, descriptor: { mediaType, digest, size: bytes.length } };
}

export const jsonBlob = (value: unknown, mediaType?: string): StoredBlob =>
  blobOf(Buffer.from(JSON.stringify(value)), mediaType);

export type Compression = "none" | "gzip" | "zstd";

const COMPRESS: Readonly<Record<Compression, (bytes: Buffer) => Buffer>> = {
  none: (bytes) => bytes,
  gzip: gzipSync,
  zstd: zstdCompressSync,
};

/** An image of the layers (tar archives), in the terms of the OCI image-spec. */
export function imageOf(
  layers: readonly Buffer[],
  {
    compression = "gzip",
    architecture = "amd64",
    config = {},
  }: {
    compression?: Compression;
    architecture?: string;
    config?: object;
  } = {},
): { manifest: StoredBlob; config: StoredBlob; layers: StoredBlob[]; blobs: StoredBlob[] } {
  const stored = layers.map((layer) =>
    blobOf(COMPRESS[compression](layer), `application/vnd.oci.image.layer.v1.tar`),
  );
  const document = jsonBlob(
    {
      os: "linux",
      architecture,
      config,
      rootfs: { type: "layers", diff_ids: layers.map((layer) => blobOf(layer).descriptor.digest) },
    },
    "application/vnd.oci.image.config.v1+json",
  );
  const manifest = jsonBlob(
    {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: document.descriptor,
      layers: stored.map(({ descriptor }) => descriptor),
    },
    "application/vnd.oci.image.manifest.v1+json",
  );
  return { manifest, config: document, layers: stored, blobs: [manifest, document, ...stored] };
}

/** The files of an OCI layout: its index lists `manifests`, as they are given. */
export function layoutFiles(manifests: readonly object[], blobs: readonly StoredBlob[]): Map<string, Buffer> {
  return new Map([
    ["oci-layout", Buffer.from('{"imageLayoutVersion":"1.0.0"}')],
    ["index.json", Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }))],
    ...blobs.map(({ bytes, descriptor }): [string, Buffer] => [
      `blobs/${descriptor.digest.replace(":", "/")}`,
      bytes,
    ]),
  ]);
}

export function writeFiles(folder: string, files: ReadonlyMap<string, Buffer>): void {
  for (const [path, bytes] of files) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

export function archiveOf(files: ReadonlyMap<string, Buffer>): Buffer {
  return tarOf([...files].map(([name, content]) => ({ name, content })));
}
