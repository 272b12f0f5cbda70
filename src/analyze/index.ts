/** What code could do: every system call that a target's programs can make, from their machine code. @module */
export { ASSUMPTIONS } from "./assumptions.ts";
export {
  type AnalyzeOptions,
  type AnalyzeSource,
  type FixedSource,
  analyzeFixed,
  analyzeTarget,
} from "./target.ts";
