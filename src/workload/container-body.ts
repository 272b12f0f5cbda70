import type { ImageConfig } from "../image/index.ts";
import type { OciSeccomp } from "../linux/index.ts";
import type { EngineOptions } from "./engine-args.ts";
import type { ContainerConfinement } from "./model.ts";

export interface ContainerPlan {
  image: string;
  config: ImageConfig;
  /** Instead of the image's command. */
  command?: readonly string[];
  /** The target's own, and what it is to have besides. */
  env: readonly string[];
  user?: string;
  options: EngineOptions;
  confinement: ContainerConfinement;
  /** The filter as the engine wants it: the JSON text itself (Docker) or a file's path (Podman). */
  seccomp: string;
  labels: Record<string, string>;
  stdin: boolean;
  tty: boolean;
}

/** The body of the API's ContainerCreate (Engine API 1.40). Pure: the same plan gives the same body. */
export function containerBody(plan: ContainerPlan): Record<string, unknown> {
  const { options, config } = plan;
  const entrypoint = options.entrypoint;
  const user = userOf(plan);
  return {
    Image: plan.image,
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint.length === 0 ? [""] : entrypoint }),
    // A new entrypoint does away with the image's command, as in docker run.
    ...(plan.command?.length
      ? { Cmd: plan.command }
      : entrypoint === undefined
        ? {}
        : { Cmd: entrypoint.length === 0 ? config.command : [] }),
    ...(user === "" ? {} : { User: user }),
    Env: [...options.env, ...plan.env],
    ...(options.workingDir === undefined ? {} : { WorkingDir: options.workingDir }),
    ...(options.hostname === undefined ? {} : { Hostname: options.hostname }),
    Labels: { ...options.labels, ...plan.labels },
    ExposedPorts: keys([...options.expose.map(withProtocol), ...options.publish.map(({ port }) => port)]),
    Volumes: keys([
      ...options.mounts
        .filter((mount) => mount.type === "volume" && mount.source === "")
        .map(({ target }) => target),
      ...ownVolumes(plan.confinement, options),
    ]),
    ...(options.stopSignal === undefined ? {} : { StopSignal: options.stopSignal }),
    ...(options.health === undefined ? {} : { Healthcheck: healthcheck(options.health) }),
    AttachStdin: plan.stdin,
    OpenStdin: plan.stdin,
    StdinOnce: plan.stdin,
    AttachStdout: true,
    AttachStderr: true,
    Tty: plan.tty,
    HostConfig: hostConfig(plan),
    ...(options.networkAliases.length > 0 && options.network !== undefined
      ? { NetworkingConfig: { EndpointsConfig: { [options.network]: { Aliases: options.networkAliases } } } }
      : {}),
  };
}

/** The profile's word counts more than the command line's, and that more than the project file's. */
export function userOf(plan: Pick<ContainerPlan, "confinement" | "options" | "user">): string {
  return plan.confinement.user ?? plan.options.user ?? plan.user ?? "";
}

function hostConfig({ options, confinement, seccomp }: ContainerPlan): Record<string, unknown> {
  const noNewPrivileges = confinement.noNewPrivileges === true || options.noNewPrivileges;
  const capabilities =
    confinement.capabilities === undefined
      ? { CapAdd: options.capAdd.map(shortName), CapDrop: options.capDrop.map(shortName) }
      : { CapAdd: confinement.capabilities.map(shortName), CapDrop: ["ALL"] };
  return {
    SecurityOpt: [
      `seccomp=${seccomp}`,
      ...(noNewPrivileges ? ["no-new-privileges"] : []),
      ...options.securityOptions,
    ],
    ...capabilities,
    ReadonlyRootfs: confinement.readOnlyRoot === true || options.readOnly,
    Tmpfs: Object.fromEntries(
      tmpfsMounts(confinement, options).map(({ path, options: text }) => [path, text]),
    ),
    Binds: options.mounts.filter(isBind).map(bindText),
    Mounts: options.mounts
      .filter(({ type }) => type === "tmpfs")
      .map(({ target, readOnly }) => ({ Type: "tmpfs", Target: target, ReadOnly: readOnly })),
    PortBindings: portBindings(options.publish),
    PublishAllPorts: options.publishAll,
    ...optional("NetworkMode", options.network),
    Links: options.links,
    ExtraHosts: options.addHosts,
    Dns: options.dns,
    GroupAdd: options.groups,
    Ulimits: options.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    Devices: options.devices.map(device),
    Sysctls: options.sysctls,
    ...(options.init ? { Init: true } : {}),
    ...optional("Memory", options.memory),
    ...optional("NanoCpus", options.cpus === undefined ? undefined : Math.round(options.cpus * 1e9)),
    ...optional("PidsLimit", options.pidsLimit),
    ...optional("ShmSize", options.shmSize),
    ...optional("IpcMode", options.ipc),
    ...optional("PidMode", options.pid),
    ...optional("CgroupnsMode", options.cgroupns),
    ...optional("UsernsMode", options.userns),
    ...optional("Runtime", options.runtime),
    VolumesFrom: options.volumesFrom,
  };
}

/** What the profile asks for and what the command line asks for; the latter's own options count. */
export function ownVolumes(
  confinement: Pick<ContainerConfinement, "volumes">,
  options: Pick<EngineOptions, "tmpfs" | "mounts">,
): string[] {
  const taken = new Set(
    [...options.tmpfs.map(({ path }) => path), ...options.mounts.map(({ target }) => target)].map(trimSlash),
  );
  return (confinement.volumes ?? []).map(trimSlash).filter((path) => !taken.has(path));
}

export function tmpfsMounts(
  confinement: ContainerConfinement,
  options: Pick<EngineOptions, "tmpfs" | "mounts">,
): { path: string; options: string }[] {
  const taken = new Set([
    ...options.tmpfs.map(({ path }) => trimSlash(path)),
    ...options.mounts.map(({ target }) => trimSlash(target)),
  ]);
  const own = (confinement.tmpfs ?? []).map((text) => {
    const [path = "", ...rest] = text.split(":");
    return { path: trimSlash(path), options: rest.join(":") };
  });
  return [...options.tmpfs, ...own.filter(({ path }) => !taken.has(path))];
}

/**
 * The filter that refuses nothing. Every architecture the machine runs is named: libseccomp kills what calls by another
 * one (seccomp_init(3), SCMP_FLTATR_ACT_BADARCH).
 */
export function allowAll(arch: string = process.arch): OciSeccomp {
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures:
      arch === "arm64"
        ? ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
        : ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    syscalls: [],
  };
}

function isBind(mount: EngineOptions["mounts"][number]): boolean {
  return mount.type === "bind" || (mount.type === "volume" && mount.source !== "");
}

function bindText({ source, target, readOnly, options }: EngineOptions["mounts"][number]): string {
  const rest = [...(readOnly ? ["ro"] : []), ...options];
  return [source, target, ...(rest.length > 0 ? [rest.join(",")] : [])].join(":");
}

function portBindings(
  publish: EngineOptions["publish"],
): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { hostIp, hostPort, port } of publish)
    (bindings[port] ??= []).push({ HostIp: hostIp, HostPort: hostPort });
  return bindings;
}

/** `HOST[:CONTAINER[:PERMISSIONS]]`. */
function device(text: string): Record<string, string> {
  const [host = "", container = host, permissions = "rwm"] = text.split(":");
  return { PathOnHost: host, PathInContainer: container, CgroupPermissions: permissions };
}

/** The API wants nanoseconds. */
function healthcheck(health: NonNullable<EngineOptions["health"]>): Record<string, unknown> {
  const nanoseconds = (ms: number | undefined): number | undefined =>
    ms === undefined ? undefined : ms * 1e6;
  return {
    ...optional("Test", health.test),
    ...optional("Interval", nanoseconds(health.interval)),
    ...optional("Timeout", nanoseconds(health.timeout)),
    ...optional("StartPeriod", nanoseconds(health.startPeriod)),
    ...optional("Retries", health.retries),
  };
}

/** Docker before 20.10 knows capabilities without their prefix alone; later ones know both. */
function shortName(capability: string): string {
  return capability.toUpperCase().replace(/^CAP_/, "");
}

function withProtocol(port: string): string {
  return port.includes("/") ? port : `${port}/tcp`;
}

function keys(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

function optional(name: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [name]: value };
}

function trimSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, "") : path;
}
