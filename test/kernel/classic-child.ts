/**
 * The child of classic.test.ts: does to itself what nobody would want done to the test runner. Reads one JSON task
 * from standard input, writes one JSON answer.
 */
import { readFileSync } from "node:fs";
import { syscallNumber } from "../../src/linux/index.ts";
import { libc } from "../../src/kernel/index.ts";

export type Task =
  /** Would the kernel take these programs (base64)? Nothing is installed. */
  | { kind: "check"; programs: string[] }
  /** What do these calls give under these programs, installed in this order? Arguments as decimal numbers. */
  | { kind: "run"; programs: string[]; calls: { nr: number; args: string[] }[] };

/** check: whether each program was taken. run: the error number of each call. */
export type Answer = boolean[] | number[];

const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;
const EBUSY = 16;
const EINVAL = 22;

const c = libc();
const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
const nr = (name: string): number => syscallNumber(arch, name)!;

/** `struct sock_fprog`: a length, and behind padding a pointer. */
function filterOf(program: Buffer): Buffer {
  const fprog = Buffer.alloc(16);
  fprog.writeUInt16LE(program.length / 8, 0);
  fprog.writeBigUInt64LE(c.address(program), 8);
  return fprog;
}

/** The error number; 0 for success. */
function install(program: Buffer, flags: number): number {
  return c.syscall(nr("seccomp"), SECCOMP_SET_MODE_FILTER, flags, filterOf(program)) === -1 ? c.errno() : 0;
}

function expectZero(result: number, what: string): void {
  if (result !== 0) throw new Error(`${what}: error ${result}`);
}

const task = JSON.parse(readFileSync(0, "utf8")) as Task;
const programs = task.programs.map((text) => Buffer.from(text, "base64"));
expectZero(c.syscall(nr("prctl"), PR_SET_NO_NEW_PRIVS, 1), "prctl");

let answer: Answer;
if (task.kind === "check") {
  // A process has at most one listener. The kernel looks at a program first, and only then finds that out: so a good
  // program fails as "busy", a bad one as "invalid", and none is installed.
  const allowAll = Buffer.from("060000000000ff7f", "hex");
  const listener = c.syscall(
    nr("seccomp"),
    SECCOMP_SET_MODE_FILTER,
    SECCOMP_FILTER_FLAG_NEW_LISTENER,
    filterOf(allowAll),
  );
  if (listener < 0) throw new Error(`no listener: error ${c.errno()}`);
  answer = programs.map((program) => {
    const error = install(program, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    if (error !== EBUSY && error !== EINVAL) throw new Error(`unexpected error ${error}`);
    return error === EBUSY;
  });
} else {
  for (const program of programs) expectZero(install(program, 0), "seccomp");
  answer = task.calls.map((call) => (c.syscall(call.nr, ...call.args.map(BigInt)) === -1 ? c.errno() : 0));
}
process.stdout.write(JSON.stringify(answer));
