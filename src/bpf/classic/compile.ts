import { CinchError } from "../../base/index.ts";
import { type OciSeccomp, type TableArch, X32_BIT } from "../../linux/index.ts";
import { ClassicAssembler } from "./assembler.ts";
import { type ClassicInstruction, encodeClassic } from "./instruction.ts";
import { type ArchPolicy, type Comparison, type Outcome, policiesOf } from "./policy.ts";
import { AUDIT_ARCH, SECCOMP_OFFSET, SECCOMP_RETURN, argumentOffset } from "./seccomp.ts";

/**
 * What becomes of the calls that a profile denies: as it says; handed to a supervisor (`notify`); made, and logged
 * by the kernel (`log`); made (`allow`).
 */
export type DenyMode = "as-written" | "notify" | "log" | "allow";

export interface CompileOptions {
  /** The machine's own architecture. i386 and x32 mean an x86_64 machine. */
  arch: TableArch;
  deny?: DenyMode;
}

/**
 * A profile in the OCI form as the bytes of a filter, for processes that cinch starts itself (`struct sock_filter[]`).
 * The meaning is that of `policiesOf`, but a call by an architecture that is not in ends the whole process. Throws
 * `bad-seccomp`.
 */
export function compileSeccomp(oci: OciSeccomp, options: CompileOptions): Uint8Array {
  return encodeClassic(compileToInstructions(oci, options));
}

/**
 * The same as instructions. A call is found by a binary search over ranges of numbers, and only those whose arguments
 * matter are looked at further. So the kernel can tell beforehand which calls pass in any case and then does not run
 * the filter for them at all (seccomp_is_const_allow, since Linux 5.11).
 */
export function compileToInstructions(
  oci: OciSeccomp,
  { arch, deny = "as-written" }: CompileOptions,
): ClassicInstruction[] {
  const policies = policiesOf(oci, arch);
  const compiler = new Compiler(deny);
  const native = policies.find((policy) => policy.arch === "x86_64" || policy.arch === "aarch64")!;
  const i386 = policies.find((policy) => policy.arch === "i386");
  const x32 = policies.find((policy) => policy.arch === "x32");

  const { program } = compiler;
  program.load(SECCOMP_OFFSET.arch).jump("eq", AUDIT_ARCH[native.arch as "x86_64" | "aarch64"], "native");
  if (i386) program.jump("eq", AUDIT_ARCH.i386, "i386");
  compiler.refuse();

  program.label("native").load(SECCOMP_OFFSET.nr);
  if (native.arch === "x86_64") program.jump("ge", X32_BIT, "x32");
  compiler.calls(native);
  if (native.arch === "x86_64") {
    program.label("x32");
    if (x32) {
      compiler.calls(x32);
    } else {
      // -1 is no x32 call, it is one that a tracer has cancelled: it gets the default, like any unknown number.
      program.jump("eq", 0xffff_ffff, "cancelled");
      compiler.refuse();
      program.label("cancelled");
      compiler.answer(native.otherwise);
    }
  }
  if (i386) {
    program.label("i386").load(SECCOMP_OFFSET.nr);
    compiler.calls(i386);
  }
  try {
    return program.assemble();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new CinchError("bad-seccomp", `seccomp profile: too large for one filter: ${cause.message}`, {
      cause,
    });
  }
}

/** From a number on, up to the next range: what becomes of these calls. */
interface Range {
  from: number;
  outcome: Outcome;
}

class Compiler {
  readonly program = new ClassicAssembler();
  readonly #deny: DenyMode;

  constructor(deny: DenyMode) {
    this.#deny = deny;
  }

  /** Answers a call of an architecture that is not in the profile. */
  refuse(): void {
    this.answer(SECCOMP_RETURN.killProcess);
  }

  /** Ends the program with this result, or with what the wish for denied calls makes of it. */
  answer(result: number): void {
    this.program.return(this.#result(result));
  }

  /** Answers every call of one architecture; A holds its number. */
  calls(policy: ArchPolicy): void {
    const blocks = new Map<string, { label: string; outcome: Outcome }>();
    this.#search(
      rangesOf(policy, (outcome) => this.#key(outcome)),
      (outcome) => {
        if (this.#isConstant(outcome)) {
          this.answer(outcome.otherwise);
          return undefined;
        }
        // Calls with the same conditions (socket and socketpair) share one block.
        const key = this.#key(outcome);
        const block = blocks.get(key) ?? { label: this.program.fresh("arguments"), outcome };
        blocks.set(key, block);
        return block.label;
      },
    );
    for (const { label, outcome } of blocks.values()) {
      this.program.label(label);
      this.#conditional(outcome, widthOf(policy.arch));
    }
  }

  /** A binary search over ranges. `leaf` writes what is at its end, or names the label where that stands. */
  #search(ranges: readonly Range[], leaf: (outcome: Outcome) => string | undefined): void {
    if (ranges.length === 1) {
      const label = leaf(ranges[0]!.outcome);
      if (label !== undefined) this.program.goto(label);
      return;
    }
    const middle = ranges.length >> 1;
    const upper = this.program.fresh("upper");
    this.program.jump("ge", ranges[middle]!.from, upper);
    this.#search(ranges.slice(0, middle), leaf);
    this.program.label(upper);
    this.#search(ranges.slice(middle), leaf);
  }

  #conditional({ rules, otherwise }: Outcome, bits: 32 | 64): void {
    for (const { tests, result } of rules) {
      const fail = this.program.fresh("next");
      for (const test of tests) {
        const pass = this.program.fresh("pass");
        this.#compare(test, bits, pass, fail);
        this.program.label(pass);
      }
      this.answer(result);
      this.program.label(fail);
    }
    this.answer(otherwise);
  }

  /** A 64-bit comparison by two of 32 bits, the upper half first. */
  #compare(test: Comparison, bits: 32 | 64, pass: string, fail: string): void {
    const { program } = this;
    const low = Number(BigInt.asUintN(32, test.value));
    const high = Number(test.value >> 32n);
    const lower = (): ClassicAssembler => program.load(argumentOffset(test.index, "low"));
    const upper = (): ClassicAssembler => program.load(argumentOffset(test.index, "high"));
    switch (test.op) {
      case "eq":
        if (bits === 64) upper().jump("eq", high, undefined, fail);
        lower().jump("eq", low, pass, fail);
        return;
      case "ne":
        if (bits === 64) upper().jump("eq", high, undefined, pass);
        lower().jump("eq", low, fail, pass);
        return;
      case "gt":
      case "ge":
        if (bits === 64) upper().jump("gt", high, pass).jump("eq", high, undefined, fail);
        lower().jump(test.op, low, pass, fail);
        return;
      case "lt":
        this.#compare({ ...test, op: "ge" }, bits, fail, pass);
        return;
      case "le":
        this.#compare({ ...test, op: "gt" }, bits, fail, pass);
        return;
      case "masked-eq": {
        const lowMask = Number(BigInt.asUintN(32, test.mask));
        const highMask = Number(test.mask >> 32n);
        if (bits === 64 && highMask !== 0) upper().alu("and", highMask).jump("eq", high, undefined, fail);
        if (lowMask !== 0) lower().alu("and", lowMask).jump("eq", low, undefined, fail);
        program.goto(pass);
        return;
      }
    }
  }

  #isConstant(outcome: Outcome): boolean {
    const otherwise = this.#result(outcome.otherwise);
    return outcome.rules.every(({ result }) => this.#result(result) === otherwise);
  }

  /** Equal for outcomes that need the same code. */
  #key(outcome: Outcome): string {
    const otherwise = this.#result(outcome.otherwise);
    if (this.#isConstant(outcome)) return String(otherwise);
    const rules = outcome.rules.map(({ tests, result }) => [
      this.#result(result),
      tests.map((test) => [
        test.index,
        test.op,
        test.op === "masked-eq" ? `${test.mask}` : "",
        `${test.value}`,
      ]),
    ]);
    return JSON.stringify([otherwise, rules]);
  }

  #result(result: number): number {
    return underMode(result, this.#deny);
  }
}

/**
 * How many bits of an argument are compared. i386 has no more than 32; x32 has 64 in its registers, but libseccomp
 * takes it for an architecture of 32 (arch-x32.c), as its pointers and longs are.
 */
function widthOf(arch: TableArch): 32 | 64 {
  return arch === "i386" || arch === "x32" ? 32 : 64;
}

/** A filter's result once the wish for denied calls is applied. */
function underMode(result: number, deny: DenyMode): number {
  const action = (result & 0xffff_0000) >>> 0;
  if (deny === "allow") return SECCOMP_RETURN.allow;
  if (deny === "as-written" || action === SECCOMP_RETURN.allow || action === SECCOMP_RETURN.log)
    return result;
  return deny === "notify" ? SECCOMP_RETURN.notify : SECCOMP_RETURN.log;
}

/** The outcomes as ranges over all numbers, neighbours with the same key joined. */
function rangesOf({ calls, otherwise }: ArchPolicy, key: (outcome: Outcome) => string): Range[] {
  const rest: Outcome = { rules: [], otherwise };
  const ranges: Range[] = [];
  const put = (from: number, outcome: Outcome): void => {
    if (ranges.at(-1)?.from === from) ranges.pop();
    const last = ranges.at(-1);
    if (last === undefined || key(last.outcome) !== key(outcome)) ranges.push({ from, outcome });
  };
  put(0, rest);
  for (const nr of [...calls.keys()].toSorted((a, b) => a - b)) {
    put(nr, calls.get(nr)!);
    put(nr + 1, rest);
  }
  return ranges;
}
