/** How a target is started on an engine, exercised and ended. @module */
export { type ObservedContainer, attachToContainer } from "./attach.ts";
export { SESSION_LABEL } from "./container.ts";
export type {
  Address,
  Confinement,
  ContainerConfinement,
  EngineName,
  ExecResult,
  Exit,
  HttpCall,
  Ready,
  Running,
  StartHooks,
  Step,
  StepResult,
  Subject,
  Workload,
  WorkloadResult,
} from "./model.ts";
export { type WorkloadFlags, parseReady, parseSignal, workloadOf } from "./parse.ts";
export { type PrepareOptions, engineFor, prepareSubject } from "./prepare.ts";
export { type RunWorkloadOptions, runWorkload } from "./run.ts";
export { quoteWord, splitWords } from "./words.ts";
