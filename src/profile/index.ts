/** The model: recordings, profiles and evidence as values; derive, merge, compare, explain. Pure. @module */
export * from "./model.ts";
export { baselineFor, baselines, type Baseline } from "./baselines.ts";
export { canonicalJson, digestOf } from "./canonical.ts";
export { defaultCalls, derive, type DeriveOptions } from "./derive/derive.ts";
export { diffProfiles, fits, type ProfileDiff } from "./diff.ts";
export { always, families, type Family } from "./families.ts";
export { covers, grantsOf, limitsOf } from "./grants.ts";
export { mergeEvidence, mergeProfiles, mergeRecordings } from "./merge.ts";
export {
  explain,
  summarize,
  type Explanation,
  type ProfileExplanation,
  type ProfileSummary,
} from "./explain.ts";
export {
  parseDocument,
  parseEvidence,
  parseProfile,
  parseRecording,
  parseVerdict,
  type Document,
} from "./parse.ts";
export { SCHEMAS, jsonSchemas, schemaAddress } from "./schema.ts";
export { stringifyProfile } from "./yaml.ts";
