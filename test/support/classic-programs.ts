import fc from "fast-check";
import type { ClassicInstruction, SeccompData } from "../../src/bpf/index.ts";

/**
 * Random classic BPF programs and system calls to run them on: for the interpreter by itself (src/bpf/classic) and
 * for its comparison with the kernel (test/kernel/classic.test.ts).
 */

const LD_ABS = 0x20;
const RET_K = 0x06;
const RET_A = 0x16;
const RET_ERRNO = 0x0005_0000;

/** Every code that seccomp knows, by what follows from it for the other fields. */
const LOADS_OF_MEMORY = [0x60, 0x61];
const STORES = [0x02, 0x03];
const IMMEDIATES = [0x00, 0x01, 0x80, 0x81, 0x07, 0x87, 0x84];
const ARITHMETIC = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0].flatMap((op) => [
  0x04 | op,
  0x0c | op,
]);
const JUMPS = [0x10, 0x20, 0x30, 0x40].flatMap((op) => [0x05 | op, 0x0d | op]);
const CODES = [
  LD_ABS,
  RET_K,
  RET_A,
  0x05,
  ...LOADS_OF_MEMORY,
  ...STORES,
  ...IMMEDIATES,
  ...ARITHMETIC,
  ...JUMPS,
];

/** 32-bit values, those around which comparisons tip more often than chance would bring them. */
export const word: fc.Arbitrary<number> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 2, 3, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 40 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff_ffff }) },
);

export const argument: fc.Arbitrary<bigint> = fc
  .tuple(word, word)
  .map(([high, low]) => (BigInt(high) << 32n) | BigInt(low));

/** Any instruction at all, most with a code that exists: what a checker must sort out. */
export const anyInstruction: fc.Arbitrary<ClassicInstruction> = fc.record({
  code: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...CODES) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
  ),
  jt: fc.integer({ min: 0, max: 3 }),
  jf: fc.integer({ min: 0, max: 3 }),
  k: fc.oneof(
    fc.integer({ min: 0, max: 17 }),
    fc.integer({ min: 0, max: 17 }).map((n) => n * 4),
    word,
  ),
});

/** Programs of which the kernel takes some and refuses some. */
export const anyProgram: fc.Arbitrary<ClassicInstruction[]> = fc
  .tuple(fc.array(anyInstruction, { maxLength: 12 }), fc.boolean())
  .map(([body, ends]) => (ends ? [...body, { code: RET_K, jt: 0, jf: 0, k: 0 }] : body));

interface Draft {
  code: number;
  k: number;
  /** What share of the instructions behind this one the jumps skip. */
  jt: number;
  jf: number;
}

/**
 * Programs that the kernel takes. Every result is an errno from 0 to 4095, a returned A squeezed into that range, so
 * that a process can make thousands of calls under one and live. `offsets`: the words that may be loaded.
 */
export function validProgram(offsets: readonly number[], maxLength = 60): fc.Arbitrary<ClassicInstruction[]> {
  const draft = fc.record({
    // Returns are rare, or most of a program would never be reached.
    code: fc.oneof(
      { weight: 1, arbitrary: fc.constantFrom(RET_K, RET_A) },
      { weight: 30, arbitrary: fc.constantFrom(...CODES.filter((code) => code !== RET_K && code !== RET_A)) },
      { weight: 8, arbitrary: fc.constant(LD_ABS) },
    ),
    k: word,
    jt: fc.double({ min: 0, max: 1, noNaN: true }),
    jf: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  return fc
    .array(draft, { minLength: 1, maxLength })
    .map((drafts) => settle([...drafts, { code: RET_A, k: drafts.length, jt: 0, jf: 0 }], offsets));
}

function settle(drafts: Draft[], offsets: readonly number[]): ClassicInstruction[] {
  const plain = (code: number, k = 0): ClassicInstruction => ({ code, jt: 0, jf: 0, k });
  // All memory is stored first: what is loaded later is then known on every way.
  const program: ClassicInstruction[] = [];
  for (let i = 0; i < 16; i += 1) program.push(plain(i % 2 === 0 ? 0x02 : 0x03, i));
  // How long the whole will be decides how far jumps may go, and returns of A are four instructions.
  const sizes = drafts.map(({ code }) => (code === RET_A ? 4 : 1));
  let behind = sizes.reduce((sum, size) => sum + size, 0);
  for (const [i, { code, k, jt, jf }] of drafts.entries()) {
    behind -= sizes[i]!;
    const far = (share: number): number => Math.floor(share * Math.min(behind - 1, 255));
    if (code === RET_A) {
      program.push(plain(0x74, k % 21), plain(0x54, 0xfff), plain(0x44, RET_ERRNO), plain(RET_A));
    } else if (code === RET_K) {
      program.push(plain(RET_K, RET_ERRNO | (k & 0xfff)));
    } else if (code === LD_ABS) {
      program.push(plain(LD_ABS, offsets[k % offsets.length]));
    } else if (LOADS_OF_MEMORY.includes(code) || STORES.includes(code)) {
      program.push(plain(code, k % 16));
    } else if (code === 0x34) {
      program.push(plain(code, Math.max(1, k)));
    } else if (code === 0x64 || code === 0x74) {
      program.push(plain(code, k % 32));
    } else if (code === 0x05) {
      program.push(plain(code, far(jt)));
    } else if (JUMPS.includes(code)) {
      program.push({ code, jt: far(jt), jf: far(jf), k });
    } else {
      program.push(plain(code, k));
    }
  }
  return program;
}

/** System calls as filters see them. */
export const seccompData: fc.Arbitrary<SeccompData> = fc.record({
  nr: fc.integer({ min: 600, max: 700 }),
  arch: fc.constantFrom(0xc000_003e, 0x4000_0003, 0xc000_00b7),
  instructionPointer: argument,
  args: fc.array(argument, { minLength: 6, maxLength: 6 }),
});
