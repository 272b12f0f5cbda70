import type { EngineClient, EngineImage } from "../image/index.ts";
import { StreamDemuxer } from "../image/index.ts";
import { messageOf } from "../base/index.ts";
import { settled } from "./host.ts";
import type { Address, EngineName, ExecResult, Exit, Running } from "./model.ts";
import { OutputLog } from "./output.ts";

export type ContainerState = Awaited<ReturnType<EngineClient["container"]>>;

interface Watched {
  log: OutputLog;
  image: EngineImage | undefined;
  /** Resolves when its output has been read to the end. */
  drained: Promise<unknown>;
}

/** A container that an engine runs. */
export class RunningContainer implements Running {
  readonly engine: EngineName;
  readonly pid: number;
  readonly id: string;
  readonly ports: readonly number[];
  readonly stopSignal?: string;
  readonly log: OutputLog;
  #client: EngineClient;
  #network: ContainerState;
  #exit: Promise<Exit>;
  #ended: Exit | undefined;

  /** Looks at a container that was started. One that ended at once has pid 0. */
  static async of(client: EngineClient, id: string, watched: Watched): Promise<RunningContainer> {
    const state = await client.container(id);
    // In another container's network its own addresses are not known to the engine.
    const other = /^container:(.+)$/.exec(state.HostConfig.NetworkMode)?.[1];
    const network = other === undefined ? state : ((await client.findContainer(other)) ?? state);
    return new RunningContainer(client, state, network, watched);
  }

  private constructor(
    client: EngineClient,
    state: ContainerState,
    network: ContainerState,
    { log, image, drained }: Watched,
  ) {
    this.#client = client;
    this.#network = network;
    this.engine = client.engine;
    this.pid = state.State.Pid;
    this.id = state.Id;
    this.log = log;
    this.ports = tcpPorts([
      ...Object.keys(state.Config.ExposedPorts),
      ...Object.keys(state.NetworkSettings.Ports),
      ...(image?.config.exposedPorts ?? []),
    ]);
    if (image?.config.stopSignal !== undefined) this.stopSignal = image.config.stopSignal;
    this.#exit = client.wait(this.id).then(async (code) => {
      await settled(drained);
      return (this.#ended = { code, signal: null });
    });
    this.#exit.catch(() => {});
  }

  get root(): string {
    return `/proc/${this.pid}/root`;
  }

  /** The container's own address first: behind a published port somebody always answers. */
  addresses(port: number): Address[] {
    return addressesOf(this.#network, port);
  }

  ended(): Exit | undefined {
    return this.#ended;
  }

  wait(): Promise<Exit> {
    return this.#exit;
  }

  async exec(argv: readonly string[], options: { signal?: AbortSignal } = {}): Promise<ExecResult> {
    const log = new OutputLog();
    try {
      const { id, stream } = await this.#client.exec(this.id, { argv: [...argv] });
      const demuxer = new StreamDemuxer((_name, bytes) => log.write(bytes));
      stream.on("data", (chunk: Buffer) => demuxer.push(chunk));
      await new Promise<void>((resolve) => {
        stream.once("close", resolve);
        stream.once("error", () => resolve());
        // The engine has no call that ends an exec: it goes with the container.
        if (options.signal?.aborted) stream.destroy();
        options.signal?.addEventListener("abort", () => stream.destroy(), { once: true });
      });
      demuxer.end();
      if (options.signal?.aborted) return { code: null, output: log.text() };
      return { code: await this.#client.execCode(id), output: log.text() };
    } catch (error) {
      // The container has ended, or the program is not there: a failed command, not a failure of ours.
      return { code: null, output: `${log.text()}${messageOf(error)}` };
    }
  }

  kill(signal: string): Promise<void> {
    return this.#client.kill(this.id, signal);
  }

  async stop(signal: string, graceMs: number): Promise<Exit & { killed: boolean }> {
    await this.kill(signal);
    if (await endsWithin(this.#exit, graceMs)) return { ...(await this.#exit), killed: false };
    await this.kill("SIGKILL");
    return { ...(await this.#exit), killed: true };
  }

  output(): string {
    return this.log.text();
  }
}

/** Whether the process ends before the time is over. */
export async function endsWithin(exit: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), ms)));
  const ended = await Promise.race([exit.then(() => true as const), late]);
  clearTimeout(timer);
  return ended;
}

/** Where a TCP port of a container may be reached from its host. */
export function addressesOf(state: ContainerState, port: number): Address[] {
  const { HostConfig, NetworkSettings } = state;
  if (HostConfig.NetworkMode === "host") return [{ host: "127.0.0.1", port }];
  const own = [
    NetworkSettings.IPAddress,
    ...Object.values(NetworkSettings.Networks).map(({ IPAddress }) => IPAddress),
  ];
  const addresses: Address[] = [...new Set(own.filter((ip) => ip !== ""))].map((host) => ({ host, port }));
  for (const [inside, bindings] of Object.entries(NetworkSettings.Ports)) {
    for (const { HostIp, HostPort } of bindings) {
      const isThis = inside === `${port}/tcp` || (inside.endsWith("/tcp") && HostPort === String(port));
      if (!isThis || HostPort === "") continue;
      addresses.push({ host: loopbackFor(HostIp), port: Number(HostPort), proxied: true });
    }
  }
  return addresses.filter(
    ({ host, port: number }, i) =>
      addresses.findIndex((one) => one.host === host && one.port === number) === i,
  );
}

function loopbackFor(ip: string): string {
  return ip === "" || ip === "0.0.0.0" ? "127.0.0.1" : ip === "::" ? "::1" : ip;
}

/** "6379/tcp" and "80" as numbers. */
export function tcpPorts(texts: readonly string[]): number[] {
  const ports = texts.flatMap((text) => /^(\d+)(?:\/tcp)?$/.exec(text)?.[1] ?? []).map(Number);
  return [...new Set(ports)].sort((a, b) => a - b);
}
