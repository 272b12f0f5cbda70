/** Recording without privilege, by seccomp user notification. @module */
export { HOT_CALLS } from "./hot.ts";
export { recordByNotification } from "./record.ts";
