import { CinchError } from "../../base/index.ts";
import type { Descriptor } from "./schema.ts";

/** What an image is made for, in the words of Go: linux/amd64, linux/arm64/v8. */
export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  x86_64: "amd64",
  arm64: "arm64",
  aarch64: "arm64",
  arm: "arm",
  ia32: "386",
  i386: "386",
  ppc64: "ppc64le",
  s390x: "s390x",
  riscv64: "riscv64",
  loong64: "loong64",
};

/** What stands for a variant that is not written (containerd, platforms/database.go). */
const USUAL_VARIANTS: Readonly<Record<string, string>> = { arm64: "v8", arm: "v7" };

/** The platform that `--platform` names; of this machine without. Throws `usage`. */
export function parsePlatform(text: string | undefined, machine: string = process.arch): Platform {
  if (text === undefined) return { os: "linux", architecture: ARCHITECTURES[machine] ?? machine };
  const [os, architecture, variant, more] = text.toLowerCase().split("/");
  if (!os || !architecture || more !== undefined)
    throw new CinchError("usage", `'${text}' is not a platform`, { hint: "linux/amd64, linux/arm64" });
  const name = ARCHITECTURES[architecture] ?? architecture;
  return { os, architecture: name, ...(variant ? { variant } : {}) };
}

export function platformText({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant ? [variant] : [])].join("/");
}

export function isPlatform(wanted: Platform, found: Platform): boolean {
  const variant = (one: Platform): string => one.variant ?? USUAL_VARIANTS[one.architecture] ?? "";
  return (
    wanted.os === found.os &&
    wanted.architecture === found.architecture &&
    (wanted.variant === undefined || variant(wanted) === variant(found))
  );
}

/** The one of an index's manifests for a platform. Throws `no-platform`, which lists those there are. */
export function choose(manifests: readonly Descriptor[], wanted: Platform, what: string): Descriptor {
  // Attestations stand in the same list, for a platform that nobody has (BuildKit, attestation-storage.md).
  const images = manifests.filter(
    ({ platform, annotations }) =>
      platform?.os !== "unknown" && annotations?.["vnd.docker.reference.type"] === undefined,
  );
  const fitting = images.filter(({ platform }) => platform && isPlatform(wanted, platform));
  const exact = fitting.find(({ platform }) => (platform!.variant ?? "") === (wanted.variant ?? ""));
  const found = exact ?? fitting[0];
  if (found !== undefined) return found;
  if (images.length === 1 && images[0]!.platform === undefined) return images[0]!;
  const has = images.map(({ platform }) => (platform ? platformText(platform) : "one that does not say"));
  throw new CinchError(
    "no-platform",
    `${what} has nothing for ${platformText(wanted)}: ${has.length > 0 ? `it has ${[...new Set(has)].sort().join(", ")}` : "its index is empty"}`,
    { hint: has.length > 0 ? `--platform ${has[0]!}` : "is it the right name?" },
  );
}
