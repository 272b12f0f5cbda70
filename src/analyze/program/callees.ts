import type { Module } from "../link/module.ts";
import type { Reach } from "../link/reach.ts";
import type { Source } from "../resolve/callers.ts";
import type { Resolved, Resolver } from "../resolve/resolver.ts";
import { stringAt } from "./strings.ts";

/** The reached functions that modules offer under a name. */
export function reachedExports(reach: Reach, name: string): { module: Module; address: number }[] {
  return reach.modules.flatMap((module) =>
    module
      .exported(name)
      .filter(({ address }) => {
        const index = module.isCode(address) ? module.functionAt(address) : -1;
        return index >= 0 && reach.isReached(module, index);
      })
      .map(({ address }) => ({ module, address })),
  );
}

/** Reached calls of a function from other modules: those behind the stubs that jump there. */
export function* outsideCallers(resolver: Resolver, module: Module, address: number): Generator<Source> {
  for (const slot of resolver.callers.slotsTo(module, address)) {
    if (slot.module === module) continue;
    for (const source of resolver.callers.through(slot.module, slot.offset)) {
      if (source.isCall) {
        yield source;
        continue;
      }
      const stub = source.module.functionAt(source.address);
      const callers = [...resolver.callers.of(source.module, source.module.code.starts[stub]!)];
      if (callers.length === 0) yield source;
      else yield* callers;
    }
  }
}

/** The texts at the addresses that a value may be. */
export function textsOf({ addresses }: Resolved): string[] {
  return addresses
    .map(({ module, address }) => stringAt(module, address))
    .filter((text) => text !== undefined);
}

/** Whether a value that should be a text may be another one than `textsOf` tells. A null pointer is none. */
export function isOpen({ open, addresses, constants }: Resolved): boolean {
  return (
    open.length > 0 ||
    [...constants].some((value) => value !== 0) ||
    addresses.some(({ module, address }) => stringAt(module, address) === undefined)
  );
}
