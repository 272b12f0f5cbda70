import type { ConfigAnswer } from "./engine/answers.ts";

/** How an image wants to be started (OCI image-spec, config.md). Lists are empty where it does not say. */
export interface ImageConfig {
  entrypoint: string[];
  command: string[];
  /** "NAME=value". */
  env: string[];
  /** "", "nginx", "101:101". */
  user: string;
  /** "/" where it does not say. */
  workingDir: string;
  /** "6379/tcp"; sorted by number. */
  exposedPorts: string[];
  volumes: string[];
  /** As Docker writes it: ["CMD-SHELL", "curl -f …"]. */
  healthcheck?: string[];
  stopSignal?: string;
}

/** What an image says of itself, to an engine or in its own document: the members are the same. */
export function imageConfigOf(config: ConfigAnswer | null | undefined): ImageConfig {
  return {
    entrypoint: config?.Entrypoint ?? [],
    command: config?.Cmd ?? [],
    env: config?.Env ?? [],
    user: config?.User ?? "",
    workingDir: config?.WorkingDir || "/",
    exposedPorts: Object.keys(config?.ExposedPorts ?? {}).sort(
      (a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1),
    ),
    volumes: Object.keys(config?.Volumes ?? {}).sort(),
    ...(config?.Healthcheck?.Test.length ? { healthcheck: config.Healthcheck.Test } : {}),
    ...(config?.StopSignal ? { stopSignal: config.StopSignal } : {}),
  };
}

/** What a root folder that says nothing is started with. */
export const plainConfig: ImageConfig = {
  entrypoint: [],
  command: [],
  env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
  user: "",
  workingDir: "/",
  exposedPorts: [],
  volumes: [],
};
