import { closeSync, fstatSync, openSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { BpfMap, RingBuffer, TracepointProgram, u32Key } from "../../kernel/index.ts";
import {
  BITMAPS_BYTES,
  BITMAP_BYTES,
  COUNTER,
  COUNTERS,
  PHASE,
  SCRATCH_BYTES,
  SLOTS,
  SLOT_SHIFT,
  SPECS_BYTES,
  MAX_NR,
  TRACED,
} from "./abi.ts";
import { capable } from "./capable.ts";
import { type TraceRecord, decodeRecord } from "./decode.ts";
import { sysExit } from "./exit.ts";
import { kernelLayout } from "./layout-cache.ts";
import type { Target } from "./pieces.ts";
import { processExec, processFork, sysEnter } from "./programs.ts";
import { buildSpecs } from "./spec.ts";

/**
 * 8 MiB hold some 75,000 records of ordinary paths between two looks; 1 MiB was measured to overflow in a burst of
 * 20,000 files. It is mapped twice, and all of that counts as ours.
 */
const RING_BYTES = 8 * 1024 * 1024;
/** How often the ring is emptied. A burst of records larger than the ring between two looks is counted as lost. */
const DRAIN_MS = 20;
/** Distinct records remembered as sent; beyond it they are sent again, and told apart in user space. */
const SEEN = 262_144;

export interface TracerOptions {
  /** "namespaces": new mount namespaces (containers); "tree": processes given to `follow`, and their children. */
  scope: "namespaces" | "tree";
  /** Without files and sockets, and so without sys_exit: calls and capabilities only, at less cost. */
  strings?: boolean;
  /** Is called with each record as it comes. */
  onRecord: (record: TraceRecord) => void;
  ringBytes?: number;
  /** Do not use what is kept of this kernel's layout. */
  freshLayout?: boolean;
}

/** A set as the kernel kept it: one row a key. */
export interface ErrnoRow {
  state: number;
  abi: number;
  nr: number;
  errno: number;
}
export interface ArgRow {
  state: number;
  abi: number;
  nr: number;
  values: bigint[];
}
export interface CapabilityRow {
  state: number;
  capability: number;
  granted: boolean;
  abi: number;
  nr: number;
}

/** The eBPF programs and maps of one recording. Attached by `attach`; all of it goes on dispose, or when cinch dies. */
export class Tracer implements Disposable {
  readonly arch: "x86_64" | "aarch64";
  readonly hasCapabilities: boolean;
  #options: TracerOptions;
  #stack = new DisposableStack();
  #maps = new Map<string, BpfMap>();
  #ring: RingBuffer;
  #programs: TracepointProgram[] = [];
  #timer: NodeJS.Timeout | undefined;
  #processes: number;
  #undecoded = 0;
  /** Descriptors of the namespaces there were. */
  #held: number[] = [];

  /** Loads everything; nothing is traced yet. Throws NotSupportedError, BpfError or VerifierError. */
  constructor(options: TracerOptions) {
    this.#options = options;
    this.arch = process.arch === "arm64" ? "aarch64" : "x86_64";
    const layout = kernelLayout(this.arch, options.freshLayout);
    this.hasCapabilities = layout.tracepoints.capable !== undefined;
    this.#processes = processLimit();
    const namespaces = options.scope === "namespaces" ? mountNamespaces() : undefined;
    this.#held = [...(namespaces?.held.values() ?? [])];
    this.#stack.defer(() => this.releaseNamespaces());
    const target: Target = { layout, processes: this.#processes, hostNamespace: namespaces?.own };
    const specs = buildSpecs(this.arch);

    try {
      const table = (name: string, valueSize: number): BpfMap =>
        this.#map(name, { type: "array", keySize: 4, valueSize, maxEntries: 1, mappable: true });
      const set = (name: string, keySize: number, maxEntries: number): BpfMap =>
        this.#map(name, { type: "hash", keySize, valueSize: 8, maxEntries, lazy: true });
      table("states", this.#processes * 4);
      table("bitmaps", BITMAPS_BYTES);
      table("counters", COUNTERS * 8);
      table("slots", SLOTS * 8);
      specs.table.copy(table("specs", SPECS_BYTES).memory());
      specs.quick.copy(table("quick", MAX_NR).memory());
      const known = this.#map("namespaces", {
        type: "hash",
        keySize: 4,
        valueSize: 4,
        maxEntries: 65_536,
        lazy: true,
      });
      for (const inode of namespaces?.held.keys() ?? []) known.set(u32Key(inode), u32Key(0));
      // A call with a few values of its arguments each: programs with thousands (ioctl) are what overflows, and is said.
      set("args", 32, 65_536);
      set("errnos", 16, 65_536);
      set("capabilities", 16, 16_384);
      set("seen", 8, SEEN);
      for (const name of ["exitScratch", "execScratch"]) {
        this.#map(name, { type: "percpuArray", keySize: 4, valueSize: SCRATCH_BYTES, maxEntries: 1 });
      }
      this.#ring = this.#stack.use(new RingBuffer("ring", options.ringBytes ?? RING_BYTES));
      this.#maps.set("ring", this.#ring.map);

      const strings = options.strings !== false;
      const { tracepoints } = layout;
      this.#load("cinch_fork", processFork(target), tracepoints.fork);
      this.#load("cinch_exec", processExec(target), tracepoints.exec);
      this.#load("cinch_enter", sysEnter(target, specs, { args: strings }), tracepoints.sysEnter);
      if (strings) this.#load("cinch_exit", sysExit(target), tracepoints.sysExit);
      if (tracepoints.capable !== undefined)
        this.#load("cinch_capable", capable(target), tracepoints.capable);
    } catch (error) {
      this.#stack.dispose();
      throw error;
    }
  }

  /** From here on everything in scope is recorded. */
  attach(): void {
    for (const program of this.#programs) program.attach();
    this.#timer = setInterval(() => this.drain(), DRAIN_MS);
    this.#timer.unref();
  }

  /** Tree scope: this process, which has not begun its program yet, and what comes of it. */
  follow(pid: number): void {
    this.#setState(pid, TRACED | PHASE.setup);
  }

  /**
   * Namespaces scope: the processes of a container that runs already. Its namespace is one of those that were there
   * when the tracer was made; call it before `attach`. Gives its slot.
   */
  adopt(pid: number): number {
    const counters = this.#table("counters");
    const slot = Number(counters.readBigUInt64LE(COUNTER.slots * 8));
    counters.writeBigUInt64LE(BigInt(slot + 1), COUNTER.slots * 8);
    // Its program has begun: what comes in later is a phase of its own.
    this.#table("slots").writeBigUInt64LE(1n, slot * 8);
    this.#maps
      .get("namespaces")!
      .set(u32Key(namespaceOf(pid)), u32Key(TRACED | (slot << SLOT_SHIFT) | PHASE.app));
    return slot;
  }

  /** The slot that a process's mount namespace was given, if any. */
  slotOf(pid: number): number | undefined {
    const state =
      this.#maps
        .get("namespaces")!
        .get(u32Key(namespaceOf(pid)))
        ?.readUInt32LE(0) ?? 0;
    return state & TRACED ? (state >> SLOT_SHIFT) & 31 : undefined;
  }

  /** Lets go of the namespaces there were, once the container has one of its own: they may now end. */
  releaseNamespaces(): void {
    for (const fd of this.#held.splice(0)) closeSync(fd);
  }

  /** Empties the ring. */
  drain(): void {
    this.#ring.drain((bytes) => {
      let record: TraceRecord | undefined;
      try {
        record = decodeRecord(bytes);
      } catch {
        record = undefined;
      }
      if (record === undefined) this.#undecoded += 1;
      else this.#options.onRecord(record);
    });
  }

  /** Stops recording, and empties the ring a last time. The maps can still be read. */
  detach(): void {
    clearInterval(this.#timer);
    for (const program of this.#programs) program.detach();
    this.drain();
  }

  /** The numbers of the calls made in a state by one convention (0 native, 1 i386, 2 x32). */
  calls(state: number, abi: number): number[] {
    const bitmaps = this.#table("bitmaps");
    const at = (state * 3 + abi) * BITMAP_BYTES;
    const numbers: number[] = [];
    for (let nr = 0; nr < MAX_NR; nr += 1) {
      if (bitmaps[at + (nr >> 3)]! & (1 << (nr & 7))) numbers.push(nr);
    }
    return numbers;
  }

  errnos(): ErrnoRow[] {
    return this.#rows("errnos", (key) => ({
      state: key.readUInt32LE(0),
      ...call(key.readUInt32LE(4)),
      errno: key.readUInt32LE(8),
    }));
  }

  args(): ArgRow[] {
    return this.#rows("args", (key) => ({
      state: key.readUInt32LE(0),
      ...call(key.readUInt32LE(4)),
      values: [0, 1, 2].map((i) => key.readBigUInt64LE(8 + 8 * i)),
    }));
  }

  capabilities(): CapabilityRow[] {
    return this.#rows("capabilities", (key) => ({
      state: key.readUInt32LE(0),
      capability: key.readUInt32LE(4),
      granted: key.readUInt32LE(8) === 1,
      ...call(key.readUInt32LE(12)),
    }));
  }

  /** What could not be kept: how many of each kind. All zero in an ordinary run. */
  lost(): { strings: number } & Record<string, number> {
    const counters = this.#table("counters");
    const of = (place: number): number => Number(counters.readBigUInt64LE(place * 8));
    const missed = this.#programs.reduce((sum, program) => sum + program.misses(), 0);
    const lost: { strings: number } & Record<string, number> = {
      strings: of(COUNTER.strings) + of(COUNTER.truncated) + this.#undecoded,
    };
    for (const [name, value] of [
      ["arguments", of(COUNTER.args)],
      ["errors", of(COUNTER.errnos)],
      ["capabilities", of(COUNTER.capabilities)],
      ["containers", of(COUNTER.scopes)],
      ["processes", of(COUNTER.processes)],
      ["events", missed],
    ] as const) {
      if (value > 0) lost[name] = value;
    }
    return lost;
  }

  /** Calls with numbers that no table has. */
  oddCalls(): number {
    return Number(this.#table("counters").readBigUInt64LE(COUNTER.oddCalls * 8));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#stack.dispose();
  }

  #setState(pid: number, state: number): void {
    if (pid <= 0 || pid >= this.#processes) throw new RangeError(`process id ${pid} is out of range`);
    this.#table("states").writeUInt32LE(state, pid * 4);
  }

  #map(name: string, spec: ConstructorParameters<typeof BpfMap>[1]): BpfMap {
    const map = this.#stack.use(new BpfMap(name, spec));
    this.#maps.set(name, map);
    return map;
  }

  #load(name: string, program: ReturnType<typeof sysExit>, btfId: number): void {
    this.#programs.push(
      this.#stack.use(new TracepointProgram(name, program, btfId, [...this.#maps.values()])),
    );
  }

  #table(name: string): Buffer {
    return this.#maps.get(name)!.memory();
  }

  #rows<T>(name: string, row: (key: Buffer) => T): T[] {
    return [...this.#maps.get(name)!.entries()].map(({ key }) => row(key));
  }
}

function call(key: number): { abi: number; nr: number } {
  return { abi: key >>> 16, nr: key & 0xffff };
}

/** The power of two above every process id (kernel.pid_max; at most 4,194,304). */
function processLimit(): number {
  const max = Number(readFileSync("/proc/sys/kernel/pid_max", "utf8"));
  return 2 ** Math.ceil(Math.log2(Math.max(max, 1024) + 1));
}

/** The inode number that names a process's mount namespace. */
function namespaceOf(pid: number | "self"): number {
  return Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/mnt`))?.[0]);
}

/**
 * The mount namespaces there are: none of them is of a container that is yet to start. pid 1's, ours, those of daemons
 * with a private /tmp, and of every other container. Each is held open by a descriptor: a namespace that ended would give
 * its number to the next one, and that may be the container we wait for.
 */
function mountNamespaces(): { own: number; held: Map<number, number> } {
  const held = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fd = openSync(`/proc/${name}/ns/mnt`, "r");
      const inode = fstatSync(fd).ino;
      if (held.has(inode)) closeSync(fd);
      else held.set(inode, fd);
    } catch {
      // It ended meanwhile.
    }
  }
  return { own: namespaceOf("self"), held };
}
