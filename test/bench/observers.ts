import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { silent } from "../../src/base/index.ts";
import { Assembler, Btf, KIND } from "../../src/bpf/index.ts";
import { TracepointProgram } from "../../src/kernel/index.ts";
import { EbpfSession } from "../../src/record/index.ts";

/** A way to watch a process that waits at its gate. `stop` ends the watching, and says what there is to say of it. */
export interface Observer {
  name: string;
  /** Why it cannot be used here. */
  missing?: string;
  /** Slows so much that a measurement is given less to do. */
  isSlow?: boolean;
  start(pid: number): Promise<() => Promise<string | undefined>>;
}

export const untraced: Observer = {
  name: "untraced",
  start: () => Promise.resolve(() => Promise.resolve(undefined)),
};

/** What every eBPF recorder pays: two programs that return at once, at the entry and the exit of each system call. */
export const empty: Observer = {
  name: "empty tp_btf programs",
  start() {
    const programs = ["sys_enter", "sys_exit"].map((tracepoint) => {
      const program = new Assembler().return(0).assemble();
      return new TracepointProgram(`empty_${tracepoint}`, program, typeIdOf(`btf_trace_${tracepoint}`), []);
    });
    for (const program of programs) program.attach();
    return Promise.resolve(() => {
      for (const program of programs) program[Symbol.dispose]();
      return Promise.resolve(undefined);
    });
  },
};

let kernelBtf: Btf | undefined;
function typeIdOf(name: string): number {
  kernelBtf ??= new Btf(readFileSync("/sys/kernel/btf/vmlinux"));
  const id = kernelBtf.find(KIND.typedef, name);
  if (id === undefined) throw new Error(`this kernel has no ${name}`);
  return id;
}

const cinch = (name: string, strings: boolean): Observer => ({
  name,
  start(pid) {
    const session = new EbpfSession({ scope: "tree", strings, talk: silent });
    session.attach();
    session.follow(pid);
    return Promise.resolve(() => {
      const { recording } = session.finish({ target: name, runtime: "local", noNewPrivileges: false });
      session[Symbol.dispose]();
      const lost = Object.entries(recording.lost).filter(([, count]) => count > 0);
      return Promise.resolve(
        lost.length === 0 ? undefined : `lost: ${lost.map((pair) => pair.join(" ")).join(", ")}`,
      );
    });
  },
});

/** Everything on: calls, capabilities, files, sockets, errors, arguments. */
export const cinchFull = cinch("cinch", true);
export const cinchCalls = cinch("cinch, calls only", false);

const ONE_LINER =
  'BEGIN { printf("ready\\n"); } tracepoint:raw_syscalls:sys_enter { @[args->id] = count(); }';

export const bpftrace: Observer = {
  name: "bpftrace raw_syscalls",
  ...(existsSync("/usr/bin/bpftrace") ? {} : { missing: "bpftrace is not installed" }),
  async start() {
    const tracer = spawn("bpftrace", ["-e", ONE_LINER], { stdio: ["ignore", "pipe", "pipe"] });
    await saying(tracer, "ready");
    return async () => {
      tracer.kill("SIGINT");
      await ended(tracer);
      return undefined;
    };
  },
};

export const strace: Observer = {
  name: "strace -f",
  isSlow: true,
  ...(existsSync("/usr/bin/strace") ? {} : { missing: "strace is not installed" }),
  async start(pid) {
    const tracer = spawn("strace", ["-f", "-o", "/dev/null", "-p", String(pid)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    await saying(tracer, "attached");
    return async () => {
      tracer.kill("SIGINT");
      await ended(tracer);
      return undefined;
    };
  },
};

/** Waits until a tracer says that it watches. Throws with what it said instead. */
async function saying(tracer: ChildProcess, word: string): Promise<void> {
  let said = "";
  const listen = (chunk: Buffer): void => void (said += chunk.toString());
  tracer.stdout!.on("data", listen);
  tracer.stderr!.on("data", listen);
  tracer.on("error", (error) => (said += error.message));
  for (let i = 0; i < 400 && tracer.exitCode === null && tracer.pid !== undefined; i += 1) {
    if (said.includes(word)) return;
    await sleep(25);
  }
  tracer.kill("SIGKILL");
  throw new Error(`${tracer.spawnfile} does not trace here: ${said.trim()}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}
