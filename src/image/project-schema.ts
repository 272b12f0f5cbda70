import { z } from "zod";

/**
 * What `cinch.yaml` holds, as its author writes it. Descriptions reach editors through the published JSON Schema
 * (`schemas/cinch.schema.json`).
 */

const words = z.array(z.string()).min(1);
const shellOrWords = z.union([z.string().min(1), words]);
const duration = z.union([z.number().nonnegative(), z.string().min(1)]);
const status = z.int().min(100).max(599);

const methods = ["get", "head", "post", "put", "patch", "delete", "options"] as const;
const url = z.string().regex(/^https?:\/\//, "must start with http:// or https://");

const httpStep = z
  .strictObject({
    get: url.optional().describe("URL to get"),
    head: url.optional(),
    post: url.optional(),
    put: url.optional(),
    patch: url.optional(),
    delete: url.optional(),
    options: url.optional(),
    body: z.string().optional().describe("What is sent"),
    headers: z.record(z.string(), z.string()).optional(),
    expect: z
      .union([status, z.array(status).min(1)])
      .optional()
      .describe("Status that counts as success (default: 200 to 399)"),
    contains: z.string().optional().describe("Text that the answer's body must hold"),
  })
  .refine((step) => methods.filter((method) => step[method] !== undefined).length === 1, {
    message: `needs exactly one of ${methods.join(", ")}`,
  });

const stepKinds = ["http", "run", "exec", "sleep"] as const;

const step = z
  .strictObject({
    http: httpStep.optional().describe("Makes a request"),
    run: z.string().min(1).optional().describe("Shell command on this machine; its exit code counts"),
    exec: shellOrWords.optional().describe("Command inside the target: a list of words, or a shell command"),
    sleep: duration.optional().describe("Waits: 2s, 500ms"),
    name: z.string().optional().describe("What the step is called in reports"),
    timeout: duration.optional().describe("How long the step may take (default 10m)"),
  })
  .refine((one) => stepKinds.filter((kind) => one[kind] !== undefined).length === 1, {
    message: `needs exactly one of ${stepKinds.join(", ")}`,
  });

export const workloadSchema = z.strictObject({
  ready: z
    .string()
    .optional()
    .describe("When the target is ready: tcp:PORT, a URL that answers, log:REGEX, or exec:COMMAND"),
  timeout: duration.optional().describe("How long the target may take to be ready (default 60s)"),
  steps: z.array(step).nullish().describe("What is done once it is ready, in this order"),
  duration: duration.optional().describe("How long the target runs, from its start"),
  stop: z
    .string()
    .regex(/^(SIG)?[A-Z]+[0-9+]*$/, "must be a signal's name, such as SIGTERM")
    .optional()
    .describe("Signal that ends the target (default: what the image says, else SIGTERM)"),
  exit: z
    .int()
    .min(0)
    .max(255)
    .optional()
    .describe("Exit code that counts as success where the target ends by itself"),
});

const projectMembers = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().min(1).optional().describe("Name of the profile (default: of the target)"),
  target: z
    .string()
    .min(1)
    .optional()
    .describe("What is run: docker:NAME, podman:NAME, rootfs:DIR, file:PATH"),
  command: words.optional().describe("A command of this machine, or what an image is started with"),
  env: z
    .record(z.string().regex(/^[^=\0]+$/), z.union([z.string(), z.number(), z.boolean()]).transform(String))
    .optional()
    .describe("Environment variables of the target"),
  cwd: z
    .string()
    .min(1)
    .optional()
    .describe("Working directory of the command (default: this file's folder)"),
  user: z
    .union([z.string().min(1), z.int().nonnegative().transform(String)])
    .optional()
    .describe("User, or user:group"),
  root: z
    .string()
    .min(1)
    .optional()
    .describe("Root folder in which libraries of a file: target are looked up"),
  engine: z.enum(["docker", "podman", "runc", "crun", "local"]).optional().describe("What starts the target"),
  engineArgs: z
    .union([z.string(), words])
    .optional()
    .describe("Options for the engine, as docker run has them: --network host"),
  workload: workloadSchema.optional().describe("How the target is exercised"),
  profile: z.string().min(1).optional().describe("Where the profile is kept; its evidence goes beside it"),
  emit: z
    .record(z.string(), z.string().min(1))
    .optional()
    .describe("What the profile is compiled into: format: file"),
});

export const projectSchema = projectMembers.refine(
  (project) => project.target !== undefined || project.command !== undefined,
  { message: "needs target or command" },
);

export type ProjectWorkload = z.output<typeof workloadSchema>;
export type ProjectStep = z.output<typeof step>;
export type ProjectFile = z.output<typeof projectSchema>;

/** The JSON Schema of cinch.yaml, for editors. */
export function projectJsonSchema(): object {
  return {
    ...z.toJSONSchema(projectSchema, { io: "input", target: "draft-07" }),
    title: "cinch.yaml: what cinch fits a profile to, and how it is exercised",
    anyOf: [{ required: ["target"] }, { required: ["command"] }],
  };
}
