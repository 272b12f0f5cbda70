import { existsSync } from "node:fs";
import { join } from "node:path";
import { CinchError, readBounded } from "../../base/index.ts";
import { ExistingFile } from "../blob/byte-file.ts";
import { layoutParts } from "./layout.ts";
import type { Platform } from "./platform.ts";
import { MAX_MANIFEST_BYTES } from "./schema.ts";
import { type ImageParts, partOf } from "./source.ts";

/** An image of a folder in the OCI layout (image-spec, image-layout.md). `close` closes the files that were opened. */
export async function folderParts(
  folder: string,
  tag: string | undefined,
  name: string,
  platform: Platform,
): Promise<{ parts: ImageParts; close: () => void }> {
  if (!existsSync(join(folder, "index.json")))
    throw new CinchError("bad-image", `${name}: ${folder} holds no index.json: it is no OCI layout`, {
      hint: "one is made by: skopeo copy docker-daemon:NAME:TAG oci:DIR:TAG; a root file system is rootfs:DIR",
    });
  const files: ExistingFile[] = [];
  const close = (): void => {
    for (const file of files.splice(0)) file.close();
  };
  const blob = (digest: string): string => join(folder, "blobs", ...digest.split(":"));
  try {
    const parts = await layoutParts(
      {
        name,
        document: async ({ digest }, limit) => readBounded(blob(digest), limit),
        layer: (layer) => {
          const file = new ExistingFile(blob(layer.digest));
          files.push(file);
          return partOf(file, { offset: 0, size: file.size }, `layer ${layer.digest.slice(0, 19)}`, layer);
        },
      },
      readBounded(join(folder, "index.json"), MAX_MANIFEST_BYTES),
      tag,
      platform,
    );
    return { parts, close };
  } catch (error) {
    close();
    throw error;
  }
}
