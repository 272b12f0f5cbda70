/** The only room that calls the kernel. Loads koffi at the first call, not at import. @module */
export { type Libc, type SyscallArg, libc } from "./libc.ts";
export { BpfMap, type MapSpec, u32Key } from "./bpf/map.ts";
export { TracepointProgram, VerifierError } from "./bpf/program.ts";
export { RingBuffer } from "./bpf/ring.ts";
export { BpfError } from "./bpf/syscall.ts";
export { type Feature, probeKernel } from "./probe.ts";
export type { LocalConfinement } from "./launch/confinement.ts";
export { type LaunchOptions, type Launched, launch } from "./launch/launch.ts";
export { type LandlockRules, createRuleset, landlockAbi } from "./landlock.ts";
export { Listener, type Notification, type PassedCall, notifyFilter } from "./notify.ts";
export { isLauncher } from "./launch/listener.ts";
export { readMemory, readString } from "./memory.ts";
export { type SocketFacts, socketOf } from "./socket.ts";
export { privilegeOf } from "./file-privilege.ts";
