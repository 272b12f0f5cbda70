import type {
  Abi,
  Note,
  PhaseName,
  RecordedCapability,
  RecordedPhase,
  RecordedSocket,
  RecordedSyscall,
} from "../../profile/index.ts";
import {
  capabilityName,
  constants,
  decisiveArguments,
  errnoName,
  socketDomainName,
  socketTypeName,
  syscallName,
  type TableArch,
} from "../../linux/index.ts";
import { PHASE, SLOT_SHIFT } from "./abi.ts";
import { isAdvisory } from "./advisory.ts";
import type { ArgRow, ErrnoRow, Tracer } from "./tracer.ts";

/** More distinct values of a call's arguments than this are not a set that a filter could be made of. */
const MAX_VALUES = 64;

export const ABIS: readonly Abi[] = ["native", "i386", "x32"];

/** The table that names a convention's calls. */
export function tableOf(arch: "x86_64" | "aarch64", abi: number): TableArch {
  return abi === 1 ? "i386" : abi === 2 ? "x32" : arch;
}

/** A call's name, "syscall_999" where the tables have none. */
export function nameOf(arch: "x86_64" | "aarch64", abi: number, nr: number): string {
  return syscallName(tableOf(arch, abi), nr) ?? `syscall_${nr}`;
}

export function phaseName(phase: number): PhaseName {
  return phase < PHASE.app ? "runtime" : phase === PHASE.app ? "app" : "exec";
}

/** What a call needs to be told apart: states differ in slot and phase. */
const rowKey = (row: { state: number; abi: number; nr: number }): string =>
  `${row.state}/${row.abi}/${row.nr}`;

function groupRows<T extends { state: number; abi: number; nr: number }>(
  rows: readonly T[],
): Map<string, T[]> {
  return Map.groupBy(rows, rowKey);
}

/**
 * The phases of one container or process tree (its slot): each call with its errors and the values of its arguments.
 * `labels` names the exec phases. A set that lost rows (`lossy`) makes no closed sets of values.
 */
export function collectPhases(
  tracer: Tracer,
  slot: number,
  labels: ReadonlyMap<number, string>,
  lossy: boolean,
): { phases: RecordedPhase[]; notes: Note[] } {
  const errnos = groupRows(tracer.errnos());
  const args = groupRows(tracer.args());
  const notes: Note[] = [];
  const phases = new Map<string, RecordedPhase>();
  for (let phase = PHASE.runtime as number; phase <= PHASE.last; phase += 1) {
    const state = (slot << SLOT_SHIFT) | phase;
    for (const [abi, abiName] of ABIS.entries()) {
      const numbers = tracer.calls(state, abi);
      if (numbers.length === 0) continue;
      const name = phaseName(phase);
      const label = name === "exec" ? (labels.get(state) ?? "unknown") : undefined;
      // The same program run again and again (a health check) is one phase.
      const key = `${name}/${abiName}/${label ?? ""}`;
      const into = phases.get(key) ?? {
        name,
        abi: abiName,
        ...(label !== undefined && { label }),
        syscalls: [],
      };
      phases.set(key, into);
      for (const nr of numbers) {
        const found = { state, abi, nr };
        addCall(
          into.syscalls,
          describe(tracer.arch, found, errnos.get(rowKey(found)), args.get(rowKey(found)), lossy),
        );
      }
    }
  }
  if (tracer.calls((slot << SLOT_SHIFT) | PHASE.last, 0).length > 0) {
    notes.push({
      code: "exec-phases-shared",
      text: "more than 12 programs were started in it later; the last share a phase",
    });
  }
  for (const phase of phases.values())
    phase.syscalls.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return { phases: [...phases.values()], notes };
}

function describe(
  arch: "x86_64" | "aarch64",
  call: { abi: number; nr: number },
  errnos: ErrnoRow[] | undefined,
  args: ArgRow[] | undefined,
  lossy: boolean,
): RecordedSyscall {
  const name = nameOf(arch, call.abi, call.nr);
  const syscall: RecordedSyscall = {
    name,
    nr: call.nr,
    errnos: [...new Set((errnos ?? []).map((row) => errnoName(row.errno)))].sort(),
  };
  const specs = decisiveArguments[name];
  if (specs !== undefined && args !== undefined) {
    const names = specs.map((spec) => spec.name);
    const values = args.map((row) => row.values.slice(0, names.length).map(Number)).sort(compareRows);
    syscall.args = {
      names,
      values: values.slice(0, MAX_VALUES),
      closed: !lossy && values.length <= MAX_VALUES,
    };
  }
  return syscall;
}

/** Adds a call to a phase that may hold it already (phases of one label). */
function addCall(calls: RecordedSyscall[], call: RecordedSyscall): void {
  const before = calls.find((other) => other.nr === call.nr);
  if (before === undefined) {
    calls.push(call);
    return;
  }
  before.errnos = [...new Set([...before.errnos, ...call.errnos])].sort();
  if (call.args === undefined) return;
  if (before.args === undefined) {
    before.args = call.args;
    return;
  }
  const rows = new Map([...before.args.values, ...call.args.values].map((row) => [row.join(), row]));
  const values = [...rows.values()].sort(compareRows);
  before.args = {
    names: before.args.names,
    values: values.slice(0, MAX_VALUES),
    closed: before.args.closed && call.args.closed && values.length <= MAX_VALUES,
  };
}

function compareRows(a: number[], b: number[]): number {
  for (let i = 0; i < a.length; i += 1) {
    if (a[i] !== b[i]) return a[i]! - (b[i] ?? 0);
  }
  return 0;
}

/** Capabilities asked for by the program and what ran in its container, with the calls that asked. */
export function collectCapabilities(
  tracer: Tracer,
  slot: number,
): { capabilities: RecordedCapability[]; advisory: RecordedCapability[] } {
  const used = new Map<string, RecordedCapability>();
  const advisory = new Map<string, RecordedCapability>();
  const namespaces = namespaceCalls(tracer, slot);
  for (const row of tracer.capabilities()) {
    if (row.state >> SLOT_SHIFT !== slot) continue;
    const call = nameOf(tracer.arch, row.abi, row.nr);
    const capability = capabilityName(row.capability) ?? `CAP_${row.capability}`;
    const into = isAdvisory(capability, call, namespaces.has(call)) ? advisory : used;
    const key = `${capability}/${row.granted}`;
    const entry = into.get(key) ?? { name: capability, granted: row.granted, syscalls: [] };
    into.set(key, entry);
    if (!entry.syscalls.includes(call)) entry.syscalls.push(call);
  }
  const sorted = (map: Map<string, RecordedCapability>): RecordedCapability[] => {
    for (const entry of map.values()) entry.syscalls.sort();
    return [...map.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
  };
  return { capabilities: sorted(used), advisory: sorted(advisory) };
}

/** Which of clone and clone3 were called with flags that make namespaces, for which they do need CAP_SYS_ADMIN. */
function namespaceCalls(tracer: Tracer, slot: number): Set<string> {
  const {
    CLONE_NEWNS,
    CLONE_NEWCGROUP,
    CLONE_NEWUTS,
    CLONE_NEWIPC,
    CLONE_NEWUSER,
    CLONE_NEWPID,
    CLONE_NEWNET,
  } = constants.clone;
  const mask = BigInt(
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET,
  );
  const found = new Set<string>();
  for (const row of tracer.args()) {
    const call = nameOf(tracer.arch, row.abi, row.nr);
    const clones = call === "clone" || call === "clone3";
    if (clones && row.state >> SLOT_SHIFT === slot && (row.values[0]! & mask) !== 0n) found.add(call);
  }
  return found;
}

/** Sockets that were created, from the argument values of socket and socketpair in the application and exec phases. */
export function collectSockets(tracer: Tracer, slot: number): RecordedSocket[] {
  return tracer
    .args()
    .filter((row) => row.state >> SLOT_SHIFT === slot && (row.state & 15) >= PHASE.app)
    .filter((row) => ["socket", "socketpair"].includes(nameOf(tracer.arch, row.abi, row.nr)))
    .map(({ values: [domain, type, protocol] }) => ({
      domain: socketDomainName(Number(domain)),
      type: socketTypeName(Number(type)),
      protocol: Number(protocol),
      op: "create",
      address: "",
    }));
}
