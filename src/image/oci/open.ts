import { CinchError, type Talk } from "../../base/index.ts";
import { Spool } from "../blob/byte-file.ts";
import { decompress } from "../blob/decompress.ts";
import { verified } from "../blob/digest.ts";
import { type ImageConfig, imageConfigOf } from "../config.ts";
import { LayerTree } from "../layer/files.ts";
import { Layer } from "../layer/layer.ts";
import { stackLayers } from "../layer/stack.ts";
import { TarReader } from "../tar/reader.ts";
import type { FileTree } from "../tree.ts";
import type { Platform } from "./platform.ts";
import { parseConfig } from "./schema.ts";
import type { Blob, ImageParts } from "./source.ts";

/** Layers that are read at the same time: unpacking one keeps about one core busy. */
const AT_ONCE = 3;

/** An image whose files can be read. Disposing of the tree ends what holds their bytes. */
export interface OpenImage {
  tree: FileTree;
  config: ImageConfig;
  platform: Platform;
  /** What names this image and no other. */
  digest: string;
}

/**
 * The files of an image. Each layer is read once, from its beginning to its end, and checked against its digests on the
 * way; of a compressed one the bytes are kept on disk, not in memory. Nothing is given before all was checked. Throws
 * `bad-image`, `wrong-digest`, and what the parts do.
 */
export async function openLayers(
  parts: ImageParts,
  { talk, signal, close = () => {} }: { talk?: Talk; signal?: AbortSignal; close?: () => void } = {},
): Promise<OpenImage> {
  const spools: Spool[] = [];
  const failed = new AbortController();
  const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const end = (): void => {
    for (const spool of spools.splice(0)) spool.close();
    close();
  };
  try {
    const config = parseConfig(parts.config, `${parts.name}, config`);
    const diffIds = config.rootfs.diff_ids;
    if (diffIds.length !== parts.layers.length)
      throw new CinchError(
        "bad-image",
        `${parts.name}: its config has ${diffIds.length} layers, its manifest ${parts.layers.length}`,
      );
    const layers = await inOrder(parts.layers, failed, async (blob, i) => {
      talk?.detail(`layer ${i + 1} of ${diffIds.length}: ${blob.what}`);
      return readLayer(blob, diffIds[i]!, (spool) => spools.push(spool), stop);
    });
    return {
      tree: new LayerTree(stackLayers(layers), parts.name, end),
      config: imageConfigOf(config.config),
      platform: {
        os: config.os,
        architecture: config.architecture,
        ...(config.variant === undefined ? {} : { variant: config.variant }),
      },
      digest: parts.digest,
    };
  } catch (error) {
    end();
    throw error;
  }
}

async function readLayer(
  blob: Blob,
  diffId: string,
  keep: (spool: Spool) => void,
  signal: AbortSignal,
): Promise<Layer> {
  const layer = new Layer(blob.what);
  const { compression, chunks } = await decompress(verified(blob.chunks(), blob), blob.what);
  let place = compression === "none" ? blob.place : undefined;
  let spool: Spool | undefined;
  if (place === undefined) {
    spool = new Spool(blob.what);
    keep(spool);
    place = { file: spool, offset: 0 };
  }
  const { file, offset: start } = place;
  const reader = new TarReader(blob.what, (entry) =>
    layer.add(entry, ({ offset }) => ({ file, offset: start + offset })),
  );
  for await (const chunk of verified(chunks, { what: `${blob.what}, unpacked`, digest: diffId })) {
    signal.throwIfAborted();
    spool?.write(chunk);
    reader.push(chunk);
  }
  reader.end();
  return layer;
}

/**
 * Does the work for all items, a few at a time. The results come in the order of the items. Where one fails, `failed` stops
 * the others, and the error is told only once they have ended: what they write to is closed then.
 */
async function inOrder<T, R>(
  items: readonly T[],
  failed: AbortController,
  work: (item: T, i: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed.signal.aborted) {
      const i = next++;
      try {
        results[i] = await work(items[i]!, i);
      } catch (error) {
        // The first is the reason; the others end because of it.
        failed.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  failed.signal.throwIfAborted();
  return results;
}
