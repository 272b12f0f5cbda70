import type { Module } from "../link/module.ts";
import type { Reach } from "../link/reach.ts";
import { REF } from "../module/refs.ts";
import { SLOT } from "../module/slots.ts";

/** A reached place that leads to a function. */
export interface Source {
  module: Module;
  address: number;
  /** A call, which pushes; else a jump that hands on what it was given. */
  isCall: boolean;
}

/** Who calls whom, over all modules. */
export class Callers {
  #reach: Reach;
  /** By module and address: the slots of all modules that lead there. */
  #slots: Map<string, { module: Module; offset: number }[]> | undefined;
  #through = new Map<Module, Map<number, number[]>>();
  #modules = 0;

  constructor(reach: Reach) {
    this.#reach = reach;
  }

  /** Reached places that call or jump to the address. */
  *of(module: Module, address: number): Generator<Source> {
    const { refs } = module.code;
    for (const ref of module.incoming(address)) {
      const site = refs.sites[ref]!;
      if (this.#isReached(module, site))
        yield { module, address: site, isCall: refs.kinds[ref] === REF.call };
    }
    for (const slot of this.slotsTo(module, address)) yield* this.through(slot.module, slot.offset);
  }

  /** Reached places that call or jump to where a slot leads. */
  *through(module: Module, slot: number): Generator<Source> {
    const { sites, kinds } = module.code.refs;
    for (const ref of this.#refsThrough(module, slot)) {
      const site = sites[ref]!;
      if (this.#isReached(module, site))
        yield { module, address: site, isCall: kinds[ref] === REF.callThrough };
    }
  }

  /** The slots, in all modules, that hold the address once loaded. */
  slotsTo(module: Module, address: number): readonly { module: Module; offset: number }[] {
    const { modules, scope } = this.#reach;
    if (this.#slots === undefined || this.#modules !== modules.length) {
      this.#modules = modules.length;
      this.#slots = new Map();
      for (const holder of modules) {
        const { kinds, values, offsets, addends } = holder.slots;
        for (const [i, kind] of kinds.entries()) {
          let found: { module: Module; address: number } | undefined;
          if (kind === SLOT.relative) found = { module: holder, address: values[i]! };
          else if (kind === SLOT.symbol) {
            const definition = scope.resolve(holder, values[i]!);
            if (definition)
              found = { module: definition.module, address: definition.symbol.address + addends[i]! };
          }
          if (found === undefined) continue;
          const key = `${found.module.index}:${found.address}`;
          const known = this.#slots.get(key);
          const slot = { module: holder, offset: offsets[i]! };
          if (known === undefined) this.#slots.set(key, [slot]);
          else known.push(slot);
        }
      }
    }
    return this.#slots.get(`${module.index}:${address}`) ?? [];
  }

  #refsThrough(module: Module, slot: number): readonly number[] {
    let through = this.#through.get(module);
    if (through === undefined) {
      this.#through.set(module, (through = new Map()));
      const { kinds, targets } = module.code.refs;
      for (let i = 0; i < kinds.length; i += 1) {
        if (kinds[i] !== REF.callThrough && kinds[i] !== REF.jumpThrough) continue;
        const known = through.get(targets[i]!);
        if (known === undefined) through.set(targets[i]!, [i]);
        else known.push(i);
      }
    }
    return through.get(slot) ?? [];
  }

  #isReached(module: Module, site: number): boolean {
    const index = module.functionAt(site);
    return index >= 0 && this.#reach.isReached(module, index);
  }
}
