import { once } from "node:events";
import { CinchError, NotSupportedError } from "../base/index.ts";
import { type EngineClient, StreamDemuxer, type Target, openEngine } from "../image/index.ts";
import { RunningContainer } from "./container-running.ts";
import type { Running } from "./model.ts";
import { OutputLog } from "./output.ts";

/** A container that ran before cinch came, and goes on when cinch leaves. */
export interface ObservedContainer extends AsyncDisposable {
  engine: "docker" | "podman";
  runtime: string;
  noNewPrivileges: boolean;
  /** "redis:7". */
  image: string;
  running: Running;
}

/**
 * Finds a running container, in Docker and then in Podman, to be observed and exercised. Throws `no-container` with what
 * was tried, and `not-running`.
 */
export async function attachToContainer(
  target: Extract<Target, { kind: "container" }>,
): Promise<ObservedContainer> {
  const tried: string[] = [];
  for (const engine of ["docker", "podman"] as const) {
    try {
      const opened = await openEngine(engine);
      const found = await observed(opened.client, target.id).catch(async (error: unknown) => {
        await opened[Symbol.asyncDispose]();
        throw error;
      });
      if (found !== undefined) {
        const close = async (): Promise<void> => {
          found.close();
          await opened[Symbol.asyncDispose]();
        };
        return { ...found.container, [Symbol.asyncDispose]: close };
      }
      await opened[Symbol.asyncDispose]();
      tried.push(`${engine}: it has no such container`);
    } catch (error) {
      if (!(error instanceof NotSupportedError)) throw error;
      tried.push(`${engine}: not running here`);
    }
  }
  throw new CinchError("no-container", `there is no container '${target.id}' (${tried.join("; ")})`, {
    hint: "docker ps shows those that run",
  });
}

async function observed(
  client: EngineClient,
  id: string,
): Promise<
  { container: Omit<ObservedContainer, typeof Symbol.asyncDispose>; close: () => void } | undefined
> {
  const state = await client.findContainer(id);
  if (state === undefined) return undefined;
  if (!state.State.Running || state.State.Pid === 0) {
    throw new CinchError("not-running", `the container '${id}' does not run (it is ${state.State.Status})`, {
      hint: `${client.engine} start ${id}`,
    });
  }
  const log = new OutputLog();
  const stream = await client.attach(state.Id);
  const demuxer = new StreamDemuxer((name, bytes) => log.write(bytes, name));
  stream.on("error", () => {});
  stream.on("data", (chunk: Buffer) => (state.Config.Tty === true ? log.write(chunk) : demuxer.push(chunk)));
  const drained = once(stream, "close").catch(() => {});
  const image = await client.findImage(state.Image);
  const { Runtime, SecurityOpt } = state.HostConfig;
  return {
    container: {
      engine: client.engine,
      runtime: client.runtime(Runtime === "" || Runtime === "oci" ? client.defaultRuntime : Runtime),
      noNewPrivileges:
        SecurityOpt.some((option) => /^no-new-privileges([=:]true)?$/.test(option)) ||
        (await client.defaultNoNewPrivileges()),
      image: state.Config.Image,
      running: await RunningContainer.of(client, state.Id, { log, image, drained }),
    },
    close: () => stream.destroy(),
  };
}
