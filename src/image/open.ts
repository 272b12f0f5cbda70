import { resolve } from "node:path";
import { CinchError, type Talk } from "../base/index.ts";
import { openEngine } from "./engine/open.ts";
import { dockerArchiveParts, ociArchiveParts } from "./oci/archived.ts";
import { ImageArchive } from "./oci/archive.ts";
import { folderParts } from "./oci/folder.ts";
import { type OpenImage, openLayers } from "./oci/open.ts";
import { isPlatform, parsePlatform, platformText } from "./oci/platform.ts";
import type { ImageParts } from "./oci/source.ts";

/** Where an image lies that no engine has. */
export type StoredForm = "registry" | "oci-dir" | "oci-archive" | "docker-archive";

/** An image: an engine's, or stored. */
export type ImagePlace =
  | { kind: "image"; engine: "docker" | "podman"; image: string; text: string }
  | { kind: "stored"; form: StoredForm; path: string; tag?: string; text: string };

export interface OpenImageOptions {
  /** "linux/arm64"; this machine's without. Of an engine's image there is one only. */
  platform?: string;
  talk?: Talk;
  signal?: AbortSignal;
}

/** An image that was found, and whose layers were not read yet. */
export interface LocatedImage extends Disposable {
  /** What names this image and no other. */
  digest: string;
  /** Reads the layers; once. The tree that it gives is the caller's to dispose of. */
  open(): Promise<OpenImage>;
}

/**
 * Finds an image: what is needed to know which one it is, and no more. Throws `no-image`, `no-platform`, `bad-image`,
 * `wrong-digest`, and what engines and registries say.
 */
export async function locateImage(place: ImagePlace, options: OpenImageOptions = {}): Promise<LocatedImage> {
  if (place.kind === "image") {
    await using engine = await openEngine(place.engine);
    const { id } = await engine.client.image(place.image);
    const open = async (): Promise<OpenImage> => opened(await savedParts(place, id, options), place, options);
    return { digest: id, open, [Symbol.dispose]() {} };
  }
  const parts = await storedParts(place, options);
  let isMine = true;
  return {
    digest: parts.parts.digest,
    open() {
      isMine = false;
      return opened(parts, place, options);
    },
    [Symbol.dispose]() {
      if (isMine) parts.close();
    },
  };
}

/**
 * Opens the files of an image: its layers, read once and checked, put on each other. Nothing is written but bytes of
 * compressed layers, to a file that has no name. Throws as `locateImage`, and `bad-layer`, `bad-tar`, `sparse-tar`,
 * `bad-compression`, `path-escape`, `link-escape`, `too-large`.
 */
export async function openImage(place: ImagePlace, options: OpenImageOptions = {}): Promise<OpenImage> {
  using image = await locateImage(place, options);
  return await image.open();
}

async function opened(
  { parts, close }: Parts,
  place: ImagePlace,
  options: OpenImageOptions,
): Promise<OpenImage> {
  const image = await openLayers(parts, { ...options, close });
  const wanted = options.platform === undefined ? undefined : parsePlatform(options.platform);
  if (wanted === undefined || isPlatform(wanted, image.platform)) return image;
  image.tree[Symbol.dispose]();
  throw new CinchError(
    "no-platform",
    `${place.text} is for ${platformText(image.platform)}, not for ${platformText(wanted)}`,
  );
}

interface Parts {
  parts: ImageParts;
  close: () => void;
}

/** What the engine writes when it saves the image. */
async function savedParts(
  { engine: name, text }: Extract<ImagePlace, { kind: "image" }>,
  id: string,
  { signal }: OpenImageOptions,
): Promise<Parts> {
  await using engine = await openEngine(name);
  const archive = await ImageArchive.receive(await engine.client.save(id, signal), text, signal);
  return await closing(archive, () => dockerArchiveParts(archive, undefined));
}

async function storedParts(
  { form, path, tag, text }: Extract<ImagePlace, { kind: "stored" }>,
  options: OpenImageOptions,
): Promise<Parts> {
  const platform = parsePlatform(options.platform);
  switch (form) {
    case "registry": {
      const { registryParts } = await import("./registry/pull.ts");
      return registryParts(path, platform, options);
    }
    case "oci-dir":
      return folderParts(resolve(path), tag, text, platform);
    case "oci-archive": {
      const archive = await ImageArchive.open(path, text, options.signal);
      return closing(archive, () => ociArchiveParts(archive, tag, platform));
    }
    case "docker-archive": {
      const archive = await ImageArchive.open(path, text, options.signal);
      return closing(archive, () => dockerArchiveParts(archive, tag));
    }
  }
}

async function closing(archive: ImageArchive, work: () => ImageParts | Promise<ImageParts>): Promise<Parts> {
  try {
    return { parts: await work(), close: () => archive.close() };
  } catch (error) {
    archive.close();
    throw error;
  }
}
