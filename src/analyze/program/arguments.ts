import { type DecisiveArgument, decisiveArguments } from "../../linux/index.ts";
import type { ReachableArgument } from "../../profile/index.ts";
import type { Module } from "../link/module.ts";
import type { Resolver } from "../resolve/resolver.ts";

/** Values of one argument that are listed at most; more are not told apart by any filter. */
const MAX_LISTED = 256;

/** The values of a call's decisive arguments, collected over the places that make it. */
export class ArgumentValues {
  #resolver: Resolver;
  #found = new Map<string, { values: Set<number>; closed: boolean }[]>();

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }

  /** Takes in the values at one place. */
  add(name: string, module: Module, site: number): void {
    const decisive = decisiveOf(name);
    if (decisive.length === 0) return;
    let found = this.#found.get(name);
    if (found === undefined)
      this.#found.set(name, (found = decisive.map(() => ({ values: new Set<number>(), closed: true }))));
    for (const [i, { arg, mask }] of decisive.entries()) {
      const into = found[i]!;
      // One place that may hand over anything decides; what others hand over does not matter then.
      if (!into.closed) continue;
      const { constants, addresses, open } = this.#resolver.valuesAt(module, site, {
        register: module.machine.callArguments[arg]!,
      });
      for (const value of constants) into.values.add(Number(BigInt.asUintN(32, BigInt(value) & mask)));
      if (addresses.length > 0 || open.length > 0 || into.values.size > MAX_LISTED) into.closed = false;
    }
  }

  of(name: string): ReachableArgument[] | undefined {
    const found = this.#found.get(name);
    if (found === undefined) return undefined;
    return decisiveOf(name).map(({ name: argument, arg }, i) => ({
      index: arg as ReachableArgument["index"],
      name: argument,
      values: [...found[i]!.values].sort((a, b) => a - b).slice(0, MAX_LISTED),
      closed: found[i]!.closed,
    }));
  }
}

/** What a pointer leads to is not told. */
function decisiveOf(name: string): readonly DecisiveArgument[] {
  return (decisiveArguments[name] ?? []).filter(({ deref }) => deref !== true);
}
