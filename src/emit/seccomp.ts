import { multiplexers } from "../bpf/index.ts";
import { type OciSeccomp, syscallNames, syscallNumber } from "../linux/index.ts";
import type { ArchName, Profile } from "../profile/index.ts";
import { argumentRules } from "./arguments.ts";
import { type AllowedCalls, type Runtime, allowedCalls } from "./grants.ts";
import { isProbed } from "./probed.ts";

const EPERM = 1;
const EACCES = 13;
const ENOSYS = 38;

const SCMP_ARCH: Record<ArchName, string> = {
  x86_64: "SCMP_ARCH_X86_64",
  i386: "SCMP_ARCH_X86",
  x32: "SCMP_ARCH_X32",
  aarch64: "SCMP_ARCH_AARCH64",
};

export interface SeccompOptions {
  /** Whose own calls, between filter and program, are let through as well. Default: runc and crun. */
  runtimes?: readonly Runtime[];
}

/**
 * A profile as seccomp rules in the form of the OCI runtime specification, which Docker and Podman take as well.
 *
 * - What is not known gets ENOSYS, the default: an old kernel would answer so, and programs fall back.
 * - What is known and not allowed gets EPERM by name, but for new calls that C libraries probe: they get ENOSYS, by
 *   name as well, because Docker 20.10 reads no `defaultErrnoRet` and takes EPERM for the default.
 * - A call that is allowed with some arguments gets EPERM for the others, where that can be said.
 * - Architectures that the profile does not name are refused as a whole by the runtime's library.
 * - The runtimes' own calls are added, see `allowedCalls`.
 */
export function emitSeccomp(profile: Profile, options: SeccompOptions = {}): OciSeccomp {
  return seccompFor(profile, options).seccomp;
}

/** The same, with what of the profile a filter cannot hold, in sentences. */
export function seccompFor(
  profile: Profile,
  { runtimes = ["runc", "crun"] }: SeccompOptions = {},
): { seccomp: OciSeccomp; warnings: string[] } {
  const allowed = allowedCalls(profile, runtimes);
  const muxes = profile.arch.includes("i386")
    ? multiplexerRules(allowed)
    : { first: [], unlisted: [], lost: [] };
  const warnings = [...allowed.lost, ...muxes.lost];
  const limited: Rule[] = [];
  for (const [name, groups] of [...allowed.limited].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { allow, refuse, lost } = argumentRules(name, groups);
    warnings.push(...lost);
    limited.push(
      ...allow.map((args) => rule([name], "SCMP_ACT_ALLOW", args)),
      ...refuse.map((args) => rule([name], EPERM, args)),
    );
  }
  const isListed = (name: string): boolean => !muxes.unlisted.includes(name);
  const refused = refusedNames(profile, allowed).filter(isListed);
  return {
    seccomp: {
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: ENOSYS,
      architectures: profile.arch.map((arch) => SCMP_ARCH[arch]),
      syscalls: [
        ...muxes.first,
        rule([...allowed.free].filter(isListed).sort(), "SCMP_ACT_ALLOW"),
        ...limited,
        rule(
          refused.filter((name) => !isProbed(name)),
          EPERM,
        ),
        rule(refused.filter(isProbed), ENOSYS),
      ].filter(({ names }) => names.length > 0),
    },
    warnings,
  };
}

type Rule = OciSeccomp["syscalls"][number];

/** `action`: an action without a number, or the error to answer with. */
function rule(names: string[], action: "SCMP_ACT_ALLOW" | number, args: Rule["args"] = []): Rule {
  return {
    names,
    ...(typeof action === "string" ? { action } : { action: "SCMP_ACT_ERRNO", errnoRet: action }),
    ...(args.length > 0 && { args }),
  };
}

/** What the profile's architectures have and it does not allow; sorted. */
function refusedNames(profile: Profile, { free, limited }: AllowedCalls): string[] {
  return syscallNames()
    .filter((name) => profile.arch.some((arch) => syscallNumber(arch, name) !== undefined))
    .filter((name) => !free.has(name) && !limited.has(name))
    .toSorted();
}

/**
 * i386 programs may make socket calls through `socketcall` and those of System V through `ipc`, which select by their
 * first argument. libseccomp repeats every rule about `connect` for `socketcall` with that argument (abi_rule_add), so
 * that nothing has to be said about the two, with one exception: of a rule with arguments of its own it keeps these,
 * and holds them against what socketcall has in their places. The values behind socketcall's pointer are out of a
 * filter's reach. So where a member is limited, `socketcall` is settled before: a rule without arguments that comes
 * first makes libseccomp drop all that follows about the call.
 */
function multiplexerRules(allowed: AllowedCalls): { first: Rule[]; unlisted: string[]; lost: string[] } {
  const first: Rule[] = [];
  const unlisted: string[] = [];
  const lost: string[] = [];
  for (const [mux, members] of Object.entries(multiplexers)) {
    const isLimited = members.some((name) => allowed.limited.has(name));
    if (allowed.limited.delete(mux)) {
      allowed.free.add(mux);
      lost.push(
        `${mux} is allowed with any arguments: limits on it and rules about ${members[0]} exclude each other`,
      );
    }
    if (allowed.free.has(mux)) {
      first.push(rule([mux], "SCMP_ACT_ALLOW"));
      unlisted.push(mux);
      if (isLimited)
        lost.push(`on i386 the limits on ${members[0]} and its kin can be passed by through ${mux}`);
    } else if (isLimited) {
      // Not EPERM nor ENOSYS: a rule whose answer is the default's is skipped by runtimes, and either may be the default.
      first.push(rule([mux], EACCES));
      unlisted.push(mux);
    } else {
      unlisted.push(mux);
    }
  }
  return { first, unlisted, lost };
}
