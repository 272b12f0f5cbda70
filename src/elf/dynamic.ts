import { hex, type Memory } from "./memory.ts";
import type { Dynamic, Range, Segment } from "./model.ts";
import { Strings } from "./strings.ts";

/** d_tag (gABI chapter 5, glibc elf/elf.h). */
export const TAG = {
  needed: 1,
  pltRelSize: 2,
  hash: 4,
  strings: 5,
  symbols: 6,
  rela: 7,
  relaSize: 8,
  stringsSize: 10,
  init: 12,
  fini: 13,
  soname: 14,
  rpath: 15,
  symbolic: 16,
  rel: 17,
  relSize: 18,
  pltRel: 20,
  jmpRel: 23,
  bindNow: 24,
  initArray: 25,
  finiArray: 26,
  initArraySize: 27,
  finiArraySize: 28,
  runpath: 29,
  flags: 30,
  preinitArray: 32,
  preinitArraySize: 33,
  relrSize: 35,
  relr: 36,
  gnuHash: 0x6ffffef5,
  depAudit: 0x6ffffefb,
  audit: 0x6ffffefc,
  versionSymbols: 0x6ffffff0,
  flags1: 0x6ffffffb,
  versionDefinitions: 0x6ffffffc,
  versionDefinitionCount: 0x6ffffffd,
  versionNeeds: 0x6ffffffe,
  versionNeedCount: 0x6fffffff,
  auxiliary: 0x7ffffffd,
  filter: 0x7fffffff,
} as const;

/** DF_* and DF_1_*: those that change what is loaded or where symbols are found. */
const FLAGS: readonly [bit: number, name: string][] = [
  [0x1, "origin"],
  [0x2, "symbolic"],
  [0x4, "textrel"],
  [0x8, "now"],
  [0x10, "static-tls"],
];
const FLAGS_1: readonly [bit: number, name: string][] = [
  [0x1, "now"],
  [0x2, "global"],
  [0x8, "nodelete"],
  [0x20, "initfirst"],
  [0x40, "noopen"],
  [0x80, "origin"],
  [0x400, "interpose"],
  [0x800, "nodeflib"],
  [0x8000000, "pie"],
];

export interface DynamicTable {
  dynamic: Dynamic;
  /** The value of each tag; of one that stands there more than once the last, as for ld.so. */
  tags: Map<number, number>;
  strings: Strings;
}

/** The dynamic section, found as the loader finds it: by its segment, and all it names by address. */
export function parseDynamic(memory: Memory, segments: Segment[]): DynamicTable | undefined {
  const segment = segments.findLast(({ kind, fileSize }) => kind === "dynamic" && fileSize > 0);
  if (segment === undefined) return undefined;
  const { address, fileSize } = segment;
  const start = memory.at(address, fileSize, "the dynamic section");
  const tags = new Map<number, number>();
  const named: [tag: number, name: number][] = [];
  for (let at = start; at + 16 <= start + fileSize; at += 16) {
    const [tag, value] = [memory.u64(at), memory.u64(at + 8)];
    if (tag === 0) break;
    tags.set(tag, value);
    if (NAMED.has(tag)) named.push([tag, value]);
  }
  const strings = dynamicStrings(memory, tags);
  const namesOf = (tag: number): string[] =>
    named.flatMap(([found, name]) => (found === tag ? [strings.at(name)] : []));
  // Of these ld.so takes the last one; an empty one counts as none.
  const lastOf = (tag: number): string | undefined => namesOf(tag).at(-1) || undefined;
  const arrayOf = (tag: number, sizeTag: number): Range | undefined => {
    const [at, size] = [tags.get(tag), tags.get(sizeTag) ?? 0];
    return at === undefined || size === 0 ? undefined : { address: at, size };
  };
  const dynamic: Dynamic = {
    needed: namesOf(TAG.needed),
    soname: lastOf(TAG.soname),
    rpath: lastOf(TAG.rpath)?.split(":") ?? [],
    runpath: lastOf(TAG.runpath)?.split(":") ?? [],
    init: tags.get(TAG.init) || undefined,
    fini: tags.get(TAG.fini) || undefined,
    initArray: arrayOf(TAG.initArray, TAG.initArraySize),
    finiArray: arrayOf(TAG.finiArray, TAG.finiArraySize),
    preinitArray: arrayOf(TAG.preinitArray, TAG.preinitArraySize),
    filters: [...namesOf(TAG.filter), ...namesOf(TAG.auxiliary)],
    audits: [...namesOf(TAG.audit), ...namesOf(TAG.depAudit)].flatMap((list) => list.split(":")),
    flags: flagsOf(tags),
  };
  return { dynamic, tags, strings };
}

const NAMED: ReadonlySet<number> = new Set([
  TAG.needed,
  TAG.soname,
  TAG.rpath,
  TAG.runpath,
  TAG.filter,
  TAG.auxiliary,
  TAG.audit,
  TAG.depAudit,
]);

function dynamicStrings(memory: Memory, tags: Map<number, number>): Strings {
  const what = `${memory.name}: dynamic strings`;
  const address = tags.get(TAG.strings);
  if (address === undefined) return new Strings(new Uint8Array(1), what);
  const loaded = memory.rangeAt(address, "the dynamic string table");
  const size = tags.get(TAG.stringsSize) ?? loaded.size;
  if (size > loaded.size)
    memory.malformed(
      `the dynamic string table is ${size} bytes at ${hex(address)}, but ${loaded.size} are loaded`,
    );
  return new Strings(memory.bytes.subarray(loaded.offset, loaded.offset + size), what);
}

function flagsOf(tags: Map<number, number>): string[] {
  const of = (value: number, known: readonly [number, string][]): string[] =>
    known.flatMap(([bit, name]) => ((value & bit) === 0 ? [] : [name]));
  return [
    ...new Set([
      ...(tags.has(TAG.symbolic) ? ["symbolic"] : []),
      ...(tags.has(TAG.bindNow) ? ["now"] : []),
      ...of(tags.get(TAG.flags) ?? 0, FLAGS),
      ...of(tags.get(TAG.flags1) ?? 0, FLAGS_1),
    ]),
  ];
}
