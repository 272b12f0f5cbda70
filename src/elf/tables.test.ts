import { test as property } from "@fast-check/vitest";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CinchError } from "../base/index.ts";
import { parseGoFunctions } from "./go.ts";
import type { Elf } from "./model.ts";
import { parseUnwind } from "./unwind.ts";

const BASE = 0x1000;

/** A file of one section of data at 0x1000. */
function withSection(name: string, bytes: Uint8Array): Elf {
  return {
    machine: "x86_64",
    machineNumber: 62,
    bits: 64,
    type: "shared",
    entry: 0,
    segments: [
      {
        kind: "load",
        flags: { read: true, write: false, execute: false },
        offset: 0,
        address: BASE,
        fileSize: bytes.length,
        memorySize: bytes.length,
      },
    ],
    sections: [
      {
        name,
        type: 1,
        flags: { write: false, allocated: true, execute: false },
        address: BASE,
        offset: 0,
        size: bytes.length,
        entrySize: 0,
      },
    ],
    dynamicSymbols: [],
    symbols: [],
    relocations: [],
    bytesAt: (address, size) =>
      address >= BASE && address + size <= BASE + bytes.length
        ? bytes.subarray(address - BASE, address - BASE + size)
        : undefined,
  };
}

/** A common entry ("zR", pc-relative, four bytes) and one function at 0x2000 of 0x40 bytes; then the terminator. */
function frames(): Buffer {
  const common = Buffer.from(
    "14000000 00000000 01 7a5200 01 78 10 01 1b 0c0708 90010000".replaceAll(" ", ""),
    "hex",
  );
  const entry = Buffer.alloc(24);
  entry.writeUInt32LE(20, 0);
  entry.writeUInt32LE(common.length + 4, 4);
  entry.writeInt32LE(0x2000 - (BASE + common.length + 8), 8);
  entry.writeInt32LE(0x40, 12);
  return Buffer.concat([common, entry, Buffer.alloc(4)]);
}

/** Parses, or refuses with an error of ours. */
function tolerant(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    expect(error).toBeInstanceOf(CinchError);
  }
}

describe("parseUnwind", () => {
  it("finds the functions", () => {
    expect(parseUnwind(withSection(".eh_frame", frames()))).toEqual([
      { start: 0x2000, end: 0x2040, landingPads: [], isSignalFrame: false },
    ]);
  });

  it("finds none where there is no table", () => {
    expect(parseUnwind(withSection(".data", frames()))).toEqual([]);
  });

  property.prop([fc.uint8Array({ maxLength: 300 })])("refuses what is no table", (bytes) => {
    tolerant(() => parseUnwind(withSection(".eh_frame", bytes)));
  });

  property.prop([fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 6 })])(
    "survives changed bytes",
    (changes) => {
      const bytes = frames();
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      tolerant(() => parseUnwind(withSection(".eh_frame", bytes)));
    },
  );
});

/** Go 1.20's form: two functions at 0x5000 and 0x5010, ending at 0x5040. */
function goTable(): Buffer {
  const table = Buffer.alloc(256);
  table.writeUInt32LE(0xffff_fff1, 0);
  table[6] = 1;
  table[7] = 8;
  const words = [2, 0, 0x5000, 80, 0, 0, 0, 120];
  for (const [i, word] of words.entries()) table.writeBigUInt64LE(BigInt(word), 8 + i * 8);
  table.write("main.main\0runtime.x\0", 80, "latin1");
  // Pairs of offsets from the text and of a function's data, from 120 on.
  for (const [i, word] of [0, 40, 0x10, 48, 0x40].entries()) table.writeUInt32LE(word, 120 + i * 4);
  table.writeInt32LE(0, 120 + 40 + 4);
  table.writeInt32LE(10, 120 + 48 + 4);
  return table;
}

describe("parseGoFunctions", () => {
  it("finds names and bounds", () => {
    expect(parseGoFunctions(withSection(".gopclntab", goTable()))).toEqual([
      { name: "main.main", start: 0x5000, end: 0x5010 },
      { name: "runtime.x", start: 0x5010, end: 0x5040 },
    ]);
  });

  it("tells other programs", () => {
    expect(parseGoFunctions(withSection(".data", goTable()))).toBeUndefined();
  });

  property.prop([fc.array(fc.tuple(fc.nat(255), fc.nat(255)), { minLength: 1, maxLength: 8 })])(
    "survives changed bytes",
    (changes) => {
      const bytes = goTable();
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      tolerant(() => parseGoFunctions(withSection(".gopclntab", bytes)));
    },
  );

  property.prop([fc.uint8Array({ maxLength: 300 })])("survives any bytes", (bytes) => {
    tolerant(() => parseGoFunctions(withSection(".gopclntab", bytes)));
  });
});
