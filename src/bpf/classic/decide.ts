import { type OciSeccomp, type TableArch, X32_BIT } from "../../linux/index.ts";
import { compileToInstructions } from "./compile.ts";
import type { ClassicInstruction } from "./instruction.ts";
import { runClassic } from "./run.ts";
import { AUDIT_ARCH, type SeccompDecision, decisionOf } from "./seccomp.ts";

/** A system call to ask about. x32 numbers may be given with or without bit 30. */
export interface CallInQuestion {
  arch: TableArch;
  nr: number;
  /** Up to six; those left out are 0. */
  args: readonly bigint[];
}

/** Compiled once a profile and machine; profiles are values that nobody changes once they are made. */
const compiled = new WeakMap<OciSeccomp, Map<"x86_64" | "aarch64", ClassicInstruction[]>>();

/** What a profile in the OCI form does with one call, found by running the filter that it compiles to. Throws `bad-seccomp`. */
export function decide(oci: OciSeccomp, { arch, nr, args }: CallInQuestion): SeccompDecision {
  const machine = arch === "aarch64" ? "aarch64" : "x86_64";
  const programs = compiled.get(oci) ?? new Map<"x86_64" | "aarch64", ClassicInstruction[]>();
  compiled.set(oci, programs);
  const program = programs.get(machine) ?? compileToInstructions(oci, { arch: machine });
  programs.set(machine, program);
  return decisionOf(
    runClassic(program, {
      nr: arch === "x32" ? nr | X32_BIT : nr,
      arch: arch === "x32" ? AUDIT_ARCH.x86_64 : AUDIT_ARCH[arch],
      instructionPointer: 0n,
      args,
    }),
  );
}
