import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a run executed: by the real path of each module, addresses as the module itself has them. */
export type ExecutedCode = Map<string, Set<number>>;

export interface RunOptions {
  during?: (pid: number) => Promise<void>;
  cwd?: string;
  stop?: NodeJS.Signals;
  /** A root folder, which holds qemu too; `argv` and all paths are its own. */
  root?: string;
  machine?: "x86_64" | "aarch64";
}

export interface Emulated {
  executed: ExecutedCode;
  /** Names of system calls, as qemu writes them. */
  calls: Set<string>;
}

/** Where a file is linked to be loaded, and its entry. */
export interface Linked {
  path: string;
  entry: number;
  /** Addresses of its segments in the file's own terms. */
  low: number;
  high: number;
  isFixed: boolean;
}

/**
 * Runs a program under qemu's user-mode emulation, which logs every piece of code once when it is first executed, and
 * every system call. From the calls that load modules it is known where each lies. `linked` tells of a file by its path.
 */
export async function executedCode(
  argv: readonly string[],
  linked: (path: string) => Linked | undefined,
  options: RunOptions = {},
): Promise<Emulated> {
  const { root, machine = "x86_64" } = options;
  const folder = mkdtempSync(join(root === undefined ? tmpdir() : join(root, "tmp"), "cinch-qemu-"));
  const log = join(folder, "log");
  const qemu = `/usr/bin/qemu-${machine}-static`;
  const inside = root === undefined ? log : log.slice(root.length);
  const command = [qemu, "-d", "in_asm", "-strace", "-D", inside, "-E", "LD_SHOW_AUXV=1", ...argv];
  try {
    const [program, ...args] = root === undefined ? command : ["chroot", root, ...command];
    const child = spawn(program!, args, {
      stdio: ["ignore", "pipe", "ignore"],
      cwd: options.cwd ?? folder,
      // The loader's own account of where everything is goes to the program alone, not to what starts it.
      env: { PATH: process.env["PATH"], LC_ALL: "C" },
    });
    let said = "";
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      if (said.length < 65_536) said += text;
    });
    const ended = once(child, "exit");
    const timer = setTimeout(() => child.kill("SIGKILL"), 90_000);
    if (options.during !== undefined) {
      await options.during(child.pid!);
      child.kill(options.stop ?? "SIGTERM");
    }
    await ended;
    clearTimeout(timer);
    const text = readFileSync(log, "latin1");
    const calls = new Set<string>();
    for (const [, name] of text.matchAll(/^\d+ ([a-z_0-9]+)\(/gm)) calls.add(name!);
    return { executed: readLog(text, said, argv[0]!, linked), calls };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where qemu loads a program of arm64 that is position-independent: musl's loader does not say where it is. */
const QEMU_BASE = 0x55_0000_0000;

/** Reads qemu's log (7.2): `0x4000801a10:  48 89 e7 …` for code, `123 openat(AT_FDCWD,"/x",…) = 3` for calls. */
export function readLog(
  text: string,
  auxv: string,
  program: string,
  linked: (path: string) => Linked | undefined,
): ExecutedCode {
  const placed: { module: Linked; base: number }[] = [];
  const open = new Map<string, string>();
  const place = (path: string, base: number): void => {
    const module = linked(path);
    if (module === undefined) return;
    const at = module.isFixed ? 0 : base - module.low;
    if (!placed.some((one) => one.module.path === module.path && one.base === at))
      placed.push({ module, base: at });
  };
  const value = (name: string): number | undefined => {
    const found = new RegExp(`^${name}: +(0x[0-9a-f]+)`, "m").exec(auxv)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const main = linked(program);
  const entry = value("AT_ENTRY");
  if (main !== undefined) {
    if (main.isFixed) placed.push({ module: main, base: 0 });
    else placed.push({ module: main, base: entry === undefined ? QEMU_BASE : entry - main.entry });
  }
  const interpreter = value("AT_BASE");
  const loader = linked("/lib64/ld-linux-x86-64.so.2") ?? linked("/lib/ld-linux-aarch64.so.1");
  if (interpreter !== undefined && interpreter !== 0 && loader !== undefined)
    placed.push({ module: loader, base: interpreter });
  const addresses = new Set<number>();
  for (const line of text.split("\n")) {
    const code = /^0x([0-9a-f]+): {2}/.exec(line);
    if (code !== null) {
      addresses.add(Number.parseInt(code[1]!, 16));
      continue;
    }
    const opened = /^\d+ open(?:at)?\((?:AT_FDCWD,)?"([^"]+)".* = (\d+)/.exec(line);
    if (opened !== null) open.set(opened[2]!, opened[1]!);
    const mapped = /^\d+ mmap\(.*,(\d+),(0|0x0)\) = 0x([0-9a-f]+)/.exec(line);
    if (mapped !== null) {
      const path = open.get(mapped[1]!);
      if (path !== undefined) place(path, Number.parseInt(mapped[3]!, 16));
    }
  }
  const executed: ExecutedCode = new Map();
  for (const address of addresses)
    for (const { module, base } of placed) {
      const own = address - base;
      if (own < module.low || own >= module.high) continue;
      const known = executed.get(module.path);
      if (known === undefined) executed.set(module.path, new Set([own]));
      else known.add(own);
      break;
    }
  return executed;
}
