import { z } from "zod";

// What is read of the engines' answers, and nothing more: each engine and version adds members of its own, and leaves
// lists null where they are empty.

const list = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((value) => value ?? []);

const map = <T extends z.ZodType>(value: T) =>
  z
    .record(z.string(), value)
    .nullish()
    .transform((entries): Record<string, z.output<T>> => entries ?? {});

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");

/** Old images have a command as one string. */
const words = z
  .union([z.string(), z.array(z.string())])
  .nullish()
  .transform((value) =>
    value === null || value === undefined ? [] : typeof value === "string" ? [value] : value,
  );

const healthcheck = z
  .object({ Test: list(z.string()), Interval: z.number().nullish(), Timeout: z.number().nullish() })
  .nullish();

export const configAnswer = z.object({
  Entrypoint: words,
  Cmd: words,
  Env: list(z.string()),
  User: text,
  WorkingDir: text,
  ExposedPorts: map(z.unknown()),
  Volumes: map(z.unknown()),
  Healthcheck: healthcheck,
  // Podman's number form of a container's stop signal is not used.
  StopSignal: z
    .union([z.string(), z.number()])
    .nullish()
    .transform((value) => (typeof value === "string" ? value : "")),
});

export const versionAnswer = z.object({
  Version: text,
  ApiVersion: z.string(),
  MinAPIVersion: text,
  Components: list(z.object({ Name: z.string(), Version: text, Details: map(z.unknown()) })),
});
export type VersionAnswer = z.output<typeof versionAnswer>;

export const imageAnswer = z.object({
  Id: z.string(),
  Architecture: text,
  Os: text,
  RepoTags: list(z.string()),
  Config: configAnswer.nullish(),
});

export const createAnswer = z.object({ Id: z.string().min(1), Warnings: list(z.string()) });

export const containerAnswer = z.object({
  Id: z.string(),
  Name: text,
  Image: text,
  State: z.object({
    Status: text,
    Running: z.boolean(),
    Pid: z.number().int().nonnegative(),
    ExitCode: z.number().int(),
    OOMKilled: z.boolean().nullish(),
    Error: text,
  }),
  Config: z.object({ Image: text, User: text, Tty: z.boolean().nullish(), ExposedPorts: map(z.unknown()) }),
  HostConfig: z.object({
    NetworkMode: text,
    Runtime: text,
    Privileged: z.boolean().nullish(),
    SecurityOpt: list(z.string()),
  }),
  NetworkSettings: z.object({
    IPAddress: text,
    Networks: map(z.object({ IPAddress: text })),
    Ports: map(list(z.object({ HostIp: text, HostPort: text }))),
  }),
});
export type ContainerAnswer = z.output<typeof containerAnswer>;

export const waitAnswer = z.object({
  StatusCode: z.number().int(),
  Error: z.object({ Message: text }).nullish(),
});

export const execAnswer = z.object({ Running: z.boolean(), ExitCode: z.number().int().nullish() });

export const imageListAnswer = z.array(z.object({ Id: z.string(), RepoTags: list(z.string()) }));

export type ConfigAnswer = z.output<typeof configAnswer>;
