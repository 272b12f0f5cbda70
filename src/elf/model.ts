/** An ELF file as values. Addresses are the file's own (before it is loaded somewhere), as numbers below 2^53. */
export interface Elf {
  /** "other" is what is recognised as ELF but not analysed; see `machineNumber`. */
  machine: "x86_64" | "aarch64" | "i386" | "other";
  /** e_machine. */
  machineNumber: number;
  /** 32 is recognised and reported; only 64 is read further than the header. */
  bits: 32 | 64;
  type: "executable" | "shared" | "other";
  /** 0 for none. */
  entry: number;
  segments: Segment[];
  /** Empty where the section table was stripped. */
  sections: Section[];
  /** PT_INTERP. */
  interpreter?: string;
  /** Hexadecimal, from the GNU note. */
  buildId?: string;
  /** Undefined for a static file without a dynamic section. */
  dynamic?: Dynamic;
  /** .dynsym; entry 0 included, so that indices of relocations fit. */
  dynamicSymbols: ElfSymbol[];
  /** .symtab; empty where stripped. */
  symbols: ElfSymbol[];
  /** RELA, REL-less RELR (expanded) and JMPREL, sorted by offset. */
  relocations: Relocation[];
  /** The file's bytes that are loaded at an address; undefined unless all of them are in one segment's file part. No copy. */
  bytesAt(address: number, size: number): Uint8Array | undefined;
}

export interface Segment {
  /** "load", "dynamic", "interp", "note", "tls", "relro", "eh-frame", "stack", "headers", "property" or the number ("0x…"). */
  kind: string;
  flags: { read: boolean; write: boolean; execute: boolean };
  offset: number;
  address: number;
  fileSize: number;
  memorySize: number;
}

export interface Section {
  name: string;
  /** sh_type. */
  type: number;
  flags: { write: boolean; allocated: boolean; execute: boolean };
  address: number;
  offset: number;
  /** Bytes in memory; for .bss none of them are in the file. */
  size: number;
  entrySize: number;
}

export interface ElfSymbol {
  name: string;
  /** "GLIBC_2.34"; undefined where the symbol has none. */
  version?: string;
  /** Only found when asked for by version ("foo@V" and not "foo@@V"). */
  hidden: boolean;
  kind: "none" | "object" | "function" | "section" | "file" | "tls" | "ifunc" | "other";
  binding: "local" | "global" | "weak" | "other";
  visibility: "default" | "internal" | "hidden" | "protected";
  /** false: wanted from another module. An `address` is then that of the PLT entry which stands for it in a non-PIE. */
  defined: boolean;
  address: number;
  size: number;
}

/** What a relocation does when the module is loaded, on every architecture. */
export interface Relocation {
  /** The address it changes. */
  offset: number;
  /**
   * relative: base + addend. irelative: what the resolver at base + addend returns. symbol: address of `symbol` + addend
   * (GLOB_DAT, 64/ABS64). jump: the same, for the PLT's slot. copy: the symbol's content. tls: anything thread-local,
   * TLS descriptors included. other: named in `type`.
   */
  kind: "relative" | "irelative" | "symbol" | "jump" | "copy" | "tls" | "other";
  type: number;
  /** Index in `dynamicSymbols`; 0 for none. */
  symbol: number;
  addend: number;
}

export interface Dynamic {
  needed: string[];
  soname?: string;
  rpath: string[];
  runpath: string[];
  init?: number;
  fini?: number;
  /** Where the arrays of function pointers stand. */
  initArray?: Range;
  finiArray?: Range;
  preinitArray?: Range;
  /** DF_1_NODEFLIB, DF_SYMBOLIC and the like: "nodeflib", "symbolic", "pie", "now". */
  flags: string[];
  /** DT_FILTER and DT_AUXILIARY: libraries that symbols of this one are looked up in first; ld.so loads them too. */
  filters?: string[];
  /** DT_AUDIT and DT_DEPAUDIT: modules that watch the linking. */
  audits?: string[];
}

export interface Range {
  address: number;
  size: number;
}

/** A function as the unwind tables have it. */
export interface UnwindEntry {
  start: number;
  /** Exclusive. */
  end: number;
  /** Addresses of landing pads from its exception table; they may lie in another function (".cold"). */
  landingPads: number[];
  /** The personality routine's address, if it is given directly; or the slot that holds it. */
  personality?: { address: number; indirect: boolean };
  /** A signal frame (S augmentation): __restore_rt. Its start is one byte early. */
  isSignalFrame: boolean;
}

export interface GoFunction {
  name: string;
  start: number;
  end: number;
}
