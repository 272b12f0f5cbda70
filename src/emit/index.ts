/** Profile in, artifact out: pure, one file an enforcer. @module */
import type { Profile } from "../profile/index.ts";
import { emitDocker } from "./docker.ts";
import { emitOci } from "./oci.ts";
import { openEnds } from "./files.ts";
import { emitSeccomp, stringifySeccomp } from "./seccomp.ts";

export { type DockerConfinement, dockerConfinement, emitDocker } from "./docker.ts";
export { emitOci } from "./oci.ts";
export { type LocalPolicy, localConfinement } from "./local.ts";
export { type SeccompOptions, emitSeccomp, isProbed, stringifySeccomp } from "./seccomp.ts";
export { compileSeccomp, decide } from "../bpf/index.ts";

export type Emitter = (
  profile: Profile,
  context: { seccompFile: string },
) => { text: string; warnings: string[] };

/** By the names of `cinch emit -o`. */
export const emitters: Readonly<Record<string, Emitter>> = {
  seccomp: (profile) => ({ text: stringifySeccomp(emitSeccomp(profile)), warnings: openEnds(profile) }),
  docker: emitDocker,
  oci: emitOci,
};
