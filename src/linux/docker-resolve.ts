import { CinchError } from "../base/index.ts";
import { dockerDefaultSeccomp } from "./docker-default.gen.ts";
import type { OciSeccomp, RuleFilter, SeccompProfile } from "./docker-profile.ts";

/** What Docker gives a container that asks for nothing (moby, daemon/pkg/oci/caps/defaults.go). Sorted. */
export const dockerDefaultCapabilities: readonly string[] = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

/** What a rule's conditions are about: the container's bounding set and the machine it starts on. */
export interface SeccompHost {
  /** The bounding set: "CAP_CHOWN". */
  capabilities: readonly string[];
  arch: "x86_64" | "aarch64";
  /** As uname says it: "6.18.44-fc". */
  kernel: string;
}

const GO_ARCH = { x86_64: "amd64", aarch64: "arm64" } as const;
const SCMP_ARCH = { x86_64: "SCMP_ARCH_X86_64", aarch64: "SCMP_ARCH_AARCH64" } as const;

/** Docker's default profile as one container on one host gets it. */
export function resolveDockerDefault(host: SeccompHost): OciSeccomp {
  return resolveSeccomp(dockerDefaultSeccomp, host);
}

/**
 * A profile in Docker's form for one container on one host, by the rules of moby's seccomp_linux.go: a rule stays if
 * all of its `includes` hold and none of its `excludes`; rules keep their order. Throws `bad-kernel-version`.
 */
export function resolveSeccomp(profile: SeccompProfile, host: SeccompHost): OciSeccomp {
  const kernel = parseKernel(host.kernel);
  const capabilities = new Set(host.capabilities);
  const hasCapability = (name: string): boolean => capabilities.has(name);
  const hasArch = (name: string): boolean => name === GO_ARCH[host.arch];
  const hasKernel = (minimum: string): boolean => atLeast(kernel, parseKernel(minimum));

  // An empty list is no condition, as in moby.
  const included = ({ caps = [], arches = [], minKernel }: RuleFilter): boolean =>
    caps.every(hasCapability) &&
    (arches.length === 0 || arches.some(hasArch)) &&
    (minKernel === undefined || hasKernel(minKernel));
  const excluded = ({ caps = [], arches = [], minKernel }: RuleFilter): boolean =>
    caps.some(hasCapability) || arches.some(hasArch) || (minKernel !== undefined && hasKernel(minKernel));

  const architecture = SCMP_ARCH[host.arch];
  const map = profile.archMap?.find((entry) => entry.architecture === architecture);
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(map ? { architectures: [architecture, ...(map.subArchitectures ?? [])] } : {}),
    syscalls: profile.syscalls
      .filter((rule) => !excluded(rule.excludes ?? {}) && included(rule.includes ?? {}))
      .map(({ names, action, errnoRet, args }) => ({
        names: [...names],
        action,
        ...(errnoRet === undefined ? {} : { errnoRet }),
        ...(args?.length ? { args: args.map((arg) => ({ ...arg })) } : {}),
      })),
  };
}

type Version = readonly [major: number, minor: number];

function parseKernel(text: string): Version {
  const match = /^(\d{1,5})\.(\d{1,5})/.exec(text);
  if (!match)
    throw new CinchError("bad-kernel-version", `'${text}' is not a kernel version`, {
      hint: "as uname -r says it: 6.1.0",
    });
  return [Number(match[1]), Number(match[2])];
}

function atLeast([major, minor]: Version, [wantedMajor, wantedMinor]: Version): boolean {
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
