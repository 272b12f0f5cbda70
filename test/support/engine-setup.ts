import { startDockerd } from "./dockerd.ts";
import { skipReason } from "./tier.ts";

/** Global set-up of the engine tier: one private Docker daemon for all its tests, found by them as DOCKER_HOST. */
export default async function setUp(): Promise<(() => Promise<void>) | undefined> {
  if (skipReason("engine") !== undefined) return undefined;
  const daemon = await startDockerd();
  process.env["CINCH_TEST_DOCKER"] = daemon.host;
  process.env["DOCKER_HOST"] = daemon.host;
  return async () => {
    await daemon[Symbol.asyncDispose]();
  };
}
