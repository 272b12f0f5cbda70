import type { Module } from "../link/module.ts";
import type { Reach } from "../link/reach.ts";
import { REF } from "../module/refs.ts";
import { SLOT } from "../module/slots.ts";

export interface GlobalContent {
  constants: number[];
  addresses: { module: Module; address: number }[];
  /** Reached places of code that write to it. */
  stores: number[];
  /** Why it may hold something else. */
  open?: string;
}

const stores = new WeakMap<Module, Map<number, number[]>>();

/** What memory at a known address of a module may hold: its content in the file, and what reached code stores there. */
export function readGlobal(
  module: Module,
  { address, size, signed }: { address: number; size: number; signed: boolean },
  reach: Reach,
): GlobalContent {
  const content: GlobalContent = { constants: [], addresses: [], stores: [] };
  const section = module.sectionAt(address);
  if (section === undefined) {
    if (module.isCode(address)) readContent(module, address, size, signed, content);
    else content.open = "memory outside the module";
    return content;
  }
  const { from, to } = module.slotsIn(address, address + size);
  if (to > from) {
    const value = module.slots.values[from]!;
    if (module.slots.kinds[from] === SLOT.relative) content.addresses.push({ module, address: value });
    else if (module.slots.kinds[from] === SLOT.symbol) {
      const definition = reach.scope.resolve(module, value);
      if (definition !== undefined)
        content.addresses.push({
          module: definition.module,
          address: definition.symbol.address + module.slots.addends[from]!,
        });
    } else content.open = "a slot that the loader fills";
  } else if (section.inFile) readContent(module, address, size, signed, content);
  else content.constants.push(0);
  if (!section.writable) return content;
  if (module.pointsTo(address)) content.open = "a variable that may be changed through a pointer";
  for (const site of storesTo(module, address)) {
    const index = module.functionAt(site);
    if (index >= 0 && reach.isReached(module, index)) content.stores.push(site);
  }
  return content;
}

function readContent(
  module: Module,
  address: number,
  size: number,
  signed: boolean,
  content: GlobalContent,
): void {
  const bytes = module.elf.bytesAt(address, size);
  if (bytes === undefined) {
    content.open = "memory that is not in the file";
    return;
  }
  let value = 0n;
  for (let i = size - 1; i >= 0; i -= 1) value = (value << 8n) | BigInt(bytes[i]!);
  const number = Number(signed || size === 8 ? BigInt.asIntN(size * 8, value) : value);
  if (Number.isSafeInteger(number)) content.constants.push(number);
  else content.open = "a large number";
}

function storesTo(module: Module, address: number): readonly number[] {
  let known = stores.get(module);
  if (known === undefined) {
    stores.set(module, (known = new Map<number, number[]>()));
    const { kinds, targets, sites } = module.code.refs;
    for (let i = 0; i < kinds.length; i += 1) {
      if (kinds[i] !== REF.store) continue;
      const list = known.get(targets[i]!);
      if (list === undefined) known.set(targets[i]!, [sites[i]!]);
      else list.push(sites[i]!);
    }
  }
  return known.get(address) ?? [];
}
