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

/** By module and address: the slots of all modules that lead there. */
type SlotsTo = Map<Module, Map<number, { module: Module; offset: number }[]>>;

/** Who calls whom, over all modules. */
export class Callers {
  #reach: Reach;
  #slots: SlotsTo | undefined;
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

  /** The slots, in all modules, that code calls or jumps through and that hold the address once loaded. */
  slotsTo(module: Module, address: number): readonly { module: Module; offset: number }[] {
    const { modules } = this.#reach;
    if (this.#slots === undefined || this.#modules !== modules.length) {
      this.#modules = modules.length;
      this.#slots = new Map();
      for (const holder of modules)
        for (const offset of this.#throughOf(holder).keys()) this.#addSlot(holder, offset, this.#slots);
    }
    return this.#slots.get(module)?.get(address) ?? [];
  }

  #addSlot(holder: Module, offset: number, slots: SlotsTo): void {
    const { kinds, values, addends } = holder.slots;
    const { from, to } = holder.slotsIn(offset, offset + 8);
    for (let i = from; i < to; i += 1) {
      const value = values[i]!;
      let module = holder;
      let address = value;
      if (kinds[i] === SLOT.symbol) {
        const definition = this.#reach.scope.resolve(holder, value);
        if (definition === undefined) continue;
        module = definition.module;
        address = definition.symbol.address + addends[i]!;
      } else if (kinds[i] !== SLOT.relative) continue;
      let byAddress = slots.get(module);
      if (byAddress === undefined)
        slots.set(module, (byAddress = new Map<number, { module: Module; offset: number }[]>()));
      const known = byAddress.get(address);
      if (known === undefined) byAddress.set(address, [{ module: holder, offset }]);
      else known.push({ module: holder, offset });
    }
  }

  #refsThrough(module: Module, slot: number): readonly number[] {
    return this.#throughOf(module).get(slot) ?? [];
  }

  /** Of a module, by slot: the references that call or jump through it. */
  #throughOf(module: Module): ReadonlyMap<number, number[]> {
    let through = this.#through.get(module);
    if (through === undefined) {
      this.#through.set(module, (through = new Map<number, number[]>()));
      const { kinds, targets } = module.code.refs;
      for (let i = 0; i < kinds.length; i += 1) {
        if (kinds[i] !== REF.callThrough && kinds[i] !== REF.jumpThrough) continue;
        const known = through.get(targets[i]!);
        if (known === undefined) through.set(targets[i]!, [i]);
        else known.push(i);
      }
    }
    return through;
  }

  #isReached(module: Module, site: number): boolean {
    const index = module.functionAt(site);
    return index >= 0 && this.#reach.isReached(module, index);
  }
}
