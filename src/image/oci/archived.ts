import { CinchError } from "../../base/index.ts";
import { digestOf } from "../blob/digest.ts";
import type { ImageArchive } from "./archive.ts";
import { layoutParts } from "./layout.ts";
import type { Platform } from "./platform.ts";
import { MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES, parseSaved } from "./schema.ts";
import type { ImageParts } from "./source.ts";

/** The image of an archive in the OCI layout (`podman save --format oci-archive`, `skopeo copy … oci-archive:FILE`). */
export async function ociArchiveParts(
  archive: ImageArchive,
  tag: string | undefined,
  platform: Platform,
): Promise<ImageParts> {
  const path = (digest: string): string => `blobs/${digest.replace(":", "/")}`;
  return layoutParts(
    {
      name: archive.name,
      document: async ({ digest }, limit) => archive.read(path(digest), limit),
      layer: (layer) => archive.blob(path(layer.digest), `layer ${layer.digest.slice(0, 19)}`, layer),
    },
    archive.read("index.json", MAX_MANIFEST_BYTES),
    tag,
    platform,
  );
}

/**
 * The image of an archive that `docker save` or `podman save` wrote. It has no digests but those that the config gives of
 * the layers' unpacked bytes, so the config's own digest names the image, as it does in Docker.
 */
export function dockerArchiveParts(archive: ImageArchive, tag: string | undefined): ImageParts {
  if (!archive.has("manifest.json"))
    throw new CinchError("bad-image", `${archive.name} holds no manifest.json`, {
      hint: archive.has("index.json")
        ? "it is an OCI archive: oci-archive:FILE"
        : "one is made by: docker save NAME -o FILE; an archive of files alone is none: unpack it, then rootfs:DIR",
    });
  const images = parseSaved(
    archive.read("manifest.json", MAX_MANIFEST_BYTES),
    `${archive.name}, manifest.json`,
  );
  const tags = images.flatMap(({ RepoTags }) => RepoTags);
  const found =
    tag === undefined ? images : images.filter(({ RepoTags }) => RepoTags.some((one) => isNamed(one, tag)));
  if (found.length !== 1) {
    const said = tag === undefined ? `${images.length} images` : `${found.length} images named '${tag}'`;
    throw new CinchError(
      found.length === 0 ? "no-image" : "ambiguous-target",
      `${archive.name} has ${said}`,
      {
        hint: `it has ${tags.slice(0, 10).join(", ") || "none with a name"}; name one after a colon`,
      },
    );
  }
  const { Config, Layers } = found[0]!;
  const config = archive.read(Config, MAX_CONFIG_BYTES);
  return {
    name: archive.name,
    digest: digestOf(config),
    config,
    layers: Layers.map((path) => archive.blob(path, `layer ${path.replace(/^blobs\//, "").slice(0, 19)}`)),
  };
}

/** "redis:7" is "docker.io/library/redis:7" and "localhost/redis:7" too. */
function isNamed(written: string, tag: string): boolean {
  return written === tag || written.endsWith(`/${tag}`);
}
