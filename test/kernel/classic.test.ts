import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AUDIT_ARCH,
  type ClassicInstruction,
  SECCOMP_RETURN,
  checkClassic,
  combineResults,
  compileToInstructions,
  decisionOf,
  encodeClassic,
  runClassic,
} from "../../src/bpf/index.ts";
import { resolveDockerDefault, syscallName } from "../../src/linux/index.ts";
import { anyProgram, argument, validProgram } from "../support/classic-programs.ts";
import type { Answer, Task } from "./classic-child.ts";

const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
const ENOSYS = 38;
/** No architecture has calls from here on: without a filter they fail with ENOSYS and do nothing. */
const UNUSED = 600;

function ask(task: Task): { answer: Answer | undefined; signal: string | null } {
  const child = fileURLToPath(new URL("classic-child.ts", import.meta.url));
  const { stdout, stderr, signal, status } = spawnSync(process.execPath, [child], {
    input: JSON.stringify(task),
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (signal === null && status !== 0) throw new Error(`the child failed: ${stderr}`);
  return { answer: signal === null ? (JSON.parse(stdout) as Answer) : undefined, signal };
}

const encode = (program: ClassicInstruction[]): string => encodeClassic(program).toString("base64");
const plain = (code: number, k: number): ClassicInstruction => ({ code, jt: 0, jf: 0, k });

/** Lets the child's own calls pass; unused ones get to the program, with A as it is at the start of one. */
const guarded = (program: ClassicInstruction[]): ClassicInstruction[] => [
  plain(0x20, 0),
  { code: 0x35, jt: 1, jf: 0, k: UNUSED },
  plain(0x06, SECCOMP_RETURN.allow),
  plain(0x00, 0),
  ...program,
];

/** The same program, some of its constant results turned into ones that end in ENOSYS, having nobody to ask. */
const mixed = (program: ClassicInstruction[]): ClassicInstruction[] => {
  const others = [SECCOMP_RETURN.allow, SECCOMP_RETURN.trace | 7, SECCOMP_RETURN.notify];
  return program.map((insn) =>
    insn.code === 0x06 && insn.k % 2 === 0 ? { ...insn, k: others[insn.k % 3]! } : insn,
  );
};

/** What the interpreter says that a process with these filters gets for a call. */
function predict(programs: ClassicInstruction[][], nr: number, args: bigint[]): number {
  const data = { nr, arch: AUDIT_ARCH[arch], instructionPointer: 0n, args };
  const decision = decisionOf(combineResults(programs.map((program) => runClassic(program, data))));
  return decision.action === "errno" ? decision.errno! : decision.action === "kill" ? -1 : ENOSYS;
}

/** All words but the instruction pointer's, which the caller cannot choose. */
const OFFSETS = [0, 4, ...Array.from({ length: 12 }, (_, i) => 16 + i * 4)];

describe("classic BPF against the kernel", () => {
  it("finds fault with the programs that the kernel refuses, and with no others", () => {
    const programs = [
      ...fc.sample(anyProgram, { numRuns: 20_000, seed: 1 }),
      ...fc.sample(validProgram(OFFSETS), { numRuns: 500, seed: 2 }),
      // Every code there is, alone: which ones exist is a list in the kernel that nothing else tells.
      ...Array.from({ length: 0x200 }, (_, code) => [plain(code, 0), plain(0x06, 0)]),
      ...Array.from({ length: 0x200 }, (_, code) => [
        plain(0x02, 4),
        plain(code, 4),
        plain(0x06, 0),
        plain(0x06, 0),
      ]),
      Array.from({ length: 4096 }, () => plain(0x06, 0)),
    ];
    const { answer } = ask({ kind: "check", programs: programs.map(encode) });
    const differing = programs.filter((program, i) => (checkClassic(program).length === 0) !== answer![i]);
    expect(differing).toEqual([]);
    // Both kinds must be there in numbers, or the comparison says little.
    const taken = answer!.filter(Boolean).length;
    expect(taken).toBeGreaterThan(1000);
    expect(programs.length - taken).toBeGreaterThan(1000);
  });

  it("gives the kernel's verdicts for thousands of random calls under random filters", () => {
    const stacks = fc.sample(
      fc.array(fc.tuple(validProgram(OFFSETS), fc.boolean()), { minLength: 1, maxLength: 3 }),
      { numRuns: 20, seed: 3 },
    );
    let compared = 0;
    const seen = new Set<number>();
    for (const [i, stack] of stacks.entries()) {
      const programs = stack.map(([program, mix]) => guarded(mix ? mixed(program) : program));
      expect(programs.flatMap(checkClassic)).toEqual([]);
      const calls = fc
        .sample(
          fc.tuple(
            fc.integer({ min: UNUSED, max: UNUSED + 100 }),
            fc.array(argument, { minLength: 6, maxLength: 6 }),
          ),
          {
            numRuns: 400,
            seed: 100 + i,
          },
        )
        // A kill would end the child, and is what a division by zero gives.
        .filter(([nr, args]) => predict(programs, nr, args) !== -1);
      const { answer } = ask({
        kind: "run",
        programs: programs.map(encode),
        calls: calls.map(([nr, args]) => ({ nr, args: args.map(String) })),
      });
      expect(answer).toEqual(calls.map(([nr, args]) => predict(programs, nr, args)));
      compared += calls.length;
      for (const errno of answer as number[]) seen.add(errno);
    }
    expect(compared).toBeGreaterThan(5000);
    expect(seen.size).toBeGreaterThan(50);
  });

  it.each([
    ["kill-process", SECCOMP_RETURN.killProcess],
    ["trap", SECCOMP_RETURN.trap],
    ["an action that does not exist", 0x1234_0000],
  ])("ends the process on %s", (_, result) => {
    const program = guarded([plain(0x06, result)]);
    const { signal } = ask({ kind: "run", programs: [encode(program)], calls: [{ nr: UNUSED, args: [] }] });
    expect(signal).toBe("SIGSYS");
  });

  it("gives the verdicts of Docker's default profile, compiled", () => {
    // Every denied call is tried for real, and those that exist nowhere; allowed ones would do something.
    const oci = resolveDockerDefault({ capabilities: [], arch, kernel: "6.1" });
    // The child is Node, whose libuv has set up a ring before the filter and ends the process if it may not use it.
    oci.syscalls.push({ names: ["io_uring_enter"], action: "SCMP_ACT_ALLOW" });
    const program = compileToInstructions(oci, { arch });
    expect(checkClassic(program)).toEqual([]);
    // The kernel asks no filter about these (seccomp_uprobe_exception, since Linux 6.13).
    const unasked = ["uprobe", "uretprobe"];
    const calls = Array.from({ length: UNUSED }, (_, nr) => nr).filter((nr) => {
      const name = syscallName(arch, nr);
      return name === undefined || (predict([program], nr, []) !== ENOSYS && !unasked.includes(name));
    });
    const { answer } = ask({
      kind: "run",
      programs: [encode(program)],
      calls: calls.map((nr) => ({ nr, args: [] })),
    });
    expect(calls.length).toBeGreaterThan(50);
    expect(answer).toEqual(calls.map((nr) => predict([program], nr, [])));
  });
});
