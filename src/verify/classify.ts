import type { Denial, FileAccess, RecordedFile, Recording } from "../profile/index.ts";
import type { RefusedCall } from "../record/index.ts";
import { type Policy, refusalOf } from "./policy.ts";
import { type Refusals, accessKinds, isProbe } from "./predict.ts";
import { suggestCapability, suggestPath, suggestSyscall } from "./suggest.ts";

/**
 * What an enforcer refused during a run, told apart from all that fails in any run: a refused call counts only if the
 * filter would refuse it and the unconfined run did not meet the same error in the same call; a capability only if it
 * was granted to the unconfined run; a file only if the unconfined run could use it in that way.
 */
export function classifyRefusals(
  refused: readonly RefusedCall[],
  enforced: Recording | undefined,
  plain: Recording | undefined,
  policy: Policy,
): Refusals {
  const denials: Denial[] = [];
  const probes: Denial[] = [];
  for (const call of refused) {
    if (refusalOf(policy, call.abi, call.nr, call.args) !== call.errno) continue;
    if (plain !== undefined && met(plain, call)) continue;
    (isProbe(call.name, call.errno) ? probes : denials).push({
      syscall: call.name,
      errno: call.errno,
      executable: call.executable,
      args: call.args.map((value) => `0x${BigInt.asUintN(64, value).toString(16)}`),
      phase: call.phase,
      suggestion: suggestSyscall(call.name),
    });
  }
  if (enforced !== undefined && plain !== undefined) {
    denials.push(...capabilityDenials(enforced, plain, policy), ...fileDenials(enforced, plain));
  }
  return { denials, probes };
}

function met(plain: Recording, call: RefusedCall): boolean {
  return plain.phases.some(
    ({ abi, syscalls }) =>
      abi === call.abi &&
      syscalls.some(({ name, errnos }) => name === call.name && errnos.includes(call.errno)),
  );
}

function capabilityDenials(enforced: Recording, plain: Recording, policy: Policy): Denial[] {
  const granted = new Set(plain.capabilities.filter((one) => one.granted).map(({ name }) => name));
  return enforced.capabilities
    .filter((one) => !one.granted && granted.has(one.name) && !policy.capabilities.includes(one.name))
    .map(({ name, syscalls }) => ({
      capability: name,
      ...(syscalls[0] === undefined ? {} : { syscall: syscalls[0] }),
      errno: "EPERM",
      executable: "",
      suggestion: suggestCapability(name),
    }));
}

/** How an enforcer answers for a file: Landlock and capabilities EACCES or EPERM, a read-only root EROFS. */
const REFUSALS = ["EACCES", "EPERM", "EROFS"];

function fileDenials(enforced: Recording, plain: Recording): Denial[] {
  const could = new Map<string, Set<FileAccess>>();
  const failed = new Set<string>();
  for (const file of plain.files) {
    if (!file.ok) for (const errno of file.errnos ?? []) failed.add(`${file.path}\0${errno}`);
    else could.set(file.path, new Set([...(could.get(file.path) ?? []), ...file.access]));
  }
  return enforced.files.flatMap((file) => {
    const errno = file.ok ? undefined : file.errnos?.find((one) => REFUSALS.includes(one));
    if (errno === undefined || failed.has(`${file.path}\0${errno}`)) return [];
    return usable(file, could.get(file.path)).map((kind) => ({
      path: file.path,
      errno,
      executable: "",
      suggestion: suggestPath(kind, file.path),
    }));
  });
}

/** The kinds of access that failed and that the unconfined run had. A path it never used may fail for any reason. */
function usable(
  file: RecordedFile,
  had: ReadonlySet<FileAccess> | undefined,
): ("read" | "write" | "execute")[] {
  if (had === undefined) return [];
  const before = accessKinds([...had]);
  return accessKinds(file.access).filter((kind) => before.includes(kind));
}

/** One entry for what was refused again and again: in several runs, or by several processes of one program. */
export function uniqueDenials(denials: readonly Denial[]): Denial[] {
  const byKey = new Map<string, Denial>();
  for (const denial of denials) {
    const { syscall = "", capability = "", path = "", errno } = denial;
    const key = [syscall, capability, path, errno].join("\0");
    const known = byKey.get(key);
    // The one that knows who it was says more.
    if (known === undefined || (known.executable === "" && denial.executable !== "")) byKey.set(key, denial);
  }
  return [...byKey.values()].sort((a, b) => compare(keyOf(a), keyOf(b)));
}

function keyOf({ capability = "", syscall = "", path = "", errno }: Denial): string {
  return [capability, syscall, path, errno].join("\0");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
