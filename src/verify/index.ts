/** Runs a workload under what a profile compiles to, and says whether it held. @module */
export { type VerifyOptions, verifyProfile } from "./verify.ts";
export { type RunProfileOptions, runProfile } from "./run.ts";
