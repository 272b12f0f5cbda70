import { CinchError } from "../base/index.ts";
import { type EngineOptions, emptyOptions } from "./engine-args.ts";
import type { BundlePlan } from "./bundle-config.ts";

export interface BundleEngineOptions extends Pick<
  EngineOptions,
  | "env"
  | "user"
  | "workingDir"
  | "entrypoint"
  | "hostname"
  | "capAdd"
  | "capDrop"
  | "ulimits"
  | "tmpfs"
  | "mounts"
  | "readOnly"
  | "noNewPrivileges"
> {
  groups: number[];
  binds: BundlePlan["binds"];
}

/** What a bundle can do of docker run's options; the interactive ones are its terminal's own. */
const KNOWN: ReadonlySet<keyof EngineOptions> = new Set([
  "env",
  "user",
  "workingDir",
  "entrypoint",
  "hostname",
  "capAdd",
  "capDrop",
  "ulimits",
  "tmpfs",
  "mounts",
  "readOnly",
  "noNewPrivileges",
  "groups",
  "network",
  "publish",
  "expose",
  "interactive",
  "tty",
  "labels",
]);

/**
 * The options a bundle takes. Throws `bad-engine-args` for those it cannot: a network of its own, volumes of an engine,
 * a port that is published under another number.
 */
export function bundleOptions(options: EngineOptions, engine: string): BundleEngineOptions {
  const cannot = (what: string, why: string): CinchError =>
    new CinchError("bad-engine-args", `engine arguments: ${engine} bundles have no ${what}: ${why}`, {
      hint: "--engine docker has it",
    });
  const plain: Record<string, unknown> = { ...emptyOptions() };
  for (const [name, value] of Object.entries(options)) {
    if (KNOWN.has(name as keyof EngineOptions)) continue;
    if (JSON.stringify(value) !== JSON.stringify(plain[name])) throw cannot(name, "that is an engine's");
  }
  if (options.network !== undefined && options.network !== "host") {
    throw cannot(`network '${options.network}'`, "they run in the host's");
  }
  for (const { hostPort, port } of options.publish) {
    if (hostPort !== "" && hostPort !== port.split("/")[0]) {
      throw cannot("published ports", `in the host's network ${port} is ${port}`);
    }
  }
  const other = options.mounts.find(({ type, source }) => type === "volume" && source !== "");
  if (other !== undefined) throw cannot(`volume '${other.source}'`, "that is an engine's");
  const groups = options.groups.map((group) => {
    if (!/^\d+$/.test(group)) throw cannot(`group '${group}'`, "only numbers can be added");
    return Number(group);
  });
  const volumes = options.mounts.filter(({ type }) => type !== "bind");
  return {
    ...options,
    groups,
    tmpfs: [...options.tmpfs, ...volumes.map(({ target }) => ({ path: target, options: "exec" }))],
    mounts: options.mounts,
    binds: options.mounts.filter(({ type }) => type === "bind"),
  };
}
