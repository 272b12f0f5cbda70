import { canonicalArgs, describeRow, refusedRows } from "./args.ts";
import { isWritten, usedFiles } from "./derive/files.ts";
import { LEFT_OUT } from "./derive/left-out.ts";
import { isNeeded } from "./derive/volatile.ts";
import { callsOf, limitsOf } from "./grants.ts";
import type { GrantName, Profile, RecordedPhase, Recording } from "./model.ts";
import { connectAddress, listenAddress, socketName } from "./network.ts";
import { covering } from "./paths.ts";

/** What a profile would need to have besides, and what a run did that needs it. */
export interface Misfit {
  grant: GrantName;
  reason: string;
}

/**
 * What a recording used and a profile does not allow, sorted; empty if the recording fits. The runtime's own calls do not
 * count, for artifacts allow them besides; nor do calls for which programs have others that the profile allows.
 */
export function fits(profile: Profile, recording: Recording): Misfit[] {
  const missing = new Map<GrantName, string>();
  for (const phase of recording.phases) {
    if (phase.name !== "runtime") fitCalls(missing, profile, phase);
  }
  for (const { name, granted, syscalls } of recording.capabilities) {
    if (granted && !profile.capabilities.includes(name))
      missing.set(`capability:${name}`, `asked for by ${syscalls.join(", ")}`);
  }
  fitFiles(missing, profile, recording);
  fitSockets(missing, profile, recording);
  const gained = recording.notes.find(({ code }) => code === "setuid-exec");
  if (gained !== undefined && profile.noNewPrivileges) missing.set("new-privileges", gained.text);
  return [...missing].sort(([a], [b]) => (a < b ? -1 : 1)).map(([grant, reason]) => ({ grant, reason }));
}

function fitCalls(missing: Map<GrantName, string>, profile: Profile, phase: RecordedPhase): void {
  const calls = new Set(callsOf(profile));
  const where = `called in phase ${phase.label ?? phase.name}`;
  if (phase.abi !== "native" && !profile.arch.includes(phase.abi)) {
    missing.set(`arch:${phase.abi}`, `calls were made by the ${phase.abi} convention`);
  }
  for (const call of phase.syscalls) {
    const left = LEFT_OUT[call.name];
    if (!calls.has(call.name)) {
      // Most programs do without io_uring; a profile says so itself (`incomplete`).
      const isReplaced = left !== undefined && (left.instead === undefined || calls.has(left.instead));
      if (!isReplaced) missing.set(`syscall:${call.name}`, where);
      continue;
    }
    const limits = limitsOf(profile, call.name);
    const [row] = limits === undefined || call.args === undefined ? [] : refusedRows(limits, call.args);
    if (row !== undefined) {
      const values = call.args!.names.map((name, i) => `${name} ${row[i] ?? "?"}`).join(", ");
      const allowed = canonicalArgs(limits!.args).map((tests) => describeRow(call.name, tests));
      missing.set(`syscall:${call.name}`, `${where} with ${values}; allowed: ${allowed.join("; or ")}`);
    }
  }
}

/** What a profile can say about a file; that one was only looked at is in no profile. */
const USES = ["read", "write", "execute"] as const;

function fitFiles(missing: Map<GrantName, string>, profile: Profile, recording: Recording): void {
  const { read, write, execute, tmpfs } = profile.filesystem;
  const executable = covering(execute);
  const writable = covering([...write, ...tmpfs]);
  const emptied = covering(tmpfs);
  const readable = covering([...read, ...write, ...execute, ...tmpfs]);
  for (const file of usedFiles([{ recording, run: "" }])) {
    const { path, access } = file;
    const did = [...access].sort().join(", ");
    if (access.has("execute") && executable(path) === undefined) missing.set(`execute:${path}`, did);
    if (isWritten(file) && writable(path) === undefined) missing.set(`write:${path}`, did);
    const isUsed = file.type === "file" && USES.some((one) => access.has(one));
    if (isUsed && isNeeded(file) && emptied(path) !== undefined)
      missing.set(`read:${path}`, `${did}, of what was there before; ${emptied(path)} may be empty`);
    // A grant of / would be one of everything: listing it is let pass.
    if (access.has("read") && path !== "/" && readable(path) === undefined) missing.set(`read:${path}`, did);
  }
}

function fitSockets(missing: Map<GrantName, string>, profile: Profile, { sockets }: Recording): void {
  const kinds = new Set(profile.network.sockets.map(socketName));
  for (const socket of sockets) {
    const did = `${socket.op} ${socket.address}`.trim();
    const kind = socketName(socket);
    if (kind !== undefined && !kinds.has(kind)) missing.set(`socket:${kind}`, did);
    const listen = listenAddress(socket);
    if (listen !== undefined && !profile.network.listen.includes(listen))
      missing.set(`listen:${listen}`, did);
    const connect = connectAddress(socket);
    if (connect !== undefined && !profile.network.connect.includes(connect))
      missing.set(`connect:${connect}`, did);
  }
}
