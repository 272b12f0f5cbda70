export { mergeEvidence } from "./evidence.ts";
export { mergeProfiles, unionOfCalls } from "./profiles.ts";
export { mergeRecordings, mergeTypes } from "./recordings.ts";
