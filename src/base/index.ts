/** Errors, bounded readers, talk and clean-up: what every room may import. @module */
export { CinchError, NotSupportedError, messageOf } from "./error.ts";
export { Cursor } from "./cursor.ts";
export { MAX_DOCUMENT_BYTES, readBounded } from "./read.ts";
export { parseDuration } from "./duration.ts";
export { type Talk, silent } from "./talk.ts";
export { Cleanup } from "./cleanup.ts";
export { yaml } from "./yaml.ts";
