import { type OciSeccomp, isSyscall, syscallNames, syscallNumber, syscallSince } from "../linux/index.ts";
import {
  type ArchName,
  type ArgTest,
  type Profile,
  type SyscallGrant,
  baselineFor,
} from "../profile/index.ts";

const EPERM = 1;
const ENOSYS = 38;

const SCMP_ARCH: Record<ArchName, string> = {
  x86_64: "SCMP_ARCH_X86_64",
  i386: "SCMP_ARCH_X86",
  x32: "SCMP_ARCH_X32",
  aarch64: "SCMP_ARCH_AARCH64",
};

/**
 * From this version on, calls are so new that C libraries try them first and take an older one only on ENOSYS. It is
 * the version of clone3's first siblings (openat2, pidfd_getfd: 5.6); clone3 itself is of 5.3.
 */
const PROBED_SINCE = [5, 3] as const;
/** Older ones that are probed as well: an answer of EPERM is taken for a real error by some C libraries. */
const PROBED = new Set([
  "statx",
  "rseq",
  "io_uring_setup",
  "io_uring_enter",
  "io_uring_register",
  "membarrier",
  "copy_file_range",
  "preadv2",
  "pwritev2",
]);

export interface SeccompOptions {
  /** Whose own calls, between filter and program, are let through as well. Default: runc and crun. */
  runtimes?: readonly ("runc" | "crun" | "local")[];
}

/**
 * A profile as seccomp rules in the form of the OCI runtime specification, which Docker and Podman take as well.
 *
 * - What is not known gets ENOSYS, the default: an old kernel would answer so, and programs fall back.
 * - What is known and not allowed gets EPERM by name, but for new calls that C libraries probe: they stay at ENOSYS.
 * - Architectures that the profile does not name are refused as a whole by the runtime's library.
 * - The runtimes' own calls are added. Runtimes install the filter early, or last under no-new-privileges; the profile's
 *   choice decides which list is needed.
 */
export function emitSeccomp(profile: Profile, options: SeccompOptions = {}): OciSeccomp {
  const { free, limited } = allowedCalls(profile, options);
  const names = new Set([...free, ...limited.map(({ name }) => name)]);
  const refused = syscallNames()
    .filter((name) => profile.arch.some((arch) => syscallNumber(arch, name) !== undefined))
    .filter((name) => !names.has(name) && !isProbed(name));
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: ENOSYS,
    architectures: profile.arch.map((arch) => SCMP_ARCH[arch]),
    syscalls: [
      { names: [...free].sort(), action: "SCMP_ACT_ALLOW" },
      ...limited.flatMap((grant) => limitedRules(grant)),
      { names: [...refused].sort(), action: "SCMP_ACT_ERRNO", errnoRet: EPERM },
    ].filter((rule) => rule.names.length > 0),
  };
}

/** Stable text: the same profile gives the same bytes. */
export function stringifySeccomp(seccomp: OciSeccomp): string {
  return `${JSON.stringify(seccomp, null, 2)}\n`;
}

/** Whether a call that is not allowed stays at ENOSYS. */
export function isProbed(name: string): boolean {
  if (PROBED.has(name)) return true;
  const since = syscallSince(name)?.split(".").map(Number);
  if (since === undefined) return false;
  const [major = 0, minor = 0] = since;
  return major > PROBED_SINCE[0] || (major === PROBED_SINCE[0] && minor >= PROBED_SINCE[1]);
}

function allowedCalls(
  profile: Profile,
  options: SeccompOptions,
): { free: Set<string>; limited: SyscallGrant[] } {
  const free = new Set<string>();
  const limited = new Map<string, SyscallGrant>();
  for (const grant of profile.syscalls.allow) {
    if (typeof grant === "string") free.add(grant);
    else limited.set(grant.name, grant);
  }
  for (const runtime of options.runtimes ?? ["runc", "crun"]) {
    for (const name of baselineFor({ runtime, noNewPrivileges: profile.noNewPrivileges })) {
      // A limited call stays limited: the runtimes make threads by clone without namespaces, too.
      if (!limited.has(name)) free.add(name);
    }
  }
  const isHere = (name: string): boolean =>
    isSyscall(name) && profile.arch.some((arch) => syscallNumber(arch, name) !== undefined);
  for (const name of free) if (!isHere(name)) free.delete(name);
  // The baselines name clone, and no runtime makes namespaces after its filter.
  if (free.has("clone") && !profile.syscalls.allow.includes("clone")) {
    free.delete("clone");
    limited.set("clone", {
      name: "clone",
      args: [[{ index: 0, op: "masked-eq", mask: 0x7e02_0000, value: 0 }]],
    });
  }
  return {
    free,
    limited: [...limited.values()]
      .filter(({ name }) => isHere(name))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

type Rule = OciSeccomp["syscalls"][number];

/**
 * One rule for each alternative. Several tests of one argument are alternatives to runtimes (runc turns them into rules
 * of their own), so "none of these values" is written as equalities that leave exactly these values out.
 */
function limitedRules(grant: SyscallGrant): Rule[] {
  const alternatives = grant.args.flatMap((tests) => withoutInequalities(tests));
  return alternatives.map((tests) => ({
    names: [grant.name],
    action: "SCMP_ACT_ALLOW",
    args: tests.map(ociTest),
  }));
}

const LOW = 0xffff_ffff;

function ociTest(test: ArgTest): { index: number; value: number; valueTwo?: number; op: string } {
  const { index, value } = test;
  switch (test.op) {
    case "eq":
      return { index, value: LOW, valueTwo: value, op: "SCMP_CMP_MASKED_EQ" };
    case "masked-eq":
      return { index, value: test.mask ?? LOW, valueTwo: value, op: "SCMP_CMP_MASKED_EQ" };
    default:
      return { index, value, op: `SCMP_CMP_${test.op.toUpperCase()}` };
  }
}

/**
 * The same tests without `ne`: all `ne` on one argument together mean "none of these 32-bit values", and that is the
 * union of disjoint masked equalities, found by going down a binary tree and stopping where no excluded value is below.
 */
export function withoutInequalities(tests: readonly ArgTest[]): ArgTest[][] {
  const others = tests.filter(({ op }) => op !== "ne");
  const excluded = Map.groupBy(
    tests.filter(({ op }) => op === "ne"),
    ({ index }) => index,
  );
  let alternatives: ArgTest[][] = [others];
  for (const [index, of] of excluded) {
    const blocks = complement(of.map(({ value }) => value));
    alternatives = alternatives.flatMap((before) =>
      blocks.map(({ mask, value }): ArgTest[] => [...before, { index, op: "masked-eq", mask, value }]),
    );
  }
  return alternatives;
}

/** Disjoint (mask, value) pairs that hold for every 32-bit number except these. */
function complement(values: readonly number[]): { mask: number; value: number }[] {
  const blocks: { mask: number; value: number }[] = [];
  const descend = (bit: number, mask: number, prefix: number, inside: readonly number[]): void => {
    if (inside.length === 0) {
      blocks.push({ mask, value: prefix });
      return;
    }
    if (bit < 0) return;
    const weight = 2 ** bit;
    const has = (value: number): boolean => Math.floor(value / weight) % 2 === 1;
    descend(
      bit - 1,
      mask + weight,
      prefix,
      inside.filter((value) => !has(value)),
    );
    descend(bit - 1, mask + weight, prefix + weight, inside.filter(has));
  };
  descend(31, 0, 0, [...new Set(values.map((value) => value % 2 ** 32))]);
  return blocks;
}
