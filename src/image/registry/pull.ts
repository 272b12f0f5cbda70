import { CinchError, type Talk, messageOf } from "../../base/index.ts";
import { imageParts } from "../oci/layout.ts";
import type { Platform } from "../oci/platform.ts";
import type { ImageParts } from "../oci/source.ts";
import { findCredentials } from "./credentials.ts";
import { placesOf, readRegistrySettings } from "./places.ts";
import { parseReference, referenceText } from "./reference.ts";
import { RegistryRepository } from "./registry.ts";
import { tlsSettings } from "./tls.ts";

/**
 * An image of a registry, from the first of its mirrors that has it, else from the registry itself. Layers come when they
 * are read. Throws `no-image`, `registry-login`, `registry-error`, which list all places that were asked.
 */
export async function registryParts(
  text: string,
  platform: Platform,
  { talk, signal }: { talk?: Talk; signal?: AbortSignal } = {},
): Promise<{ parts: ImageParts; close: () => void }> {
  const reference = parseReference(text);
  const failures: { host: string; error: CinchError }[] = [];
  for (const place of placesOf(reference, readRegistrySettings())) {
    // A login belongs to the place that is asked, not to the name that a mirror stands for.
    const asked = place.host === "registry-1.docker.io" ? "docker.io" : place.host;
    const credentials = await findCredentials({ ...reference, host: asked, repository: place.repository });
    const repository = new RegistryRepository(place, {
      tls: tlsSettings(place.host),
      ...(credentials && { credentials }),
      ...(signal && { signal }),
    });
    const close = (): void => repository[Symbol.dispose]();
    try {
      const name = `registry:${referenceText(reference)}`;
      const { bytes, descriptor } = await repository.manifest(reference);
      const parts = await imageParts(
        {
          name,
          document: async (wanted, limit) =>
            wanted.digest === descriptor.digest ? bytes : repository.document(wanted, limit),
          layer: (layer) => repository.layer(layer),
        },
        descriptor,
        platform,
      );
      talk?.detail(`${name} is ${parts.digest}, from ${place.host}`);
      return { parts, close };
    } catch (error) {
      close();
      signal?.throwIfAborted();
      const mayBeElsewhere = ["no-image", "registry-login", "registry-error", "wrong-digest", "too-large"];
      if (!(error instanceof CinchError) || !mayBeElsewhere.includes(error.code)) throw error;
      failures.push({ host: place.host, error });
    }
  }
  const last = failures.at(-1)!.error;
  if (failures.length === 1) throw last;
  throw new CinchError(
    last.code,
    failures.map(({ host, error }) => `${host}: ${messageOf(error)}`).join("; "),
    { ...(last.hint !== undefined && { hint: last.hint }), cause: last },
  );
}
