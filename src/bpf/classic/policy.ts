import { CinchError } from "../../base/index.ts";
import {
  type OciSeccomp,
  type SeccompArg,
  type TableArch,
  X32_BIT,
  syscallNumber,
} from "../../linux/index.ts";
import { SECCOMP_RETURN } from "./seccomp.ts";

/** One comparison of an argument, as 64-bit numbers. `masked-eq`: (argument & mask) = value. */
export type Comparison =
  | { index: number; op: "eq" | "ne" | "lt" | "le" | "gt" | "ge"; value: bigint }
  | { index: number; op: "masked-eq"; mask: bigint; value: bigint };

/** All of `tests` must hold for the filter to give `result`. */
export interface ConditionalRule {
  tests: Comparison[];
  result: number;
}

/** What a filter says about one call: the first rule that holds, else `otherwise`. */
export interface Outcome {
  rules: ConditionalRule[];
  otherwise: number;
}

/** What an OCI profile says about the calls of one architecture. Numbers not in `calls` get `otherwise`. */
export interface ArchPolicy {
  arch: TableArch;
  /** By the number that the kernel sees: for x32 with bit 30. */
  calls: Map<number, Outcome>;
  otherwise: number;
}

const ARCHITECTURES: Record<string, TableArch> = {
  SCMP_ARCH_X86_64: "x86_64",
  SCMP_ARCH_X86: "i386",
  SCMP_ARCH_X32: "x32",
  SCMP_ARCH_AARCH64: "aarch64",
};

const ACTIONS: Record<string, number> = {
  SCMP_ACT_KILL: SECCOMP_RETURN.killThread,
  SCMP_ACT_KILL_THREAD: SECCOMP_RETURN.killThread,
  SCMP_ACT_KILL_PROCESS: SECCOMP_RETURN.killProcess,
  SCMP_ACT_TRAP: SECCOMP_RETURN.trap,
  SCMP_ACT_ERRNO: SECCOMP_RETURN.errno,
  SCMP_ACT_TRACE: SECCOMP_RETURN.trace,
  SCMP_ACT_ALLOW: SECCOMP_RETURN.allow,
  SCMP_ACT_LOG: SECCOMP_RETURN.log,
  SCMP_ACT_NOTIFY: SECCOMP_RETURN.notify,
};

const EPERM = 1;

/**
 * What a profile in the OCI form means on a machine, by the rules of runc, crun and libseccomp:
 *
 * - the machine's own architecture is always in; of the listed ones, those that the machine can run;
 * - a rule with the action of the default is skipped, and a name that the architecture has not is ignored;
 * - a rule without arguments decides its call, whatever else is said about it; the first such rule counts;
 * - all arguments of a rule must hold, but if one index stands in it twice, each argument is a rule by itself
 *   (runc: matchCall, crun: libcrun_generate_seccomp, both for the sake of old profiles);
 * - i386's socketcall and ipc follow the calls that they stand for (libseccomp: abi_rule_add).
 *
 * libseccomp leaves open what counts where conditional rules of several actions hold at once; here it is the first.
 * Throws `bad-seccomp` for what is not of the form.
 */
export function policiesOf(oci: OciSeccomp, native: TableArch): ArchPolicy[] {
  const otherwise = resultOf(oci.defaultAction, oci.defaultErrnoRet);
  const rules = oci.syscalls.flatMap(({ names, action, errnoRet, args }) => {
    const result = resultOf(action, errnoRet);
    return result === otherwise ? [] : [{ names, result, alternatives: alternativesOf(args ?? []) }];
  });
  return architecturesOf(oci, native).map((arch) => {
    const calls = new Map<number, Outcome>();
    const decided = new Set<number>();
    const add = (nr: number | undefined, tests: Comparison[], result: number): void => {
      if (nr === undefined || decided.has(nr)) return;
      if (tests.length === 0) {
        decided.add(nr);
        calls.set(nr, { rules: [], otherwise: result });
        return;
      }
      const outcome = calls.get(nr) ?? { rules: [], otherwise };
      outcome.rules.push({ tests, result });
      calls.set(nr, outcome);
    };
    for (const { names, result, alternatives } of rules) {
      for (const name of names) {
        for (const tests of alternatives) {
          const mux = arch === "i386" ? multiplexed(name) : undefined;
          if (mux !== undefined) add(mux.nr, withFirst(tests, mux.call), result);
          add(numberOf(arch, name), tests, result);
        }
      }
    }
    return { arch, calls, otherwise };
  });
}

/** The filter result that an action's name stands for. */
function resultOf(action: string, errnoRet: number | undefined): number {
  const value = ACTIONS[action];
  if (value === undefined) {
    throw new CinchError("bad-seccomp", `seccomp profile: there is no action '${action}'`);
  }
  if (action !== "SCMP_ACT_ERRNO" && action !== "SCMP_ACT_TRACE") return value;
  const errno = errnoRet ?? EPERM;
  if (!Number.isInteger(errno) || errno < 0 || errno > 0xffff) {
    throw new CinchError("bad-seccomp", `seccomp profile: errnoRet ${errno} is not a number from 0 to 65535`);
  }
  return (value | errno) >>> 0;
}

function architecturesOf(oci: OciSeccomp, native: TableArch): TableArch[] {
  const machine: TableArch[] = native === "aarch64" ? ["aarch64"] : ["x86_64", "i386", "x32"];
  const listed = new Set((oci.architectures ?? []).map((name) => ARCHITECTURES[name]));
  return machine.filter((arch, i) => i === 0 || listed.has(arch));
}

function numberOf(arch: TableArch, name: string): number | undefined {
  const nr = syscallNumber(arch, name);
  return arch === "x32" && nr !== undefined ? X32_BIT + nr : nr;
}

// ---- arguments -------------------------------------------------------------------------------------------------

/** The lists of tests of which one must hold; a rule without arguments has one empty list, which always holds. */
function alternativesOf(args: readonly SeccompArg[]): Comparison[][] {
  const tests = args.map(comparisonOf);
  const repeats = new Set(tests.map(({ index }) => index)).size < tests.length;
  const alternatives = repeats ? tests.map((test) => [test]) : [tests];
  // A mask of no bits asks nothing.
  return alternatives.map((list) => list.filter((test) => test.op !== "masked-eq" || test.mask !== 0n));
}

function comparisonOf({ index, op, value, valueTwo }: SeccompArg): Comparison {
  if (!Number.isInteger(index) || index < 0 || index > 5) {
    throw new CinchError("bad-seccomp", `seccomp profile: a call has arguments 0 to 5, not ${index}`);
  }
  switch (op) {
    case "SCMP_CMP_EQ":
      return { index, op: "eq", value: word(value) };
    case "SCMP_CMP_NE":
      return { index, op: "ne", value: word(value) };
    case "SCMP_CMP_LT":
      return { index, op: "lt", value: word(value) };
    case "SCMP_CMP_LE":
      return { index, op: "le", value: word(value) };
    case "SCMP_CMP_GT":
      return { index, op: "gt", value: word(value) };
    case "SCMP_CMP_GE":
      return { index, op: "ge", value: word(value) };
    case "SCMP_CMP_MASKED_EQ": {
      // The form has the mask first; bits of the value outside of it do not count (libseccomp: _db_node_mask_fixup).
      const mask = word(value);
      return { index, op: "masked-eq", mask, value: word(valueTwo ?? 0) & mask };
    }
    default:
      throw new CinchError("bad-seccomp", `seccomp profile: there is no comparison '${op}'`);
  }
}

function word(value: number): bigint {
  if (!Number.isSafeInteger(value)) {
    throw new CinchError(
      "bad-seccomp",
      `seccomp profile: ${value} is no whole number below 2^53, beyond which JSON readers lose digits`,
    );
  }
  return BigInt.asUintN(64, BigInt(value));
}

// ---- i386's multiplexers ---------------------------------------------------------------------------------------

/** The number with which socketcall(2) selects a call (linux/net.h). */
const SOCKETCALL: Record<string, number> = {
  socket: 1,
  bind: 2,
  connect: 3,
  listen: 4,
  accept: 5,
  getsockname: 6,
  getpeername: 7,
  socketpair: 8,
  send: 9,
  recv: 10,
  sendto: 11,
  recvfrom: 12,
  shutdown: 13,
  setsockopt: 14,
  getsockopt: 15,
  sendmsg: 16,
  recvmsg: 17,
  accept4: 18,
  recvmmsg: 19,
  sendmmsg: 20,
};

/** The same for ipc(2) (linux/ipc.h). */
const IPC: Record<string, number> = {
  semop: 1,
  semget: 2,
  semctl: 3,
  semtimedop: 4,
  msgsnd: 11,
  msgrcv: 12,
  msgget: 13,
  msgctl: 14,
  shmat: 21,
  shmdt: 22,
  shmget: 23,
  shmctl: 24,
};

/** The calls that i386 programs may also make through `socketcall` or `ipc`, by the name of that. */
export const multiplexers: Readonly<Record<"socketcall" | "ipc", readonly string[]>> = {
  socketcall: Object.keys(SOCKETCALL),
  ipc: Object.keys(IPC),
};

function multiplexed(name: string): { nr: number | undefined; call: number } | undefined {
  if (Object.hasOwn(SOCKETCALL, name))
    return { nr: syscallNumber("i386", "socketcall"), call: SOCKETCALL[name]! };
  if (Object.hasOwn(IPC, name)) return { nr: syscallNumber("i386", "ipc"), call: IPC[name]! };
  return undefined;
}

/** The tests with that of argument 0 replaced, as libseccomp does it; the others are kept, senseless as they are there. */
function withFirst(tests: readonly Comparison[], call: number): Comparison[] {
  return [{ index: 0, op: "eq", value: BigInt(call) }, ...tests.filter(({ index }) => index !== 0)];
}
