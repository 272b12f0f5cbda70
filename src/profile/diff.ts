import { LEFT_OUT } from "./derive/calls.ts";
import { covers, grantsOf, limitsOf } from "./grants.ts";
import type { GrantName, Profile, Recording } from "./model.ts";
import { listenAddress, socketName } from "./network.ts";

export interface ProfileDiff {
  /** What A allows and B does not. */
  onlyA: GrantName[];
  /** What B allows and A does not. */
  onlyB: GrantName[];
  /** Calls that both allow, with other argument limits. */
  limits: { grant: GrantName; a: string; b: string }[];
  same: boolean;
}

/** Compares what two profiles allow; names and targets do not count. */
export function diffProfiles(a: Profile, b: Profile): ProfileDiff {
  const [inA, inB] = [new Set(grantsOf(a)), new Set(grantsOf(b))];
  const limits = [...inA.intersection(inB)]
    .filter((grant) => grant.startsWith("syscall:"))
    .map((grant) => {
      const name = grant.slice("syscall:".length);
      return { grant, a: limitsOf(a, name) ?? "any arguments", b: limitsOf(b, name) ?? "any arguments" };
    })
    .filter((one) => one.a !== one.b);
  const [onlyA, onlyB] = [[...inA.difference(inB)], [...inB.difference(inA)]];
  return { onlyA, onlyB, limits, same: onlyA.length + onlyB.length + limits.length === 0 };
}

/** What a recording used and a profile does not allow, each with the reason; empty if the recording fits. */
export function fits(profile: Profile, recording: Recording): { grant: GrantName; reason: string }[] {
  const missing = new Map<GrantName, string>();
  const calls = new Set(
    profile.syscalls.allow.map((grant) => (typeof grant === "string" ? grant : grant.name)),
  );
  for (const phase of recording.phases) {
    if (phase.name === "runtime") continue;
    if (phase.abi !== "native" && !profile.arch.includes(phase.abi)) {
      missing.set(`arch:${phase.abi}`, `calls were made by the ${phase.abi} convention`);
    }
    for (const call of phase.syscalls) {
      // Programs do without these, and no profile grants them because a run made them.
      if (LEFT_OUT[call.name] !== undefined) continue;
      if (!calls.has(call.name))
        missing.set(`syscall:${call.name}`, `called in phase ${phase.label ?? phase.name}`);
    }
  }
  for (const { name, granted, syscalls } of recording.capabilities) {
    if (granted && !profile.capabilities.includes(name))
      missing.set(`capability:${name}`, `asked for by ${syscalls.join(", ")}`);
  }
  const { filesystem } = profile;
  for (const { path, access, ok } of recording.files) {
    if (!ok) continue;
    if (access.includes("execute") && !covers(filesystem.execute, path))
      missing.set(`execute:${path}`, "executed");
    const writes = access.some((one) => !["read", "execute", "stat", "readlink", "mount"].includes(one));
    if (writes && !covers([...filesystem.write, ...filesystem.tmpfs], path))
      missing.set(`write:${path}`, access.join(", "));
    const readable = [...filesystem.read, ...filesystem.write, ...filesystem.execute, ...filesystem.tmpfs];
    if (access.includes("read") && !covers(readable, path)) missing.set(`read:${path}`, "read");
  }
  const sockets = new Set(profile.network.sockets.map(socketName));
  for (const socket of recording.sockets) {
    if (socket.op === "create" && !sockets.has(socketName(socket)))
      missing.set(`socket:${socketName(socket)}`, "created");
    if (socket.op !== "listen") continue;
    const address = listenAddress(socket);
    if (address !== undefined && !profile.network.listen.includes(address))
      missing.set(`listen:${address}`, "listened on");
  }
  return [...missing].sort(([a], [b]) => (a < b ? -1 : 1)).map(([grant, reason]) => ({ grant, reason }));
}
