import { readFileSync } from "node:fs";
import { capabilities, capabilityNumber } from "../../linux/index.ts";
import { type Machine, NUMBERS, STATUS_FD, type Step } from "./machine.ts";
import type { LandlockRules } from "../landlock.ts";

/** What a local process is held by. What is left out stays as it is. */
export interface LocalConfinement {
  /** A seccomp filter: struct sock_filter, one after the other. */
  filter?: Uint8Array;
  /**
   * The filter's calls of SECCOMP_RET_USER_NOTIF are answered by us. A function is given the listener's descriptor (its to
   * close) before the program is executed, and from then on answers: so a program that cannot be executed is an error of
   * `launch`, as ever. It returns a signal that is aborted when answers will not come any more, or nothing. With `true`
   * the caller of `launch` has to answer, and a failure shows only in the exit code.
   */
  listener?: true | ((listener: number) => AbortSignal | void);
  noNewPrivileges?: boolean;
  /** Capabilities that are kept ("CAP_CHOWN"); all others are dropped, for good. */
  capabilities?: string[];
  landlock?: LandlockRules;
  user?: { uid: number; gid: number };
}

/** Descriptors that the launcher is given, besides standard input, output and error. */
export const GATE_FD = 3;
export const LANDLOCK_FD = 5;

const PR_SET_PDEATHSIG = 1;
const PR_SET_KEEPCAPS = 8;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const SECCOMP_SET_MODE_FILTER = 1;
export const FLAG_NEW_LISTENER = 8;
export const FLAG_WAIT_KILLABLE = 32;
const SIGKILL = 9;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/**
 * The launcher's steps, in the order in which each can still be done: dropping from the bounding set needs
 * CAP_SETPCAP, another user CAP_SETUID; the filter comes last, so that nothing but execve needs to pass it (and read,
 * where somebody supervises it, who lets a launcher's calls pass).
 *
 * `filterFlags`: SECCOMP_FILTER_FLAG_* beyond what the confinement asks for.
 */
export function launchSteps(machine: Machine, confinement: LocalConfinement, filterFlags = 0): Step[] {
  const nr = NUMBERS[machine];
  const { user, landlock, filter } = confinement;
  const isSupervised = filter !== undefined && confinement.listener !== undefined;
  // If cinch is killed, the program goes with it. Before the gate, for whoever waits there when it happens.
  const endWithCinch: Step = {
    name: "be ended with cinch",
    nr: nr.prctl,
    args: [PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0],
  };
  const steps: Step[] = [
    endWithCinch,
    // The gate: cinch writes a byte once all is ready. If cinch is gone, nothing starts.
    { name: "wait at the gate", nr: nr.read, args: [GATE_FD, "stack", 1], expect: "one" },
    isSupervised
      ? { name: "mark the gate", nr: nr.fcntl, args: [GATE_FD, F_SETFD, FD_CLOEXEC] }
      : { name: "close the gate", nr: nr.close, args: [GATE_FD] },
    // Descriptors that cinch's own parent left open are none of the program's business. Before Linux 5.9 they stay.
    {
      name: "close what is open",
      nr: nr.close_range,
      args: [landlock === undefined ? LANDLOCK_FD : LANDLOCK_FD + 1, 0xffff_ffff, 0],
      expect: "anything",
    },
    { name: "mark the status pipe", nr: nr.fcntl, args: [STATUS_FD, F_SETFD, FD_CLOEXEC] },
    ...identitySteps(nr, confinement),
  ];
  // A change of user clears it.
  if (user !== undefined) steps.push(endWithCinch);
  // Landlock and filters without privilege demand it.
  if (confinement.noNewPrivileges === true) {
    steps.push({ name: "set no-new-privileges", nr: nr.prctl, args: [PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0] });
  }
  if (landlock !== undefined) {
    steps.push(
      { name: "restrict itself by Landlock", nr: nr.landlock_restrict_self, args: [LANDLOCK_FD, 0] },
      { name: "close the ruleset", nr: nr.close, args: [LANDLOCK_FD] },
    );
  }
  if (filter !== undefined) {
    const flags = filterFlags | (isSupervised ? FLAG_NEW_LISTENER : 0);
    steps.push({
      name: "install the seccomp filter",
      nr: nr.seccomp,
      args: [SECCOMP_SET_MODE_FILTER, flags, { filter }],
    });
  }
  if (isSupervised) {
    // The listener goes with execve: cinch writes a second byte once it has it.
    steps.push({ name: "wait for the supervisor", nr: nr.read, args: [GATE_FD, "stack", 1], expect: "one" });
  }
  steps.push({ name: "execute the program", nr: nr.execve, args: ["program", "arguments", "environment"] });
  return steps;
}

/**
 * User and capabilities. Without no-new-privileges, Landlock and the filter ask for CAP_SYS_ADMIN, which then has to be kept
 * until they are in place; that needs no step afterwards, which the filter would have to let pass, because execve takes
 * it away: root's new capabilities are those of the bounding set, another user's are none (capabilities(7)).
 */
function identitySteps(nr: (typeof NUMBERS)[Machine], confinement: LocalConfinement): Step[] {
  const { user, landlock, filter, capabilities: keep } = confinement;
  const steps: Step[] = [];
  if (keep !== undefined) {
    const kept = new Set(keep.map((name) => capabilityNumber(name)));
    for (const { name, nr: number } of capabilities) {
      if (number > lastCapability() || kept.has(number)) continue;
      steps.push({ name: `drop ${name}`, nr: nr.prctl, args: [PR_CAPBSET_DROP, number, 0, 0, 0] });
    }
    steps.push({
      name: "clear the ambient capabilities",
      nr: nr.prctl,
      args: [PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0],
    });
  }
  const needsAdmin = confinement.noNewPrivileges !== true && (filter !== undefined || landlock !== undefined);
  const isOther = user !== undefined && user.uid !== 0;
  if (user !== undefined) {
    if (isOther && needsAdmin) {
      steps.push({ name: "keep its authority", nr: nr.prctl, args: [PR_SET_KEEPCAPS, 1, 0, 0, 0] });
    }
    steps.push(
      { name: "leave the groups", nr: nr.setgroups, args: [0, 0] },
      { name: `become group ${user.gid}`, nr: nr.setresgid, args: [user.gid, user.gid, user.gid] },
      { name: `become user ${user.uid}`, nr: nr.setresuid, args: [user.uid, user.uid, user.uid] },
    );
  }
  const admin = needsAdmin ? ["CAP_SYS_ADMIN"] : [];
  const wanted = isOther ? (needsAdmin ? admin : undefined) : keep && [...keep, ...admin];
  if (wanted !== undefined) {
    steps.push({ name: "set the capabilities", nr: nr.capset, args: capsetArguments(wanted) });
  }
  return steps;
}

/** capset(2): version 3 for this process; effective and permitted as asked, inheritable empty. */
function capsetArguments(keep: readonly string[]): Step["args"] {
  let mask = 0n;
  for (const name of keep) mask |= 1n << BigInt(capabilityNumber(name) ?? 63);
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x2008_0522);
  const data = Buffer.alloc(24);
  for (const [i, half] of [mask & 0xffff_ffffn, mask >> 32n].entries()) {
    data.writeUInt32LE(Number(half), i * 12);
    data.writeUInt32LE(Number(half), i * 12 + 4);
  }
  return [{ data: header }, { data }];
}

function lastCapability(): number {
  try {
    return Number(readFileSync("/proc/sys/kernel/cap_last_cap", "utf8"));
  } catch {
    return 40;
  }
}
