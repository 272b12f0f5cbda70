import { release } from "node:os";
import { CinchError, type Talk } from "../../base/index.ts";
import type { Note, Recording } from "../../profile/index.ts";
import { VerifierError } from "../../kernel/index.ts";
import { lossNotes, notesOn } from "../notes.ts";
import { PHASE } from "./abi.ts";
import { advisoryAbout } from "./advisory.ts";
import { Assembly, type RefusedCall, slotOf } from "./assemble.ts";
import { collectCapabilities, collectPhases, collectSockets } from "./collect.ts";
import type { TraceRecord } from "./decode.ts";
import { Tracer, type TracerOptions } from "./tracer.ts";

/** How often records are worked on while the target runs: its files can only be looked at as long as it does. */
const ASSEMBLE_MS = 100;

export interface SessionOptions {
  /** "tree": local processes given to `follow`; "namespaces": the container found by `cgroup` or `pid`. */
  scope: "tree" | "namespaces";
  /** Without paths, addresses, errors and arguments: calls and capabilities only, at less cost. */
  strings?: boolean;
  talk: Talk;
}

/** What the session cannot know by itself. */
export interface Subject {
  target: string;
  runtime: string;
  noNewPrivileges: boolean;
}

/**
 * One recording by eBPF, from attaching to the finished document:
 *
 *     using session = new EbpfSession({ scope: "tree", talk });
 *     session.attach();
 *     session.follow(pid, "/");
 *     …
 *     const { recording, refused } = session.finish({ target, runtime: "local", noNewPrivileges: true });
 */
export class EbpfSession implements Disposable {
  #tracer: Tracer;
  #records = new Map<number, TraceRecord[]>();
  #timer: NodeJS.Timeout | undefined;
  #assembly: Assembly | undefined;
  #slot: number | undefined;
  #root: string | undefined;
  #started = new Date();
  #adopted = false;
  #strings: boolean;

  /** Loads the programs. Throws NotSupportedError or BpfError where that is not possible here. */
  constructor(options: SessionOptions) {
    this.#strings = options.strings !== false;
    const settings: TracerOptions = {
      scope: options.scope,
      strings: this.#strings,
      onRecord: (record) => {
        const slot = slotOf(record.state);
        const list = this.#records.get(slot);
        if (list === undefined) this.#records.set(slot, [record]);
        else list.push(record);
      },
    };
    try {
      this.#tracer = new Tracer(settings);
    } catch (error) {
      // What was kept of the kernel's layout may be wrong: once more from the kernel itself.
      if (!(error instanceof VerifierError)) throw error;
      options.talk.detail(`loading again with the kernel's own BTF: ${error.message}`);
      this.#tracer = new Tracer({ ...settings, freshLayout: true });
    }
  }

  attach(): void {
    this.#started = new Date();
    this.#tracer.attach();
    this.#timer = setInterval(() => this.#assemble(), ASSEMBLE_MS);
    this.#timer.unref();
  }

  /** Tree scope: the process at its gate, and what comes of it. */
  follow(pid: number): void {
    this.#tracer.follow(pid);
    this.#choose(0, "/");
  }

  /** Namespaces scope, before `attach`: a container that runs already; its start is missed. */
  adopt(pid: number): void {
    this.#adopted = true;
    this.#choose(this.#tracer.adopt(pid), `/proc/${pid}/root`);
  }

  /**
   * Namespaces scope: which of the new containers is meant. By the name of its cgroup, which holds the container's id;
   * else by its main process. `pid` 0: it has ended.
   */
  identify(container: { cgroup: string | undefined; pid: number }): void {
    if (this.#slot !== undefined) return;
    this.#tracer.drain();
    const byCgroup = [...this.#records].find(([, records]) =>
      records.some(
        (record) =>
          record.kind === "exec" &&
          container.cgroup !== undefined &&
          container.cgroup !== "" &&
          record.string.toString().includes(container.cgroup),
      ),
    )?.[0];
    let slot = byCgroup;
    if (slot === undefined && container.pid > 0) {
      try {
        slot = this.#tracer.slotOf(container.pid);
      } catch {
        slot = undefined;
      }
    }
    if (slot === undefined) return;
    this.#tracer.releaseNamespaces();
    this.#choose(slot, container.pid > 0 ? `/proc/${container.pid}/root` : undefined);
  }

  /**
   * Stops, and gives the recording. Throws `nothing-recorded` if the container was not seen at all. `interrupted`: it was
   * cut short by somebody, and says so.
   */
  finish(subject: Subject, interrupted = false): { recording: Recording; refused: RefusedCall[] } {
    const seconds = (Date.now() - this.#started.getTime()) / 1000;
    clearInterval(this.#timer);
    this.#tracer.detach();
    this.#assemble();
    const slot = this.#slot;
    const assembly = this.#assembly;
    if (slot === undefined || assembly === undefined) {
      throw new CinchError(
        "nothing-recorded",
        `${subject.target}: no program of the container was seen to start`,
        {
          hint: "if it ended at once, its log says why; a container that shares its mount namespace with the host cannot be recorded",
        },
      );
    }
    assembly.finish();
    const lost = this.#tracer.lost();
    const isLossy = Object.values(lost).some((count) => count > 0);
    const { phases, notes } = collectPhases(this.#tracer, slot, assembly.labels, isLossy || this.#adopted);
    const { capabilities, advisory } = collectCapabilities(this.#tracer, slot);
    for (const socket of collectSockets(this.#tracer, slot)) assembly.addSocket(socket);
    const all: Note[] = [...notes, ...assembly.notes.values(), ...notesOn(phases), ...lossNotes(lost)];
    for (const { name, syscalls } of advisory) {
      all.push({
        code: "advisory-check",
        text: `${name} was asked for by ${syscalls.join(", ")}: only about ${advisoryAbout(name)}, not a need`,
      });
    }
    if (!this.#tracer.hasCapabilities) {
      all.push({
        code: "capabilities-unseen",
        text: "this kernel has no cap_capable tracepoint (Linux 6.13): capabilities were not recorded",
      });
    }
    if (!this.#strings) {
      all.push({
        code: "calls-only",
        text: "files, sockets, arguments and errors were not recorded, as asked",
      });
    }
    if (this.#adopted) {
      all.push({
        code: "start-missed",
        text: "the container ran before the recording began: what its start needs is missing",
      });
    }
    if (interrupted) all.push({ code: "interrupted", text: "the recording was cut short" });
    const complete =
      !isLossy && !this.#adopted && !interrupted && this.#tracer.hasCapabilities && this.#strings;
    const recording: Recording = {
      schemaVersion: 1,
      kind: "recording",
      target: subject.target,
      arch: this.#tracer.arch,
      kernel: release(),
      startedAt: this.#started.toISOString(),
      seconds: Math.round(seconds * 1000) / 1000,
      complete,
      lost,
      method: "ebpf",
      runtimes: [subject.runtime],
      noNewPrivileges: subject.noNewPrivileges,
      ...(assembly.user !== undefined && { user: assembly.user }),
      phases,
      capabilities,
      files: assembly.files.files(),
      executables: [...assembly.executables].sort(),
      sockets: assembly.sockets(),
      notes: all,
    };
    return { recording, refused: assembly.refused };
  }

  /** Whether a call reached the kernel, in any phase: one that a filter answers never does. */
  reached(nr: number, abi: number): boolean {
    const slot = this.#slot ?? 0;
    for (let phase = PHASE.runtime as number; phase <= PHASE.last; phase += 1) {
      if (this.#tracer.calls((slot << 4) | phase, abi).includes(nr)) return true;
    }
    return false;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#tracer[Symbol.dispose]();
  }

  #choose(slot: number, root: string | undefined): void {
    this.#slot = slot;
    this.#root = root;
    this.#assembly ??= new Assembly(this.#tracer.arch, () => this.#root);
    this.#assemble();
  }

  /** Works the records of the chosen slot into the assembly. */
  #assemble(): void {
    if (this.#slot === undefined || this.#assembly === undefined) return;
    const records = this.#records.get(this.#slot);
    if (records === undefined) return;
    this.#records.set(this.#slot, []);
    for (const record of records) this.#assembly.add(record);
  }
}
