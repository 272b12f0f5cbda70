import type { Abi, RecordedSyscall } from "../../profile/index.ts";
import { decisiveArguments, syscallNumber, type TableArch } from "../../linux/index.ts";

/** More distinct values of a call's arguments than this are not a set that a filter could be made of. */
const MAX_VALUES = 64;

interface Seen {
  count: number;
  errnos: Set<string>;
  values: Map<string, number[]>;
  closed: boolean;
}

/** Calls of one convention by name. */
type Calls = Map<string, Seen>;

/**
 * The calls made between two execve: one program, whose calls are made in one way unless strace says otherwise. What
 * strace did not say (it writes "runs in 32 bit mode" to standard error, not into the file of -o) is `unstated`, and is
 * settled when all of the program is known.
 */
export interface Image {
  /** Processes and threads that run it. */
  users: number;
  stated: Map<Abi, Calls>;
  unstated: Calls;
  /** It made x32 calls by their native numbers, which strace marks. */
  marked: boolean;
}

export function newImage(): Image {
  return { users: 1, stated: new Map(), unstated: new Map(), marked: false };
}

/** One call's outcome. `values` undefined: some argument's value is not known. */
export interface Outcome {
  errno: string | undefined;
  values: number[] | undefined;
}

export function count(image: Image, abi: Abi | undefined, name: string, outcome: Outcome): void {
  const calls = abi === undefined ? image.unstated : callsOf(image.stated, abi);
  const seen = seenOf(calls, name);
  seen.count++;
  if (outcome.errno !== undefined) seen.errnos.add(outcome.errno);
  if (outcome.values === undefined) seen.closed = false;
  else if (outcome.values.length > 0) addValues(seen, outcome.values);
}

function addValues(seen: Seen, row: number[]): void {
  const key = row.join();
  if (seen.values.has(key)) return;
  if (seen.values.size < MAX_VALUES) seen.values.set(key, row);
  else seen.closed = false;
}

/** What socketcall(2) reaches on i386; strace shows these names for it. Neither `send` nor `recv` is a call by itself. */
const SOCKETCALLS = new Set(
  `socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown setsockopt
   getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg`.split(/\s+/),
);
/** What ipc(2) reaches on i386. */
const IPCS = new Set(
  "semop semget semctl semtimedop msgsnd msgrcv msgget msgctl shmat shmdt shmget shmctl".split(" "),
);

/** Gathers finished images: per convention each call with its errors and argument values. */
export class CallTotals {
  readonly #native: TableArch;
  readonly #totals = new Map<Abi, Calls>();
  /** Names that the machine has no number for: the log is of another architecture. */
  readonly foreign = new Set<string>();
  /** Conventions that had to be guessed. */
  readonly guessed = new Set<Abi>();

  constructor(native: TableArch) {
    this.#native = native;
  }

  add(image: Image): void {
    for (const [abi, calls] of image.stated) this.#merge(abi, calls);
    if (image.unstated.size === 0) return;
    const abi = this.#guess(image);
    this.#merge(abi, image.unstated);
  }

  /** By the names: a call that only i386 has makes the program a 32-bit one. */
  #guess(image: Image): Abi {
    if (this.#native !== "x86_64") return "native";
    let abi: Abi = image.marked ? "x32" : "native";
    for (const name of image.unstated.keys()) {
      if (syscallNumber("x86_64", name) === undefined && isI386(name)) abi = "i386";
    }
    if (abi !== "native") this.guessed.add(abi);
    return abi;
  }

  #merge(abi: Abi, calls: Calls): void {
    const into = callsOf(this.#totals, abi);
    for (const [name, from] of calls) {
      const known = this.#nameIn(abi, name, into);
      const to = seenOf(into, known);
      // A multiplexer's own argument is not shown.
      if (known !== name) to.closed = false;
      to.count += from.count;
      for (const errno of from.errnos) to.errnos.add(errno);
      to.closed &&= from.closed;
      for (const row of from.values.values()) addValues(to, row);
    }
  }

  /** strace shows what i386's socketcall and ipc were asked for. Which of the two ways was used it does not show. */
  #nameIn(abi: Abi, name: string, into: Calls): string {
    if (abi !== "i386") return name;
    const multiplexer = SOCKETCALLS.has(name) ? "socketcall" : IPCS.has(name) ? "ipc" : undefined;
    if (multiplexer === undefined) return name;
    if (syscallNumber("i386", name) === undefined) return multiplexer;
    if (!into.has(multiplexer)) into.set(multiplexer, { ...newSeen(), closed: false });
    return name;
  }

  /** Sorted by name, native first. */
  phases(): { abi: Abi; syscalls: RecordedSyscall[] }[] {
    return (["native", "i386", "x32"] as const)
      .map((abi) => ({
        abi,
        syscalls: [...(this.#totals.get(abi) ?? [])]
          .flatMap(([name, seen]) => this.#describe(abi, name, seen) ?? [])
          .toSorted(byName),
      }))
      .filter(({ syscalls }) => syscalls.length > 0);
  }

  #describe(abi: Abi, name: string, seen: Seen): RecordedSyscall | undefined {
    const table = abi === "native" ? this.#native : abi;
    const unknown = /^syscall_(\d+)$/.exec(name);
    // x32's calls by their native number have no number of their own in its table.
    const nr = unknown
      ? Number(unknown[1])
      : (syscallNumber(table, name) ?? syscallNumber(this.#native, name));
    if (nr === undefined) {
      this.foreign.add(name);
      return undefined;
    }
    const specs = decisiveArguments[name];
    return {
      name,
      nr,
      ...(seen.count === 0 ? { assumed: true } : { count: seen.count }),
      errnos: [...seen.errnos].toSorted(),
      ...(specs && {
        args: {
          names: specs.map((spec) => spec.name),
          values: [...seen.values.values()].toSorted(byValues),
          closed: seen.closed,
        },
      }),
    };
  }
}

function isI386(name: string): boolean {
  return syscallNumber("i386", name) !== undefined || name === "send" || name === "recv";
}

function newSeen(): Seen {
  return { count: 0, errnos: new Set(), values: new Map(), closed: true };
}

function callsOf(map: Map<Abi, Calls>, abi: Abi): Calls {
  let calls = map.get(abi);
  if (calls === undefined) map.set(abi, (calls = new Map()));
  return calls;
}

function seenOf(calls: Calls, name: string): Seen {
  let seen = calls.get(name);
  if (seen === undefined) calls.set(name, (seen = newSeen()));
  return seen;
}

function byName(a: RecordedSyscall, b: RecordedSyscall): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function byValues(a: number[], b: number[]): number {
  for (const [at, value] of a.entries()) if (value !== b[at]) return value - b[at]!;
  return 0;
}
