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
  #found = new Map<Module, Map<number, Definition | undefined>>();

  add(module: Module): void {
    module.index = this.modules.length;
    this.modules.push(module);
    // What was not found may be in the new one.
    for (const known of this.#found.values())
      for (const [index, definition] of known) if (definition === undefined) known.delete(index);
  }

  /** What the symbol of that index in a module's table stands for. Undefined: nowhere (a weak one stays 0). */
  resolve(module: Module, symbolIndex: number): Definition | undefined {
    let known = this.#found.get(module);
    if (known === undefined) this.#found.set(module, (known = new Map<number, Definition | undefined>()));
    if (known.has(symbolIndex)) return known.get(symbolIndex);
    const wanted = module.elf.dynamicSymbols[symbolIndex];
    const definition = wanted === undefined || wanted.name === "" ? undefined : this.#lookUp(module, wanted);
    known.set(symbolIndex, definition);
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
