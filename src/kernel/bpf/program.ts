import { CinchError } from "../../base/index.ts";
import { type Instruction, disassemble, encodeProgram } from "../../bpf/index.ts";
import { errnoName } from "../../linux/index.ts";
import { libc } from "../libc.ts";
import type { BpfMap } from "./map.ts";
import { BpfError, COMMAND, Descriptor, bpf, mustBpf } from "./syscall.ts";

const TYPE_TRACING = 26;
const ATTACH_RAW_TRACEPOINT = 23;
/** EPERM, EINVAL, ENOSPC (log too small), EACCES: what loading a refused program gives. */
const ENOSPC = 28;
const LOG_BYTES = 1024 * 1024;

/** The verifier refused a program. `log` is its whole log, `summary` the line that says why. */
export class VerifierError extends CinchError {
  override readonly name = "VerifierError";
  readonly summary: string;
  readonly log: string;
  readonly program: string[];

  constructor(name: string, errno: string, log: string, program: readonly Instruction[]) {
    const lines = log.trimEnd().split("\n");
    // The last lines are statistics; the reason is the last one before them.
    const summary =
      lines.findLast(
        (line) => line !== "" && !/^(processed|verification time|stack depth|mark_precise)/.test(line),
      ) ?? "no reason given";
    super("verifier-refused", `the kernel's verifier refused the program ${name} (${errno}): ${summary}`, {
      hint: "this is a defect of cinch on this kernel: report it with the output of cinch doctor -o json",
      exitCode: 3,
    });
    this.summary = summary;
    this.log = log;
    this.program = disassemble(program);
  }
}

/** A tp_btf program attached to a tracepoint: `btfId` is that of the typedef btf_trace_NAME. Detached on dispose. */
export class TracepointProgram implements Disposable {
  readonly name: string;
  #program: Descriptor;
  #link: Descriptor | undefined;

  /** Loads, does not attach yet. Throws VerifierError or BpfError. */
  constructor(name: string, program: readonly Instruction[], btfId: number, maps: readonly BpfMap[]) {
    this.name = name;
    this.#program = new Descriptor(load(name, program, btfId, maps));
  }

  attach(): void {
    const attributes = Buffer.alloc(16);
    attributes.writeUInt32LE(this.#program.fd, 8);
    this.#link = new Descriptor(
      mustBpf(COMMAND.rawTracepointOpen, attributes, `attach ${this.name} to its tracepoint`),
    );
  }

  detach(): void {
    this.#link?.[Symbol.dispose]();
    this.#link = undefined;
  }

  /** How often the program did not run because it was running already on that processor (`recursion_misses`). */
  misses(): number {
    const info = Buffer.alloc(256);
    const attributes = Buffer.alloc(16);
    attributes.writeUInt32LE(this.#program.fd, 0);
    attributes.writeUInt32LE(info.length, 4);
    attributes.writeBigUInt64LE(libc().address(info), 8);
    mustBpf(COMMAND.objectInfo, attributes, `read how often ${this.name} was missed`);
    return Number(info.readBigUInt64LE(208));
  }

  [Symbol.dispose](): void {
    this.detach();
    this.#program[Symbol.dispose]();
  }
}

function load(name: string, program: readonly Instruction[], btfId: number, maps: readonly BpfMap[]): number {
  const c = libc();
  const code = encodeProgram(program, new Map(maps.map((map) => [map.name, map.fd])));
  const license = Buffer.from("GPL\0");
  const attributes = Buffer.alloc(144);
  attributes.writeUInt32LE(TYPE_TRACING, 0);
  attributes.writeUInt32LE(program.length, 4);
  attributes.writeBigUInt64LE(c.address(code), 8);
  attributes.writeBigUInt64LE(c.address(license), 16);
  attributes.write(name.slice(0, 15), 48, "latin1");
  attributes.writeUInt32LE(ATTACH_RAW_TRACEPOINT, 68);
  attributes.writeUInt32LE(btfId, 108);
  const fd = bpf(COMMAND.programLoad, attributes);
  if (fd >= 0) return fd;
  const errno = errnoName(-fd);
  if (errno === "EPERM") throw new BpfError(`load the program ${name}`, errno);
  // Once more with a log: the first attempt goes without, because writing it costs more than verifying.
  const log = Buffer.alloc(LOG_BYTES);
  attributes.writeUInt32LE(1, 24);
  attributes.writeUInt32LE(log.length, 28);
  attributes.writeBigUInt64LE(c.address(log), 32);
  const again = bpf(COMMAND.programLoad, attributes);
  if (again >= 0) return again;
  const end = log.indexOf(0);
  const text = log.toString("utf8", 0, end === -1 ? log.length : end);
  throw new VerifierError(name, -again === ENOSPC ? `${errno}, log cut off` : errno, text, program);
}
