import type { ElfSymbol } from "../../elf/index.ts";
import type { Module } from "./module.ts";

/** Where a symbol that a module wants was found. */
export interface Definition {
  module: Module;
  symbol: ElfSymbol;
}

/**
 * Finds symbols as the loader does: in the order of loading, by name and version (glibc, elf/dl-lookup.c). A module that
 * was loaded later by dlopen also looks in itself and in what was loaded with it; that is where all modules are looked
 * through here, which finds no less.
 */
export class Scope {
  readonly modules: Module[] = [];
  /** What was found; a number for what was not: among how many modules. */
  #found = new Map<Module, Map<number, Definition | number>>();

  add(module: Module): void {
    module.index = this.modules.length;
    this.modules.push(module);
  }

  /** What the symbol of that index in a module's table stands for. Undefined: nowhere (a weak one stays 0). */
  resolve(module: Module, symbolIndex: number): Definition | undefined {
    let known = this.#found.get(module);
    if (known === undefined) this.#found.set(module, (known = new Map<number, Definition | number>()));
    const before = known.get(symbolIndex);
    if (typeof before === "object") return before;
    // What was not found may be in a module that came since.
    if (before === this.modules.length) return undefined;
    const wanted = module.elf.dynamicSymbols[symbolIndex];
    const definition = wanted === undefined || wanted.name === "" ? undefined : this.#lookUp(module, wanted);
    known.set(symbolIndex, definition ?? this.modules.length);
    return definition;
  }

  /** The first definition of a name, of any version, in the order of loading; not in `except`. */
  find(name: string, version?: string, except?: Module): Definition | undefined {
    let second: Definition | undefined;
    for (const module of this.modules) {
      if (module === except) continue;
      for (const symbol of module.exported(name)) {
        if (
          version === undefined ? !symbol.hidden : symbol.version === version || symbol.version === undefined
        )
          return { module, symbol };
        second ??= { module, symbol };
      }
    }
    return second;
  }

  #lookUp(module: Module, wanted: ElfSymbol): Definition | undefined {
    if (wanted.defined && (wanted.binding === "local" || wanted.visibility !== "default"))
      return { module, symbol: wanted };
    return (
      this.find(wanted.name, wanted.version) ?? (wanted.defined ? { module, symbol: wanted } : undefined)
    );
  }
}
