import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { z } from "zod";
import { CinchError, messageOf, readBounded } from "../../base/index.ts";
import { type Reference, referenceText } from "./reference.ts";

/** A registry to ask for an image, and what it is called there. */
export interface Place {
  /** "registry-1.docker.io", "mirror.example:5000". */
  host: string;
  repository: string;
  /** Plain HTTP is tried too, and certificates are not looked at. */
  insecure: boolean;
}

const mirror = z.object({
  location: z.string(),
  insecure: z.boolean().default(false),
  "pull-from-mirror": z.enum(["all", "digest-only", "tag-only"]).default("all"),
});

/** containers-registries.conf(5), version 2. */
const registriesConf = z.object({
  registry: z
    .array(
      z.object({
        prefix: z.string().optional(),
        location: z.string().optional(),
        insecure: z.boolean().default(false),
        blocked: z.boolean().default(false),
        "mirror-by-digest-only": z.boolean().default(false),
        mirror: z.array(mirror).default([]),
      }),
    )
    .default([]),
});
type Registry = z.output<typeof registriesConf>["registry"][number];

/** What dockerd is told of registries (dockerd(8)). */
const daemonJson = z.object({
  "registry-mirrors": z.array(z.string()).nullish(),
  "insecure-registries": z.array(z.string()).nullish(),
});

/** How this machine's container tools are told to reach registries. */
export interface RegistrySettings {
  registries: Registry[];
  dockerMirrors: string[];
  insecure: string[];
}

const MAX_FILE = 1 << 20;

/** Reads the machine's and the user's settings. Throws `bad-registries` for a file that is there and broken. */
export function readRegistrySettings(env: NodeJS.ProcessEnv = process.env, etc = "/etc"): RegistrySettings {
  const own = join(env["XDG_CONFIG_HOME"] || join(env["HOME"] ?? homedir(), ".config"), "containers");
  const files = [
    ...(env["CONTAINERS_REGISTRIES_CONF"]
      ? [env["CONTAINERS_REGISTRIES_CONF"]]
      : [
          existsSync(join(own, "registries.conf"))
            ? join(own, "registries.conf")
            : join(etc, "containers/registries.conf"),
          ...confFiles(join(etc, "containers/registries.conf.d")),
          ...confFiles(join(own, "registries.conf.d")),
        ]),
  ];
  const daemon = read(join(etc, "docker/daemon.json"), daemonJson, JSON.parse);
  return {
    registries: files.flatMap((file) => read(file, registriesConf, parseToml)?.registry ?? []),
    dockerMirrors: daemon?.["registry-mirrors"] ?? [],
    insecure: daemon?.["insecure-registries"] ?? [],
  };
}

/**
 * Where to ask for an image, mirrors first. Docker's mirrors serve Docker Hub only; Podman's registries.conf maps any
 * beginning of a name, the longest counting. Throws `blocked` where the settings forbid the registry.
 */
export function placesOf(reference: Reference, settings: RegistrySettings): Place[] {
  const { host, repository, digest } = reference;
  const name = `${host}/${repository}`;
  const registry = settings.registries
    .filter((one) => fits(one.prefix ?? one.location ?? "", name))
    .sort((a, b) => (b.prefix ?? b.location ?? "").length - (a.prefix ?? a.location ?? "").length)[0];
  if (registry?.blocked === true)
    throw new CinchError("blocked", `${referenceText(reference)}: registries.conf blocks this registry`);
  const prefix = registry?.prefix ?? registry?.location ?? "";
  const mapped = (location: string, insecure: boolean): Place => {
    const rest = prefix.startsWith("*.") ? `/${repository}` : name.slice(prefix.length);
    return placeAt(`${location}${rest}`, insecure || isInsecure(hostOf(location), settings));
  };
  const mirrors = (registry?.mirror ?? []).filter((one) => {
    const when = registry?.["mirror-by-digest-only"] === true ? "digest-only" : one["pull-from-mirror"];
    return when === "all" || (when === "digest-only") === (digest !== undefined);
  });
  const dockers = host === "docker.io" ? settings.dockerMirrors : [];
  const location = registry?.location ?? (prefix.startsWith("*.") ? host : prefix);
  return [
    ...mirrors.map((one) => mapped(one.location, one.insecure)),
    ...dockers.map((url) =>
      placeAt(`${url.replace(/^https?:\/\//, "").replace(/\/$/, "")}/${repository}`, url.startsWith("http:")),
    ),
    registry === undefined ? placeAt(name, isInsecure(host, settings)) : mapped(location, registry.insecure),
  ];
}

function placeAt(name: string, insecure: boolean): Place {
  const slash = name.indexOf("/");
  const host = name.slice(0, slash);
  return {
    // Docker Hub's API is not where its name says.
    host: host === "docker.io" ? "registry-1.docker.io" : host,
    repository: name.slice(slash + 1),
    insecure,
  };
}

function fits(prefix: string, name: string): boolean {
  if (prefix.startsWith("*.")) return hostOf(name).replace(/:\d+$/, "").endsWith(prefix.slice(1));
  return prefix !== "" && (name === prefix || name.startsWith(`${prefix}/`));
}

/** This machine itself is (as for dockerd); networks in CIDR notation are not looked up. */
function isInsecure(host: string, { insecure }: RegistrySettings): boolean {
  const bare = host.replace(/:\d+$/, "");
  return (
    bare === "localhost" || /^127(?:\.\d+){3}$/.test(bare) || bare === "[::1]" || insecure.includes(host)
  );
}

function hostOf(name: string): string {
  return name.split("/", 1)[0]!;
}

function confFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".conf"))
    .sort()
    .map((name) => join(folder, name));
}

function read<T extends z.ZodType>(
  path: string,
  schema: T,
  parse: (text: string) => unknown,
): z.output<T> | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return schema.parse(parse(readBounded(path, MAX_FILE).toString("utf8")));
  } catch (error) {
    throw new CinchError("bad-registries", `${path} cannot be used: ${messageOf(error)}`, { cause: error });
  }
}
