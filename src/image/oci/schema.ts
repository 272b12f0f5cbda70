import { z } from "zod";
import { CinchError } from "../../base/index.ts";
import { configAnswer } from "../engine/answers.ts";
import { checkedDigest } from "../blob/digest.ts";

/** OCI distribution-spec, "Pushing Manifests": registries take at least 4 MiB, and hardly any more. */
export const MAX_MANIFEST_BYTES = 4 << 20;
/** A config holds the history of every step of a build; the largest seen are below 1 MiB. */
export const MAX_CONFIG_BYTES = 8 << 20;
/** overlayfs takes 500 layers (OVL_MAX_STACK), Docker 128. */
const MAX_LAYERS = 500;
/** Platforms and attestations of one image; the largest public ones have below a hundred. */
const MAX_MANIFESTS = 2000;

const digest = z.string().transform((text, context) => {
  try {
    return checkedDigest(text, "descriptor");
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
    return z.NEVER;
  }
});

const platform = z.object({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().optional(),
});

/** OCI image-spec, descriptor.md. */
const descriptor = z.object({
  mediaType: z.string().default(""),
  digest,
  size: z.int().nonnegative(),
  platform: platform.optional(),
  annotations: z.record(z.string(), z.string()).nullish(),
});
export type Descriptor = z.output<typeof descriptor>;

/** OCI image-spec, manifest.md; Docker's schema 2 has the same members. */
const manifest = z.object({
  schemaVersion: z.literal(2),
  config: descriptor,
  layers: z.array(descriptor).max(MAX_LAYERS),
});
export type Manifest = z.output<typeof manifest>;

/** OCI image-spec, image-index.md; Docker's manifest list has the same members. */
const index = z.object({
  schemaVersion: z.literal(2),
  manifests: z.array(descriptor).max(MAX_MANIFESTS),
});
export type Index = z.output<typeof index>;

/** OCI image-spec, config.md. */
const imageConfig = z.object({
  os: z.string().default("linux"),
  architecture: z.string().default(""),
  variant: z.string().optional(),
  config: configAnswer.nullish(),
  rootfs: z.object({ type: z.string().default("layers"), diff_ids: z.array(digest).max(MAX_LAYERS) }),
});
export type ConfigDocument = z.output<typeof imageConfig>;

/** What `docker save` writes beside the layers (moby, image/spec/v1.2.md, "Combined Image JSON"). */
const saved = z.array(
  z.object({
    Config: z.string(),
    RepoTags: z
      .array(z.string())
      .nullish()
      .transform((tags) => tags ?? []),
    Layers: z.array(z.string()).max(MAX_LAYERS),
  }),
);
export type Saved = z.output<typeof saved>;

export function parseIndex(bytes: Uint8Array, what: string): Index {
  return parse(index, bytes, what);
}

export function parseConfig(bytes: Uint8Array, what: string): ConfigDocument {
  return parse(imageConfig, bytes, what);
}

export function parseSaved(bytes: Uint8Array, what: string): Saved {
  return parse(saved, bytes, what);
}

/** A manifest or an index, told apart by their members: media types may be missing (image-spec, 1.0). */
export function parseManifest(bytes: Uint8Array, what: string): Manifest | Index {
  const value = json(bytes, what);
  if (isObject(value) && value["schemaVersion"] === 1)
    throw new CinchError("bad-image", `${what} is in Docker's schema 1, which registries gave up in 2019`, {
      hint: "push it again with any current tool",
    });
  return isObject(value) && "manifests" in value ? check(index, value, what) : check(manifest, value, what);
}

function parse<T extends z.ZodType>(schema: T, bytes: Uint8Array, what: string): z.output<T> {
  return check(schema, json(bytes, what), what);
}

function json(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw new CinchError("bad-image", `${what} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function check<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new CinchError("bad-image", `${what}: ${issue?.path.join(".") || "the document"}: ${issue?.message}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
