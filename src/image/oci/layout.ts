import { CinchError } from "../../base/index.ts";
import { digestOf, wrongDigest } from "../blob/digest.ts";
import { type Platform, choose } from "./platform.ts";
import {
  type Descriptor,
  type Index,
  MAX_CONFIG_BYTES,
  MAX_MANIFEST_BYTES,
  type Manifest,
  parseIndex,
  parseManifest,
} from "./schema.ts";
import type { Blob, ImageParts } from "./source.ts";

/** Indexes may hold indexes (image-spec, image-index.md); real ones go two deep. */
const MAX_DEPTH = 4;
const TAG = "org.opencontainers.image.ref.name";
/** What containerd and Docker call an image whose tag alone is in the standard annotation. */
const FULL_NAME = "io.containerd.image.name";

/** Where documents and blobs of one place are found by their digests. */
export interface Store {
  name: string;
  /** The bytes of a small document, not checked yet. At most `limit` of them. */
  document(descriptor: Descriptor, limit: number): Promise<Uint8Array>;
  layer(descriptor: Descriptor): Blob;
}

/** The image that a manifest, or one of an index's for the platform, describes. Throws `no-platform`, `wrong-digest`. */
export async function imageParts(store: Store, top: Descriptor, platform: Platform): Promise<ImageParts> {
  let descriptor = top;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const bytes = await checkedDocument(store, descriptor, MAX_MANIFEST_BYTES);
    const found = parseManifest(bytes, `${store.name}, manifest ${descriptor.digest}`);
    if (!("manifests" in found)) return partsOf(store, found, descriptor.digest);
    descriptor = choose(found.manifests, platform, store.name);
  }
  throw new CinchError("bad-image", `${store.name}: indexes in indexes, more than ${MAX_DEPTH} deep`);
}

/** The image of an OCI layout (image-spec, image-layout.md): by its tag, or the only one there is. */
export async function layoutParts(
  store: Store,
  indexBytes: Uint8Array,
  tag: string | undefined,
  platform: Platform,
): Promise<ImageParts> {
  const index = parseIndex(indexBytes, `${store.name}, index.json`);
  return imageParts(store, tagged(index, tag, store.name, platform), platform);
}

function tagged(index: Index, tag: string | undefined, name: string, platform: Platform): Descriptor {
  const { manifests } = index;
  const names = ({ annotations }: Descriptor): string[] =>
    [annotations?.[TAG], annotations?.[FULL_NAME]].filter((one) => one !== undefined);
  if (tag !== undefined) {
    const found = manifests.filter((one) => names(one).includes(tag));
    if (found.length > 1) return choose(found, platform, name);
    if (found.length === 1) return found[0]!;
    throw new CinchError("no-image", `${name} has no image '${tag}'`, {
      hint: listed(manifests.flatMap(names)),
    });
  }
  const tags = [...new Set(manifests.flatMap(names))];
  if (manifests.length === 1) return manifests[0]!;
  if (tags.length < 2 && manifests.length > 0) return choose(manifests, platform, name);
  throw new CinchError(
    manifests.length === 0 ? "no-image" : "ambiguous-target",
    `${name} has ${manifests.length} images`,
    { hint: listed(tags) },
  );
}

async function partsOf(store: Store, manifest: Manifest, digest: string): Promise<ImageParts> {
  return {
    name: store.name,
    digest,
    config: await checkedDocument(store, manifest.config, MAX_CONFIG_BYTES),
    layers: manifest.layers.map((layer) => store.layer(layer)),
  };
}

async function checkedDocument(store: Store, descriptor: Descriptor, limit: number): Promise<Uint8Array> {
  const what = `${store.name}, ${descriptor.digest}`;
  if (descriptor.size > limit)
    throw new CinchError(
      "too-large",
      `${what} is said to have ${descriptor.size} bytes; at most ${limit} are read`,
    );
  const bytes = await store.document(descriptor, limit);
  const found = digestOf(bytes, descriptor.digest);
  if (found !== descriptor.digest) throw wrongDigest(what, descriptor.digest, found);
  return bytes;
}

function listed(tags: readonly string[]): string {
  return tags.length === 0
    ? "none of its images has a name"
    : `it has ${tags.slice(0, 10).join(", ")}; name one after a colon`;
}
