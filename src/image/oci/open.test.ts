import { expect, it } from "vitest";
import { imageOf } from "../../../test/support/image-layout.ts";
import { file, tarOf } from "../../../test/support/tar-archive.ts";
import { CinchError } from "../../base/index.ts";
import { openLayers } from "./open.ts";
import type { Blob } from "./source.ts";

it("a layer that fails stops the others, and nothing is closed while they write", async () => {
  const layer = tarOf([file("a", "x".repeat(100_000))]);
  const image = imageOf([layer, layer], { compression: "gzip" });
  const events: string[] = [];
  const slow: Blob = {
    what: "the slow layer",
    async *chunks() {
      try {
        for (let i = 0; ; i += 1) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          yield layer.subarray(i * 512, (i + 1) * 512);
        }
      } finally {
        events.push("the slow one ended");
      }
    },
  };
  const broken: Blob = {
    what: "the broken layer",
    // eslint-disable-next-line require-yield -- it fails first
    async *chunks(): AsyncGenerator<Uint8Array> {
      throw new CinchError("registry-error", "the connection broke");
    },
  };
  const opened = openLayers(
    { name: "the image", digest: "sha256:0", config: image.config.bytes, layers: [slow, broken] },
    { close: () => events.push("closed") },
  );
  await expect(opened).rejects.toMatchObject({ code: "registry-error" });
  expect(events).toEqual(["the slow one ended", "closed"]);
});
