import { CinchError } from "../base/index.ts";
import type { Module } from "./link/module.ts";
import { REF, lowerBound } from "./module/refs.ts";
import { HAS } from "./module/code-map.ts";

/** Something that is taken to be so, by which functions of a library do not count. */
export interface SwitchableAssumption {
  name: string;
  effect: string;
  /** Whether the function does not count under the assumption. */
  cuts(module: Module, index: number, all: readonly Module[]): boolean;
}

/** The assumption about names that are looked up, which is made where that is followed. */
export const LITERAL_LOOKUPS = "no-libc-lookups";

/** The assumption about modules, which is made where a program's modules are chosen. */
export const CONFIGURED_MODULES = "configured-modules";

/** Assumptions that can be switched by --assume and --no-assume. The mode `tight` makes them, `strict` does not. */
export const ASSUMPTIONS: readonly SwitchableAssumption[] = [
  {
    name: "no-nscd",
    effect: "no name service cache daemon is used: the C library's client for it does not count",
    // What connects to the daemon, and what calls that: the talk with it comes after.
    cuts: (module, index) =>
      isLibc(module) &&
      (refersTo(module, index, NSCD) ||
        calledBy(module, index).some((callee) => refersTo(module, callee, NSCD))),
  },
  {
    name: "no-ld-profile",
    effect: "the loader is not asked for a profile (LD_PROFILE): its code for that does not count",
    cuts: (module, index) =>
      (isLoader(module) || isLibc(module)) && refersTo(module, index, "profile data file", 128),
  },
  {
    name: "no-priority-mutexes",
    effect:
      "no mutex has the protocol PTHREAD_PRIO_PROTECT: changing a thread's priority for it does not count",
    cuts: (module, index) => isLibc(module) && changesPriority(module, index),
  },
  {
    name: "sd-notify-only",
    effect:
      "of libsystemd only what other modules want by name is used: its bus and event loop, which its logging tables lead to, do not count",
    cuts: (module, index, all) =>
      module.name.startsWith("libsystemd.so") && isUnwantedExport(module, index, /^sd_(bus|event)_/, all),
  },
  {
    name: "no-sunrpc",
    effect:
      "the C library's old Sun RPC is used only by modules that want it by name: what ends its threads does not count",
    cuts: (module, index, all) =>
      isLibc(module) && isUnwantedExport(module, index, /^(svc|pmap|clnt|callrpc|xprt)/, all),
  },
  {
    name: "getrandom-seeds",
    effect: "the kernel has getrandom (Linux 3.17): OpenSSL does not wait for /dev/random to be seeded",
    cuts: (module, index) =>
      module.name.startsWith("libcrypto.so") && wantsCalled(module, index, ["shmget", "select"]),
  },
  {
    name: LITERAL_LOOKUPS,
    effect:
      "a name that is looked up by dlsym and is no literal there is none of the C library's: its functions whose names stand in a module's data by chance do not count",
    // Known where names are looked up.
    cuts: () => false,
  },
  {
    name: CONFIGURED_MODULES,
    effect:
      "nginx, Apache, lighttpd, PHP and PAM load the modules that the image's configuration names: others in their folders do not count",
    // Known where modules are chosen.
    cuts: () => false,
  },
];

/** What always holds, so that a reader knows it; not to be switched. */
export const FIXED_ASSUMPTIONS: readonly { name: string; effect: string }[] = [
  {
    name: "calling-convention",
    effect: "functions keep the registers and the stack as the platform's convention says",
  },
  {
    name: "code-is-not-changed",
    effect:
      "code is not changed or made while the program runs; where it may be, that is listed as a possibility",
  },
  {
    name: "variables-apart",
    effect:
      "a variable that code reads by its own address is changed by its address, not through that of a neighbour; a structure that is handed on still holds what its maker put in when it is read",
  },
  {
    name: "known-jump-tables",
    effect: "jump tables have the forms that GCC and LLVM make",
  },
  {
    name: "functions-by-tables",
    effect: "functions are where unwind tables, symbols, calls and pointers say",
  },
];

/** Names of the assumptions that are made. Throws `unknown-assumption`. */
export function activeAssumptions(
  mode: "strict" | "tight",
  assume: readonly string[],
  noAssume: readonly string[],
): Set<string> {
  const names = ASSUMPTIONS.map(({ name }) => name);
  for (const name of [...assume, ...noAssume])
    if (!names.includes(name))
      throw new CinchError("unknown-assumption", `there is no assumption '${name}'`, {
        hint: `one of: ${names.join(", ")}`,
      });
  const active = new Set(mode === "tight" ? names : []);
  for (const name of assume) active.add(name);
  for (const name of noAssume) active.delete(name);
  return active;
}

export function isLibc(module: Module): boolean {
  return module.exported("__libc_start_main").length > 0;
}

function isLoader(module: Module): boolean {
  return module.exported("_dl_mcount").length > 0 || module.name.startsWith("ld-");
}

const NSCD = "/var/run/nscd/";

/** The functions of the module that a function calls directly. */
function calledBy(module: Module, index: number): number[] {
  const { starts, ends, refs } = module.code;
  const called = new Set<number>();
  const to = lowerBound(refs.sites, ends[index]!);
  for (let i = lowerBound(refs.sites, starts[index]!); i < to; i += 1)
    if (refs.kinds[i] === REF.call) called.add(module.functionAt(refs.targets[i]!));
  called.delete(-1);
  return [...called];
}

/** Whether the function uses a text of the module's that has another in it, within so many bytes from its start. */
function refersTo(module: Module, index: number, text: string, within = text.length): boolean {
  const { starts, ends, refs } = module.code;
  const to = lowerBound(refs.sites, ends[index]!);
  for (let i = lowerBound(refs.sites, starts[index]!); i < to; i += 1) {
    // A short text may be copied by loads, without its address ever being a value.
    if (refs.kinds[i] !== REF.address && refs.kinds[i] !== REF.load) continue;
    const section = module.sectionAt(refs.targets[i]!);
    if (section === undefined || section.writable || !section.inFile) continue;
    const bytes = module.elf.bytesAt(refs.targets[i]!, Math.min(within, section.end - refs.targets[i]!));
    if (bytes === undefined) continue;
    const end = bytes.indexOf(0);
    const found = Buffer.from(bytes.buffer, bytes.byteOffset, end < 0 ? bytes.length : end);
    if (found.includes(text, 0, "latin1")) return true;
  }
  return false;
}

/** Whether the function calls all of these functions of other modules. */
function wantsCalled(module: Module, index: number, names: readonly string[]): boolean {
  const called = new Set(calledBy(module, index).map((callee) => stubName(module, callee)));
  return names.every((name) => called.has(name));
}

/** What a stub of the procedure linkage table leads to. */
function stubName(module: Module, index: number): string | undefined {
  if (!(module.code.flags[index]! & HAS.stub)) return undefined;
  const { refs, starts } = module.code;
  const first = lowerBound(refs.sites, starts[index]!);
  if (refs.kinds[first] !== REF.jumpThrough) return undefined;
  const { from, to } = module.slotsIn(refs.targets[first]!, refs.targets[first]! + 1);
  return to > from ? module.elf.dynamicSymbols[module.slots.values[from]!]?.name : undefined;
}

/** glibc's __pthread_tpp_change_priority: nothing else calls all of these and is not offered under a name. */
const PRIORITY_CALLS = ["sched_getparam", "sched_getscheduler", "sched_setscheduler"];

function changesPriority(module: Module, index: number): boolean {
  const { starts, ends, refs } = module.code;
  const wanted = PRIORITY_CALLS.map((name) => module.exported(name)[0]?.address ?? -1);
  const called = new Set<number>();
  const to = lowerBound(refs.sites, ends[index]!);
  for (let i = lowerBound(refs.sites, starts[index]!); i < to; i += 1)
    if (refs.kinds[i] === REF.call) called.add(refs.targets[i]!);
  return wanted.every((address) => called.has(address));
}

function isUnwantedExport(module: Module, index: number, pattern: RegExp, all: readonly Module[]): boolean {
  const start = module.code.starts[index]!;
  const names = module.elf.dynamicSymbols.filter(
    ({ defined, address, name }) => defined && address === start && pattern.test(name),
  );
  return (
    names.length > 0 &&
    names.every(({ name }) => !all.some((other) => other !== module && wants(other, name)))
  );
}

function wants(module: Module, name: string): boolean {
  return module.elf.dynamicSymbols.some((symbol) => !symbol.defined && symbol.name === name);
}
