import type { Profile } from "../profile/index.ts";
import { emitDocker } from "./docker.ts";
import { knownGaps } from "./files.ts";
import { emitOci } from "./oci.ts";
import { seccompFor } from "./seccomp.ts";
import { stringifySeccomp } from "./seccomp-text.ts";

/** Makes one artifact. `warnings`: what of the profile it cannot hold, in sentences. */
export type Emitter = (
  profile: Profile,
  /** Where the seccomp artifact lies, or will: other artifacts speak of it. */
  context: { seccompFile: string },
) => { text: string; warnings: string[] };

/** A format of `cinch emit -o`. */
export interface EmitFormat {
  name: string;
  title: string;
  /** What names of such files end with. */
  extension: string;
  emit: Emitter;
}

export const emitFormats: readonly EmitFormat[] = [
  {
    name: "seccomp",
    title: "seccomp profile for Docker, Podman and OCI runtimes",
    extension: ".seccomp.json",
    emit: (profile) => {
      const { seccomp, warnings } = seccompFor(profile);
      return {
        text: stringifySeccomp(seccomp),
        warnings: [
          ...warnings,
          ...(profile.noNewPrivileges
            ? [
                "for containers started with no-new-privileges; without it they need a profile that leaves it off",
              ]
            : []),
          ...knownGaps(profile),
        ],
      };
    },
  },
  {
    name: "docker",
    title: "options for docker run and podman run",
    extension: ".docker.args",
    emit: emitDocker,
  },
  { name: "oci", title: "fragment of an OCI runtime configuration", extension: ".oci.json", emit: emitOci },
];

/** The same by name. */
export const emitters: Readonly<Record<string, Emitter>> = Object.fromEntries(
  emitFormats.map(({ name, emit }) => [name, emit]),
);
