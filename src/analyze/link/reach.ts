import { REF, lowerBound } from "../module/refs.ts";
import { SLOT } from "../module/slots.ts";
import { HAS } from "../module/code-map.ts";
import { switchTargets } from "../flow/switch.ts";
import type { Module } from "./module.ts";
import { type Definition, Scope } from "./scope.ts";

/** How one function leads to another. */
export const EDGE = { direct: 0, addressTaken: 1, root: 2 } as const;

/** How a module came to be loaded. */
export interface Loaded {
  via: "start" | "dlopen" | "nss";
  /** "executable", "needed by nginx", "nsswitch.conf: passwd: systemd". */
  reason: string;
}

export interface ReachOptions {
  /** strict: a reference into data makes its whole section live. tight: the object that it points to. */
  mode: "strict" | "tight";
  /** Functions that are as if they were not there. */
  isCut?: (module: Module, index: number, all: readonly Module[]) => boolean;
}

/**
 * What can be reached from the roots: functions, and data that holds pointers. A function whose address is taken counts
 * as soon as the code that takes it is reached, or the data that holds it is live; so indirect calls need no targets.
 */
export class Reach {
  readonly scope = new Scope();
  /** By function id: how it was reached first, and from where. */
  parents: Int32Array = new Int32Array(1 << 16).fill(UNVISITED);
  edges: Uint8Array = new Uint8Array(1 << 16);
  readonly loaded = new Map<Module, Loaded>();
  /** Called once for each address of data that becomes known to reached code; `owner` is the id of a function. */
  onData: ((module: Module, address: number, owner: number) => void) | undefined;
  #options: ReachOptions;
  #queue: number[] = [];
  #head = 0;
  #total = 0;
  #live = new Map<Module, Set<number>>();
  #seen = new Map<Module, Set<number>>();
  #taken = new Map<Module, Set<number>>();
  #cut: { module: Module; index: number; parent: number; edge: number }[] = [];

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  add(module: Module, loaded: Loaded): void {
    this.scope.add(module);
    this.loaded.set(module, loaded);
    module.base = this.#total;
    this.#total += module.code.starts.length;
    this.#live.set(module, new Set());
    this.#seen.set(module, new Set());
    this.#taken.set(module, new Set());
    if (this.#total > this.parents.length) {
      const parents = new Int32Array(this.#total * 2).fill(UNVISITED);
      parents.set(this.parents);
      this.parents = parents;
      const edges = new Uint8Array(this.#total * 2);
      edges.set(this.edges);
      this.edges = edges;
    }
  }

  get modules(): readonly Module[] {
    return this.scope.modules;
  }

  moduleOf(id: number): Module {
    const { modules } = this.scope;
    let low = 0;
    let high = modules.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (modules[middle]!.base <= id) low = middle + 1;
      else high = middle;
    }
    return modules[low - 1]!;
  }

  isReached(module: Module, index: number): boolean {
    return this.parents[module.base + index] !== UNVISITED;
  }

  /** Whether reached code or live data holds the address, so that calls may come from anywhere. */
  isTaken(module: Module, address: number): boolean {
    return this.#taken.get(module)!.has(address);
  }

  /** Something outside the code calls what is at the address: the kernel, the loader, a name looked up while it runs. */
  addRoot(module: Module, address: number): void {
    this.#taken.get(module)!.add(address);
    this.addReached(module, address);
  }

  /** The function at the address counts as reached, though nothing but the code itself is known to call it. */
  addReached(module: Module, address: number): void {
    const index = module.functionAt(address);
    if (index < 0) return;
    this.#visit(module, index, ROOT, EDGE.root);
  }

  /** Makes a definition live as a root: a function is called, data is read. */
  addRootSymbol({ module, symbol }: Definition): void {
    if (module.isCode(symbol.address)) this.addRoot(module, symbol.address);
    else this.#touch(module, symbol.address, ROOT);
  }

  /** Follows everything until nothing new is reached. */
  run(): void {
    for (; this.#head < this.#queue.length; this.#head += 1) this.#follow(this.#queue[this.#head]!);
    this.#queue = [];
    this.#head = 0;
  }

  #visit(module: Module, index: number, parent: number, edge: number): void {
    const id = module.base + index;
    if (this.parents[id] !== UNVISITED) return;
    if (this.#options.isCut?.(module, index, this.scope.modules)) {
      this.#cut.push({ module, index, parent, edge });
      return;
    }
    this.parents[id] = parent;
    this.edges[id] = edge;
    this.#queue.push(id);
  }

  /** Tries again what was cut: whether it is may have changed. */
  retry(): void {
    const cut = this.#cut;
    this.#cut = [];
    for (const { module, index, parent, edge } of cut) this.#visit(module, index, parent, edge);
  }

  #goTo(module: Module, address: number, parent: number, edge: number): void {
    const index = module.functionAt(address);
    if (index >= 0) this.#visit(module, index, parent, edge);
  }

  #follow(id: number): void {
    const module = this.moduleOf(id);
    const index = id - module.base;
    const { starts, ends, flags, refs } = module.code;
    const start = starts[index]!;
    const end = ends[index]!;
    const to = lowerBound(refs.sites, end);
    for (let i = lowerBound(refs.sites, start); i < to; i += 1) {
      const target = refs.targets[i]!;
      switch (refs.kinds[i]) {
        case REF.call:
        case REF.jump:
        case REF.branch:
        case REF.unwind:
          if (target < start || target >= end) this.#goTo(module, target, id, EDGE.direct);
          break;
        case REF.address:
          this.#touch(module, target, id);
          break;
        case REF.load:
          this.#read(module, target, target + refs.sizes[i]!, id, EDGE.addressTaken);
          break;
        case REF.callThrough:
        case REF.jumpThrough:
          this.#read(module, target, target + refs.sizes[i]!, id, EDGE.direct);
          break;
        default:
      }
    }
    if (flags[index]! & HAS.fallsThrough && index + 1 < starts.length)
      this.#visit(module, index + 1, id, EDGE.direct);
    if (flags[index]! & HAS.indirectJump)
      for (const target of switchTargets(module, index))
        if (target < start || target >= end) this.#goTo(module, target, id, EDGE.direct);
  }

  /** An address of the module became a value: what is there is live. */
  #touch(module: Module, address: number, owner: number): void {
    if (module.isCode(address)) {
      this.#taken.get(module)!.add(address);
      this.#goTo(module, address, owner, EDGE.addressTaken);
      return;
    }
    const seen = this.#seen.get(module)!;
    if (seen.has(address)) return;
    seen.add(address);
    this.onData?.(module, address, owner);
    const section = module.sectionAt(address);
    if (section?.isGot === true) {
      // What has its address taken there is the place of a thread-local variable: two slots.
      this.#read(module, address, address + 16, owner, EDGE.addressTaken);
      return;
    }
    const range = this.#options.mode === "strict" ? section : module.objectAt(address);
    if (range === undefined) return;
    const live = this.#live.get(module)!;
    if (live.has(range.start)) return;
    live.add(range.start);
    this.#read(module, range.start, range.end, owner, EDGE.addressTaken);
  }

  /** The pointers in a piece of data are live. */
  #read(module: Module, start: number, end: number, owner: number, edge: number): void {
    const { from, to } = module.slotsIn(start, end);
    for (let i = from; i < to; i += 1) this.#readSlot(module, i, owner, edge);
  }

  #readSlot(module: Module, slot: number, owner: number, edge: number): void {
    const { kinds, values, addends } = module.slots;
    const value = values[slot]!;
    switch (kinds[slot]) {
      case SLOT.relative:
        if (edge === EDGE.direct && module.isCode(value)) this.#goTo(module, value, owner, edge);
        else this.#touch(module, value, owner);
        return;
      case SLOT.irelative:
        this.#goTo(module, value, owner, EDGE.addressTaken);
        return;
      case SLOT.copy: {
        const name = module.elf.dynamicSymbols[value];
        const original = name && this.scope.find(name.name, name.version, module);
        if (original) this.#touch(original.module, original.symbol.address, owner);
        return;
      }
      default: {
        // Until it is bound, a slot of the procedure linkage table leads back into that table.
        const unbound = wordAt(module, module.slots.offsets[slot]!);
        if (unbound !== 0 && module.isCode(unbound)) this.#goTo(module, unbound, owner, edge);
        const definition = this.scope.resolve(module, value);
        if (definition !== undefined) this.#use(definition, addends[slot]!, owner, edge);
        // The loader binds its own references to itself before it knows of any other module.
        const own = module.elf.dynamicSymbols[value];
        if (own?.defined && definition?.module !== module)
          this.#use({ module, symbol: own }, addends[slot]!, owner, edge);
      }
    }
  }

  #use({ module, symbol }: Definition, addend: number, owner: number, edge: number): void {
    if (symbol.kind === "tls") return;
    const address = symbol.address + addend;
    if (!module.isCode(address)) {
      this.#touch(module, address, owner);
      return;
    }
    if (edge !== EDGE.direct) this.#taken.get(module)!.add(address);
    this.#goTo(module, address, owner, edge);
  }

  /** From a root to the function: ids, the root first. */
  pathTo(id: number): number[] {
    const path: number[] = [];
    for (let at = id; at >= 0; at = this.parents[at]!) path.push(at);
    return path.reverse();
  }
}

function wordAt(module: Module, address: number): number {
  const bytes = module.elf.bytesAt(address, 8);
  if (bytes === undefined) return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return view.getUint32(4, true) === 0 ? view.getUint32(0, true) : 0;
}

const UNVISITED = -2;
const ROOT = -1;
