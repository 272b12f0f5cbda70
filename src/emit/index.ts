/** Profile in, artifact out: pure, one file an enforcer. @module */
export { type DockerConfinement, dockerConfinement, emitDocker } from "./docker.ts";
export { emitOci } from "./oci.ts";
export { type LocalPolicy, localConfinement } from "./local.ts";
export { isProbed } from "./probed.ts";
export { type SeccompOptions, emitSeccomp } from "./seccomp.ts";
export { stringifySeccomp } from "./seccomp-text.ts";
export { type Emitter, type EmitFormat, emitFormats, emitters } from "./formats.ts";
export { compileSeccomp, decide } from "../bpf/index.ts";
