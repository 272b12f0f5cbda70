/** What a run used: recorders, importer, and the tables of what they look at. @module */
export { CALLS, type CallSpec, type PathArg } from "./calls.ts";
export type { RefusedCall } from "./ebpf/assemble.ts";
export { EbpfSession, type SessionOptions } from "./ebpf/session.ts";
export { type RecordOptions, type RecordResult, chooseMethod, record } from "./record.ts";
export { type ObserveOptions, observeContainer } from "./observe.ts";
export { importStrace } from "./strace/index.ts";
