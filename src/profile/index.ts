/** The model: recordings, profiles and evidence as values; derive, merge, compare, explain. Pure. @module */
export {
  type Abi,
  type Analysis,
  type AnalyzedCapability,
  type AnalyzedExecutable,
  type AnalyzedModule,
  type AnalyzedSyscall,
  type ArchName,
  type ArgTest,
  type ArgValues,
  type Assumption,
  type Denial,
  type Evidence,
  type EvidenceFile,
  type FileAccess,
  type GrantName,
  type Note,
  type PhaseName,
  type Possibility,
  type Profile,
  type ReachableArgument,
  type ReachedVia,
  type RecordedCapability,
  type RecordedFile,
  type RecordedPhase,
  type RecordedSocket,
  type RecordedSyscall,
  type Recording,
  type SocketOp,
  type SyscallGrant,
  type Unresolved,
  type Verdict,
  FILE_ACCESS,
} from "./model.ts";
export { always } from "./always.ts";
export { describeLimits } from "./args.ts";
export { baselineFor, baselines, type Baseline, type BaselineOptions } from "./baselines.ts";
export { canonicalJson, digestOf } from "./canonical.ts";
export { defaultCallCount, defaultCalls, derive, type DeriveOptions } from "./derive/derive.ts";
export { diffProfiles, type ProfileDiff } from "./diff.ts";
export {
  explain,
  summarize,
  type CallGroup,
  type Explanation,
  type ProfileExplanation,
  type ProfileSummary,
} from "./explain.ts";
export { families, type Family } from "./families.ts";
export { fits, type Misfit } from "./fits.ts";
export { callsOf, grantsOf, limitsOf } from "./grants.ts";
export { mergeAnalyses, mergeEvidence, mergeProfiles, mergeRecordings } from "./merge/index.ts";
export {
  parseAnalysis,
  parseDocument,
  parseEvidence,
  parseProfile,
  parseRecording,
  parseVerdict,
  type Document,
} from "./parse.ts";
export { covers } from "./paths.ts";
export { SCHEMAS, jsonSchemas, schemaAddress } from "./schema.ts";
export { stringifyProfile } from "./yaml.ts";
