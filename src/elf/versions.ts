import { TAG } from "./dynamic.ts";
import type { Memory } from "./memory.ts";
import type { Strings } from "./strings.ts";

const DEFINITION_SIZE = 20;
const NEED_SIZE = 16;

/** Version indices to names: what the file defines and what it wants (LSB core, symbol versioning). */
export function parseVersions(
  memory: Memory,
  tags: Map<number, number>,
  strings: Strings,
): Map<number, string> {
  const versions = new Map<number, string>();
  definitions(memory, tags, strings, versions);
  needs(memory, tags, strings, versions);
  return versions;
}

// Entries point to the next one by a distance, so the number of entries is what ends both walks: it is bounded by the
// bytes that are loaded, and each distance must go forward.

function definitions(
  memory: Memory,
  tags: Map<number, number>,
  strings: Strings,
  versions: Map<number, string>,
): void {
  const start = tags.get(TAG.versionDefinitions);
  if (start === undefined) return;
  const count = tags.get(TAG.versionDefinitionCount) ?? Infinity;
  for (let i = 0, address = start; i < count; i += 1) {
    const at = memory.at(address, DEFINITION_SIZE, "a version definition");
    const [index, aux, next] = [memory.u16(at + 4), memory.u32(at + 12), memory.u32(at + 16)];
    // The first name is the version's, others are those it inherits from.
    const nameAt = memory.at(address + aux, 8, "the name of a version definition");
    versions.set(index & 0x7fff, strings.at(memory.u32(nameAt)));
    if (next === 0) break;
    address += next;
  }
}

function needs(
  memory: Memory,
  tags: Map<number, number>,
  strings: Strings,
  versions: Map<number, string>,
): void {
  const start = tags.get(TAG.versionNeeds);
  if (start === undefined) return;
  const count = tags.get(TAG.versionNeedCount) ?? Infinity;
  for (let i = 0, address = start; i < count; i += 1) {
    const at = memory.at(address, NEED_SIZE, "a version need");
    const [names, aux, next] = [memory.u16(at + 2), memory.u32(at + 8), memory.u32(at + 12)];
    for (let j = 0, name = address + aux; j < names; j += 1) {
      const nameAt = memory.at(name, NEED_SIZE, "the name of a version need");
      versions.set(memory.u16(nameAt + 6) & 0x7fff, strings.at(memory.u32(nameAt + 8)));
      const step = memory.u32(nameAt + 12);
      if (step === 0) break;
      name += step;
    }
    if (next === 0) break;
    address += next;
  }
}
