/** Recordings from logs of strace(1). @module */
export { type ImportOptions, importStrace } from "./import.ts";
