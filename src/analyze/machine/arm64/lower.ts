import type { Effect, Flow, Insn } from "../model.ts";
import { branchTarget, wayOf, type Way } from "./branches.ts";
import { SP, UNKNOWN, readRegister, setRegister } from "./expressions.ts";
import { memoryEffects } from "./lower-memory.ts";
import { immediateEffects, registerEffects } from "./lower-data.ts";
import { wordsOf } from "./scan.ts";
import { groupOf, rn } from "./words.ts";
import { written } from "./writes.ts";

const FLOWS: Readonly<Record<Way, Flow>> = {
  next: "next",
  padding: "next",
  call: "call",
  jump: "jump",
  branch: "branch",
  "call-register": "call",
  "jump-register": "jump",
  return: "return",
  syscall: "syscall",
  stop: "stop",
  invalid: "invalid",
};

/** Reads A64 code exactly: what `Machine.lower` promises. Stops at what cannot be decoded. */
export function lower(code: Uint8Array, address: number): Insn[] {
  const insns: Insn[] = [];
  for (const [i, word] of wordsOf(code).entries()) {
    const insn = lowerOne(word, address + i * 4);
    insns.push(insn);
    if (insn.flow === "invalid") break;
  }
  return insns;
}

function lowerOne(word: number, address: number): Insn {
  const way = wayOf(word);
  const insn = { address, size: 4, flow: FLOWS[way] };
  switch (way) {
    case "call":
    case "jump":
    case "branch":
      return { ...insn, target: branchTarget(word, address), effects: [] };
    case "call-register":
    case "jump-register":
      return { ...insn, through: readRegister(rn(word)), effects: [] };
    case "next":
      return { ...insn, effects: effectsOf(word, address) };
    default:
      return { ...insn, effects: [] };
  }
}

function effectsOf(word: number, address: number): Effect[] {
  switch (groupOf(word)) {
    case "immediate":
      return immediateEffects(word, address);
    case "register":
      return registerEffects(word);
    case "memory":
      return memoryEffects(word, address);
    case "sve":
      // It may write a general register, the stack pointer too (ADDVL), and memory.
      return [...setRegister(written(word) ?? SP, UNKNOWN, true), { to: "memory", value: UNKNOWN }];
    default: {
      const register = written(word);
      return register === undefined ? [] : setRegister(register, UNKNOWN);
    }
  }
}
