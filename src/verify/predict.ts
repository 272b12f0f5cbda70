import type { Denial, FileAccess, RecordedSyscall, Recording } from "../profile/index.ts";
import { isProbed } from "../emit/index.ts";
import { decisiveArguments, isSyscall } from "../linux/index.ts";
import { type Policy, covers, refusalOf } from "./policy.ts";
import { suggestCapability, suggestPath, suggestSyscall } from "./suggest.ts";

/** What was refused in a run, or would be. */
export interface Refusals {
  denials: Denial[];
  /**
   * Calls that the filter answers ENOSYS, as an older kernel would: C libraries try these first and fall back. Only
   * the course of a run tells whether the program could do without, so they become denials where it failed.
   */
  probes: Denial[];
}

/**
 * What would be refused of all that an unconfined run used: everything at once, where an enforced run stops at the
 * first refusal that matters. `runtime`: also the calls of the container runtime, which are comparable only if the
 * filter was put in place at the same moment.
 */
export function predictDenials(plain: Recording, policy: Policy, options: { runtime: boolean }): Refusals {
  const denials: Denial[] = [];
  const probes: Denial[] = [];
  for (const phase of plain.phases) {
    if (phase.name === "runtime" && !options.runtime) continue;
    for (const call of phase.syscalls) {
      // Let through unseen, so perhaps never made.
      if (call.assumed === true) continue;
      for (const { args, shown } of argumentRows(call)) {
        const errno = refusalOf(policy, phase.abi, call.nr, args);
        // A call that fails with the same error unconfined loses nothing.
        if (errno === undefined || (call.errnos.length === 1 && call.errnos[0] === errno)) continue;
        (isProbe(call.name, errno) ? probes : denials).push({
          syscall: call.name,
          errno,
          executable: "",
          phase: phase.name,
          ...(shown.length === 0 ? {} : { args: shown.map(({ value }) => `0x${value.toString(16)}`) }),
          suggestion: suggestSyscall(call.name, isAllowedSomehow(policy, call.name) ? shown : []),
        });
      }
    }
  }
  for (const { name, granted, syscalls } of plain.capabilities) {
    if (!granted || policy.capabilities.includes(name)) continue;
    denials.push({
      capability: name,
      ...(syscalls[0] === undefined ? {} : { syscall: syscalls[0] }),
      errno: "EPERM",
      executable: "",
      suggestion: suggestCapability(name),
    });
  }
  denials.push(...predictFiles(plain, policy));
  return { denials, probes };
}

/**
 * Whether a refusal is an invitation to fall back: the emitter answers ENOSYS to calls that are so new that programs try
 * them first. An older call is answered so only because its arguments were not among those that are allowed.
 */
export function isProbe(name: string, errno: string): boolean {
  return errno === "ENOSYS" && (isProbed(name) || !isSyscall(name));
}

const WRITES: ReadonlySet<FileAccess> = new Set([
  "write",
  "create",
  "delete",
  "rename",
  "chmod",
  "chown",
  "link",
]);

/** `files` of a recording as the kinds of access that an enforcer tells apart. */
export function accessKinds(access: readonly FileAccess[]): ("read" | "write" | "execute")[] {
  const kinds: ("read" | "write" | "execute")[] = [];
  if (access.includes("read")) kinds.push("read");
  if (access.some((one) => WRITES.has(one))) kinds.push("write");
  if (access.includes("execute")) kinds.push("execute");
  return kinds;
}

function predictFiles(plain: Recording, policy: Policy): Denial[] {
  return plain.files
    .filter(({ ok }) => ok)
    .flatMap(({ path, access }) =>
      accessKinds(access)
        .filter((kind) => policy.files[kind] !== undefined && !covers(policy.files[kind], path))
        .map((kind) => ({ path, errno: "EACCES", executable: "", suggestion: suggestPath(kind, path) })),
    );
}

interface Row {
  args: bigint[];
  /** The recorded arguments, by place. */
  shown: { index: number; value: bigint }[];
}

/** The recorded argument values of a call, each row as the six arguments of a call; one row of zeros without any. */
function argumentRows(call: RecordedSyscall): Row[] {
  const specs = decisiveArguments[call.name];
  if (call.args === undefined || specs === undefined || call.args.values.length === 0) {
    return [{ args: [0n, 0n, 0n, 0n, 0n, 0n], shown: [] }];
  }
  const { names } = call.args;
  return call.args.values.map((values) => {
    const args = [0n, 0n, 0n, 0n, 0n, 0n];
    const shown: Row["shown"] = [];
    values.forEach((value, i) => {
      const spec = specs.find(({ name }) => name === names[i]);
      // What a pointer points to is out of a filter's reach.
      if (spec === undefined || spec.deref === true) return;
      args[spec.arg] = BigInt(value);
      shown.push({ index: spec.arg, value: BigInt(value) });
    });
    return { args, shown };
  });
}

/** The profile allows the call with other arguments: the suggestion then adds these to it. */
function isAllowedSomehow(policy: Policy, name: string): boolean {
  return policy.seccomp.syscalls.some(
    ({ action, names }) => action === "SCMP_ACT_ALLOW" && names.includes(name),
  );
}
