import { Flow, type Wanted } from "../flow/flow.ts";
import { straightValue } from "../flow/straight.ts";
import { frameOf } from "../flow/state.ts";
import { type Atom, NOTHING, type Value, keyOf, map, unknown } from "../flow/values.ts";
import type { Module } from "../link/module.ts";
import type { Reach } from "../link/reach.ts";
import { Callers } from "./callers.ts";
import { readGlobal } from "./globals.ts";

/** All that a thing may be at run time, as far as can be told. */
export interface Resolved {
  constants: Set<number>;
  addresses: { module: Module; address: number }[];
  /** Why other values are possible, each with the place where it was given up. Empty: the set is closed. */
  open: { module: Module; address: number; reason: string }[];
}

/** Functions one value may be handed through before the analysis gives up. */
const MAX_HOPS = 32;

interface Context {
  result: Resolved;
  seen: Set<string>;
}

/**
 * Finds what values can be at a place, through the functions that hand them on: what a function was given is looked up
 * at every reached place that calls it.
 */
export class Resolver {
  readonly reach: Reach;
  readonly callers: Callers;
  #flows = new Map<Module, Map<number, Flow>>();

  constructor(reach: Reach) {
    this.reach = reach;
    this.callers = new Callers(reach);
  }

  /** What is wanted, just before the instruction at the address. */
  valuesAt(module: Module, address: number, wanted: Wanted): Resolved {
    const context: Context = {
      result: { constants: new Set(), addresses: [], open: [] },
      seen: new Set(),
    };
    const value = this.rawAt(module, address, wanted);
    if (value.size === 0)
      context.result.open.push({ module, address, reason: "the data flow does not reach the place" });
    this.#close(module, address, value, context, 0);
    return context.result;
  }

  /** The same within the function alone: what it was given stays symbolic. A pure function of the module, so it is kept. */
  rawAt(module: Module, address: number, wanted: Wanted): Value {
    const key = `${address}|${JSON.stringify(wanted)}`;
    let value = module.facts.get(key);
    if (value === undefined) {
      value =
        ("register" in wanted ? straightValue(module, address, wanted.register) : undefined) ??
        this.#flowAt(module, address)?.valueAt(address, wanted) ??
        unknown("not in a function");
      module.facts.set(key, value);
    }
    return value;
  }

  #flowAt(module: Module, address: number): Flow | undefined {
    const index = module.functionAt(address);
    if (index < 0) return undefined;
    let flows = this.#flows.get(module);
    if (flows === undefined) this.#flows.set(module, (flows = new Map<number, Flow>()));
    let flow = flows.get(index);
    if (flow === undefined) {
      flow = new Flow(module, index);
      for (const part of flow.body.parts) flows.set(part, flow);
      flows.set(index, flow);
    }
    return flow;
  }

  #close(module: Module, address: number, value: Value, context: Context, hops: number): void {
    for (const atom of value.values()) this.#closeAtom(module, address, atom, context, hops);
  }

  #closeAtom(module: Module, address: number, atom: Atom, context: Context, hops: number): void {
    const { result } = context;
    const giveUp = (reason: string): void => {
      result.open.push({ module, address, reason });
    };
    switch (atom.kind) {
      case "const":
        result.constants.add(atom.value);
        return;
      case "address":
        result.addresses.push({ module, address: atom.value });
        return;
      case "unknown":
        giveUp(atom.reason);
        return;
      default:
    }
    const key = `${module.index}:${keyOf(atom)}`;
    if (context.seen.has(key)) return;
    context.seen.add(key);
    if (hops > MAX_HOPS) {
      giveUp(`handed through more than ${MAX_HOPS} functions`);
      return;
    }
    switch (atom.kind) {
      case "entry":
        this.#closeEntry(module, atom, context, hops, giveUp);
        return;
      case "global":
        this.#closeGlobal(module, atom, context, hops, giveUp);
        return;
      case "deref":
        this.#closeDeref(module, atom, context, hops, giveUp);
    }
  }

  #closeEntry(
    module: Module,
    { entry, location, offset }: Extract<Atom, { kind: "entry" }>,
    context: Context,
    hops: number,
    giveUp: (reason: string) => void,
  ): void {
    if ("register" in location && location.register === module.machine.stackPointer) {
      giveUp("an address of the stack");
      return;
    }
    if (this.reach.isTaken(module, entry)) giveUp(`${module.nameAt(entry)} may be called through a pointer`);
    for (const source of this.callers.of(module, entry)) {
      const pushed = source.isCall ? source.module.machine.callPushes : 0;
      const wanted: Wanted = "register" in location ? location : { stack: location.stack - pushed, size: 8 };
      const value = this.rawAt(source.module, source.address, wanted);
      const moved = offset === 0 ? value : map(value, (one) => shifted(one, offset));
      this.#close(source.module, source.address, moved, context, hops + 1);
    }
  }

  #closeGlobal(
    module: Module,
    atom: Extract<Atom, { kind: "global" }>,
    context: Context,
    hops: number,
    giveUp: (reason: string) => void,
  ): void {
    const content = readGlobal(module, atom, this.reach);
    for (const value of content.constants) context.result.constants.add(value);
    context.result.addresses.push(...content.addresses);
    if (content.open !== undefined) giveUp(content.open);
    for (const site of content.stores) {
      const stored = this.#storedAt(module, site);
      this.#close(module, site, stored, context, hops + 1);
    }
  }

  /** What the store at an address writes. */
  #storedAt(module: Module, site: number): Value {
    const key = `${site}|stored`;
    let value = module.facts.get(key);
    if (value === undefined) {
      value = this.#flowAt(module, site)?.storedAt(site) ?? unknown("not in a function");
      module.facts.set(key, value);
    }
    return value;
  }

  /** Memory at what another value is: a structure that a caller made on its stack, a pointer kept in a global. */
  #closeDeref(
    module: Module,
    atom: Extract<Atom, { kind: "deref" }>,
    context: Context,
    hops: number,
    giveUp: (reason: string) => void,
  ): void {
    const { base, offset, size, signed } = atom;
    const through = (owner: Module, site: number, pointers: Value): void => {
      for (const pointer of pointers.values()) {
        const frame = frameOf(pointer, owner.machine);
        if (frame !== undefined) {
          const at = { entry: frame.entry, offset: frame.offset + offset };
          this.#close(owner, site, this.#frameAt(owner, site, at, size, signed), context, hops + 1);
        } else if (pointer.kind === "address")
          this.#closeAtom(
            owner,
            site,
            { kind: "global", address: pointer.value + offset, size, signed },
            context,
            hops + 1,
          );
        else if (pointer.kind === "entry" || pointer.kind === "global")
          this.#closeAtom(
            owner,
            site,
            pointer.kind === "entry"
              ? {
                  kind: "deref",
                  base: { ...pointer, offset: 0 },
                  offset: offset + pointer.offset,
                  size,
                  signed,
                }
              : { kind: "deref", base: pointer, offset, size, signed },
            context,
            hops + 1,
          );
        else
          context.result.open.push({
            module: owner,
            address: site,
            reason: "read through a pointer that is not followed",
          });
      }
    };
    if (base.kind === "entry") {
      const { entry, location } = base;
      if (this.reach.isTaken(module, entry))
        giveUp(`${module.nameAt(entry)} may be called through a pointer`);
      for (const source of this.callers.of(module, entry)) {
        const pushed = source.isCall ? source.module.machine.callPushes : 0;
        const wanted: Wanted =
          "register" in location ? location : { stack: location.stack - pushed, size: 8 };
        const pointers = map(this.rawAt(source.module, source.address, wanted), (one) =>
          shifted(one, base.offset),
        );
        through(source.module, source.address, pointers);
      }
      return;
    }
    if (base.kind === "global") {
      const content = readGlobal(module, base, this.reach);
      if (content.open !== undefined) giveUp(content.open);
      for (const { module: owner, address } of content.addresses)
        through(owner, address, new Map([["", { kind: "address", value: address }]]));
      for (const site of content.stores) through(module, site, this.#storedAt(module, site));
      return;
    }
    giveUp("read through a pointer that is not followed");
  }

  #frameAt(
    module: Module,
    site: number,
    frame: { entry: number; offset: number },
    size: number,
    signed: boolean,
  ): Value {
    const key = `${site}|frame${frame.entry}:${frame.offset}:${size}${signed ? "s" : "u"}`;
    let value = module.facts.get(key);
    if (value === undefined) {
      value = this.#flowAt(module, site)?.frameAt(site, frame, size, signed) ?? NOTHING;
      module.facts.set(key, value);
    }
    return value;
  }
}

function shifted(atom: Atom, by: number): Atom {
  if (by === 0) return atom;
  if (atom.kind === "const" || atom.kind === "address") return { ...atom, value: atom.value + by };
  if (atom.kind === "entry") return { ...atom, offset: atom.offset + by };
  return atom.kind === "unknown"
    ? atom
    : { kind: "unknown", reason: "arithmetic on a value that is not known" };
}
