import { syscallName, syscallNumber } from "../../linux/index.ts";
import type { Note, Possibility, ReachableArgument, ReachedVia, Unresolved } from "../../profile/index.ts";
import { EDGE, type Reach } from "../link/reach.ts";
import type { Module } from "../link/module.ts";
import { HAS } from "../module/code-map.ts";
import { Resolver } from "../resolve/resolver.ts";
import { ArgumentValues } from "./arguments.ts";
import { reachedExports } from "./callees.ts";
import { VDSO } from "./names.ts";
import type { LinkedProgram } from "./program.ts";
import { type Started, startedPrograms } from "./starts.ts";
import { holds } from "./strings.ts";

export interface FoundSyscall {
  name: string;
  nr: number;
  path: string[];
  via: ReachedVia;
  args?: ReachableArgument[];
}

/** What one program can do. */
export interface ProgramFindings {
  syscalls: FoundSyscall[];
  unresolved: Unresolved[];
  possibilities: Possibility[];
  notes: Note[];
  /** Programs that its code names to start them. */
  starts: Started[];
}

/** Numbers from here on are x32's on x86-64 (arch/x86/include/asm/unistd.h). */
const X32_BIT = 0x4000_0000;
/** A gap between functions that holds no code shows it within so many bytes. */
const SOON = 64;

/** Finds the calls at all reached places of a program. */
export function findCalls(program: LinkedProgram): ProgramFindings {
  const { reach } = program;
  const resolver = new Resolver(reach);
  const args = new ArgumentValues(resolver);
  const best = new Map<number, { id: number; length: number }>();
  const unresolved = new Map<string, Unresolved>();
  const possibilities = new Map<string, Possibility>();
  const notes = new Map<string, Note>();
  const list = (module: Module, address: number, reason: string): void => {
    const one = {
      module: module.name,
      function: module.nameAt(address),
      address: `0x${address.toString(16)}`,
      reason,
    };
    unresolved.set(`${module.path}:${address}:${reason}`, one);
  };
  for (const module of reach.modules) {
    for (const site of module.code.syscalls) {
      const index = module.functionAt(site);
      if (index < 0 || !reach.isReached(module, index)) continue;
      if (isData(module, index, site)) {
        notes.set(module.path, dataNote(module, site));
        continue;
      }
      const { constants, open } = resolver.valuesAt(module, site, { register: module.machine.callNumber });
      for (const { module: where, address, reason } of open)
        list(
          module,
          site,
          where === module && address === site
            ? reason
            : `${reason} (${where.name}:${where.nameAt(address)})`,
        );
      const id = module.base + index;
      const length = reach.pathTo(id).length;
      for (const value of constants) {
        const nr = value >>> 0;
        if (module.machine.name === "x86_64" && nr & X32_BIT && nr < 0x8000_0000) {
          possibilities.set(`x32:${module.path}`, {
            kind: "foreign-abi",
            module: module.name,
            detail: `calls by the x32 convention in ${module.nameOf(index)}`,
          });
          continue;
        }
        const name = syscallName(module.machine.name, nr);
        if (name === undefined) continue;
        args.add(name, module, site);
        const known = best.get(nr);
        if (known === undefined || length < known.length) best.set(nr, { id, length });
      }
    }
    for (const site of module.code.foreign) {
      const index = module.functionAt(site);
      if (index < 0 || !reach.isReached(module, index) || isData(module, index, site)) continue;
      possibilities.set(`foreign:${module.path}:${index}`, {
        kind: "foreign-abi",
        module: module.name,
        detail: `int 0x80 or sysenter in ${module.nameOf(index)}`,
      });
    }
  }
  const syscalls: FoundSyscall[] = [...best].map(([nr, { id }]) => {
    const name = syscallName(program.executable.machine.name, nr)!;
    const values = args.of(name);
    return { name, nr, ...describePath(reach, id), ...(values && { args: values }) };
  });
  addUnseen(program, syscalls);
  const { starts, open } = startedPrograms(program, resolver);
  for (const one of open) possibilities.set(`${one.kind}:${one.module}:${one.detail}`, one);
  return {
    syscalls: syscalls.sort((a, b) => a.nr - b.nr),
    unresolved: [...unresolved.values()],
    possibilities: [...possibilities.values()],
    notes: [...notes.values()],
    starts,
  };
}

/** What looks like a call in bytes that no table calls code, and that soon meet what no program executes. */
function isData({ code }: Module, index: number, site: number): boolean {
  if (!(code.flags[index]! & HAS.gap)) return false;
  const first = code.firstInvalid[index]!;
  return first !== 0 && first < site && first - code.starts[index]! <= SOON;
}

function dataNote(module: Module, site: number): Note {
  return {
    code: "data-in-code",
    text: `${module.name}: bytes at 0x${site.toString(16)} look like a system call, in a part of the code that no table calls a function and that no program can execute: they are taken for data`,
  };
}

/** The path to a function by names, without the stubs on it, and by the weakest edge how it is reached. */
export function describePath(reach: Reach, id: number): { path: string[]; via: ReachedVia } {
  let via: ReachedVia = "direct";
  const path: string[] = [];
  for (const at of reach.pathTo(id)) {
    const module = reach.moduleOf(at);
    const index = at - module.base;
    const loaded = reach.loaded.get(module)!.via;
    if (loaded !== "start") via = loaded;
    else if (reach.edges[at] === EDGE.addressTaken && via === "direct") via = "address-taken";
    if (!(module.code.flags[index]! & HAS.stub)) path.push(`${module.name}:${module.nameOf(index)}`);
  }
  return { path, via };
}

/** Calls that no code of the program contains: the kernel makes them, or its page of code in the program does. */
function addUnseen({ reach, executable }: LinkedProgram, syscalls: FoundSyscall[]): void {
  const arch = executable.machine.name;
  const add = (name: string, path: string[], via: ReachedVia): void => {
    const nr = syscallNumber(arch, name);
    if (nr === undefined || syscalls.some((one) => one.nr === nr)) return;
    syscalls.push({ name, nr, path, via });
  };
  // An interrupted futex, poll, nanosleep or wait is gone on with by this number (kernel, restart_block).
  add("restart_syscall", ["kernel:restart_block"], "kernel");
  // The way back from every signal handler.
  add("rt_sigreturn", ["kernel:signal"], "kernel");
  // A shared C library's own functions lead there; a static program has them without their names.
  for (const { symbols, call, users } of VDSO) {
    const symbol = symbols.find((one) => reach.modules.some((module) => holds(module, one)));
    if (symbol === undefined) continue;
    const isShared = reach.modules.some((module) => users.some((user) => module.exported(user).length > 0));
    if (!isShared || users.some((user) => reachedExports(reach, user).length > 0))
      add(call, [`vdso:${symbol}`], "vdso");
  }
}
