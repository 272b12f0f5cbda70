export { mergeAnalyses } from "./analyses.ts";
export { sameArch } from "./join.ts";
export { mergeEvidence } from "./evidence.ts";
export { mergeProfiles, unionOfCalls } from "./profiles.ts";
export { mergeRecordings, mergeTypes } from "./recordings.ts";
