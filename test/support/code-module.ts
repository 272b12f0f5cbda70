import { Module } from "../../src/analyze/link/module.ts";
import { x86 } from "../../src/analyze/machine/x86/x86.ts";
import { surveyCode } from "../../src/analyze/module/survey.ts";
import type { Elf, UnwindEntry } from "../../src/elf/index.ts";

const BASE = 0x1000;

/** A module of nothing but code at 0x1000, given in hexadecimal; one function unless `bounds` says otherwise. */
export function moduleOf(
  hex: string,
  options: { bounds?: [number, number][] } = {},
): { module: Module; syscalls: number[] } {
  const code = Buffer.from(hex.replaceAll(/\s+/g, ""), "hex");
  const elf: Elf = {
    machine: "x86_64",
    machineNumber: 62,
    bits: 64,
    type: "shared",
    entry: 0,
    segments: [],
    sections: [
      {
        name: ".text",
        type: 1,
        flags: { write: false, allocated: true, execute: true },
        address: BASE,
        offset: 0,
        size: code.length,
        entrySize: 0,
      },
    ],
    dynamicSymbols: [],
    symbols: [],
    relocations: [],
    bytesAt: (address, size) =>
      address >= BASE && address + size <= BASE + code.length
        ? code.subarray(address - BASE, address - BASE + size)
        : undefined,
  };
  const unwind: UnwindEntry[] = (options.bounds ?? []).map(([start, end]) => ({
    start,
    end,
    landingPads: [],
    isSignalFrame: false,
  }));
  const map = surveyCode(elf, x86, unwind, [], []);
  const module = new Module({
    path: "/test",
    name: "test",
    digest: "",
    elf,
    machine: x86,
    code: map,
    facts: new Map(),
    goFunctions: [],
  });
  return { module, syscalls: [...map.syscalls] };
}
