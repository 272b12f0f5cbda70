/** Docker's extended form of a seccomp profile (moby/profiles, seccomp/seccomp.go): rules for any host, chosen at start. */
export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number;
  archMap?: { architecture: string; subArchitectures: string[] | null }[];
  syscalls: SeccompRule[];
}

export interface SeccompRule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: SeccompArg[] | null;
  comment?: string;
  /** The rule counts only if all of these hold. */
  includes?: RuleFilter;
  /** The rule is dropped if any of these holds. */
  excludes?: RuleFilter;
}

export interface RuleFilter {
  caps?: string[];
  /** Go's names: "amd64", "arm64", also "x32", "x86". */
  arches?: string[];
  /** "4.8": at least this kernel. */
  minKernel?: string;
}

export interface SeccompArg {
  index: number;
  value: number;
  valueTwo?: number;
  op: string;
}

/** The form that the OCI runtime specification defines (config-linux.md, "Seccomp") and runc and crun read. */
export interface OciSeccomp {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  flags?: string[];
  syscalls: { names: string[]; action: string; errnoRet?: number; args?: SeccompArg[] }[];
}
