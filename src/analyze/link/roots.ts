import { SLOT } from "../module/slots.ts";
import type { Module } from "./module.ts";
import type { Reach } from "./reach.ts";

/**
 * Names that the dynamic loader looks up itself (glibc, elf/rtld.c, elf/dl-minimal-malloc.c, elf/dl-call-libc-early-init.c;
 * musl, ldso/dynlink.c), in whatever module has them.
 */
const LOADER_NAMES = [
  "__libc_early_init",
  "malloc",
  "calloc",
  "realloc",
  "free",
  "__libc_memalign",
  "memalign",
  "__libc_start_main",
  "__dls2b",
  "__dls3",
  "_dl_catch_exception",
  "_dl_catch_error",
  "_dl_signal_exception",
  "_dl_signal_error",
  "_dl_runtime_resolve",
];

/** What the kernel starts: the executable's loader, or a static executable itself. */
export function addStart(reach: Reach, executable: Module, loader: Module | undefined): void {
  reach.addRoot(executable, executable.elf.entry);
  if (loader !== undefined && loader !== executable) reach.addRoot(loader, loader.elf.entry);
}

/** What the loader runs of each module by itself: initialisers, finalisers, resolvers of indirect functions. */
export function addLoaded(reach: Reach, module: Module): void {
  const { dynamic } = module.elf;
  for (const address of [dynamic?.init, dynamic?.fini])
    if (address !== undefined && address !== 0) reach.addRoot(module, address);
  const arrays = [dynamic?.preinitArray, dynamic?.initArray, dynamic?.finiArray].filter(
    (one) => one !== undefined,
  );
  // A static file has no dynamic section: its arrays are sections.
  for (const { name, address, size } of module.elf.sections)
    if (/^\.(preinit|init|fini)_array|^\.[cd]tors/.test(name)) arrays.push({ address, size });
  for (const { address, size } of arrays) {
    const { from, to } = module.slotsIn(address, address + size);
    for (let i = from; i < to; i += 1) {
      const value = module.slots.values[i]!;
      if (module.slots.kinds[i] === SLOT.relative) reach.addRoot(module, value);
      else if (module.slots.kinds[i] === SLOT.symbol) addSymbol(reach, module, value);
    }
  }
  for (const { name, address } of module.elf.sections)
    if (name === ".init" || name === ".fini") reach.addRoot(module, address);
  for (const [i, kind] of module.slots.kinds.entries()) {
    const value = module.slots.values[i]!;
    if (kind === SLOT.irelative) reach.addRoot(module, value);
    else if (kind === SLOT.symbol) {
      const found = reach.scope.resolve(module, value);
      if (found?.symbol.kind === "ifunc") reach.addRoot(found.module, found.symbol.address);
    }
  }
}

/** An initialiser that others may see is called by its name: whichever module's definition that comes to be. */
function addSymbol(reach: Reach, module: Module, index: number): void {
  const found = reach.scope.resolve(module, index);
  if (found !== undefined) reach.addRootSymbol(found);
  const own = module.elf.dynamicSymbols[index];
  if (own?.defined) reach.addRootSymbol({ module, symbol: own });
}

/** What the loader looks up by name. */
export function addLoaderNames(reach: Reach): void {
  for (const name of LOADER_NAMES) {
    for (const module of reach.modules)
      for (const symbol of module.exported(name)) reach.addRootSymbol({ module, symbol });
  }
}

/** Of a module that is loaded while the program runs: whatever it offers may be looked up. */
export function addExports(reach: Reach, module: Module): void {
  for (const symbol of module.elf.dynamicSymbols) {
    if (!symbol.defined || symbol.binding === "local" || symbol.kind === "tls") continue;
    if (symbol.name === "") continue;
    reach.addRootSymbol({ module, symbol });
  }
}
