/** What Linux has: system calls, capabilities, errors, constants, Docker's default filter. Tables and pure look-ups. @module */
export { tables } from "./syscalls.gen.ts";
export {
  type TableArch,
  X32_BIT,
  isSyscall,
  syscallName,
  syscallNames,
  syscallNumber,
  syscallSince,
} from "./syscalls.ts";
export { type ArgKind, syscallArgs } from "./arguments.ts";
export { type DecisiveArgument, decisiveArguments } from "./decisive.ts";
export {
  type ConstantSet,
  constantName,
  constantValue,
  constants,
  flagNames,
  socketDomainName,
  socketDomainNumber,
  socketTypeName,
  socketTypeNumber,
} from "./constants.ts";
export { errnoName, errnoNumber } from "./errno.ts";
export { dockerDefaultSeccomp } from "./docker-default.gen.ts";
export type { OciSeccomp, RuleFilter, SeccompArg, SeccompProfile, SeccompRule } from "./docker-profile.ts";
export {
  type SeccompHost,
  dockerDefaultCapabilities,
  resolveDockerDefault,
  resolveSeccomp,
} from "./docker-resolve.ts";
export { type Capability, capabilities, capabilityName, capabilityNumber } from "./capabilities.ts";
export { type SyscallGroup, groupOf, syscallGroups } from "./groups.ts";
