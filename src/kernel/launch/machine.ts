/**
 * The few machine instructions that the launcher is made of, for both architectures. A program is a list of system
 * calls with constant arguments; each is checked, and the first that fails ends it.
 */
export type Argument =
  | number
  | bigint
  /** The address of these bytes, which are put behind the code. */
  | { data: Buffer }
  /** The address of a struct sock_fprog for this filter (struct sock_filter[]); both are put behind the code. */
  | { filter: Uint8Array }
  /** argv[1]: the program to execute. */
  | "program"
  /** &argv[2]: its own argument vector. */
  | "arguments"
  | "environment"
  /** 16 bytes of the stack that may be written to. */
  | "stack";

export interface Step {
  /** For the message when it fails. */
  name: string;
  nr: number;
  args: Argument[];
  /** What counts as success: any result that is no error (default), exactly 1 (a byte was read), or anything. */
  expect?: "no-error" | "one" | "anything";
}

/** Numbers of the calls that a launcher makes (asm/unistd_64.h, asm-generic/unistd.h). */
export const NUMBERS = {
  x64: {
    read: 0,
    write: 1,
    close: 3,
    close_range: 436,
    fcntl: 72,
    execve: 59,
    exit_group: 231,
    prctl: 157,
    capset: 126,
    seccomp: 317,
    landlock_restrict_self: 446,
    setgroups: 116,
    setresuid: 117,
    setresgid: 119,
  },
  arm64: {
    read: 63,
    write: 64,
    close: 57,
    close_range: 436,
    fcntl: 25,
    execve: 221,
    exit_group: 94,
    prctl: 167,
    capset: 91,
    seccomp: 277,
    landlock_restrict_self: 446,
    setgroups: 159,
    setresuid: 147,
    setresgid: 149,
  },
} as const;
export type Machine = keyof typeof NUMBERS;

/** The status pipe's descriptor in the launcher. */
export const STATUS_FD = 4;
export const FAILED = 125;

/**
 * Code that makes the steps one after the other. A step that fails writes its place in the list and the errno (two
 * 32-bit words) to STATUS_FD and ends with FAILED. `dataAt` is the address of the data behind the code; the code's length
 * does not depend on it. Returns code and data.
 */
export function assembleSteps(
  machine: Machine,
  steps: readonly Step[],
  dataAt: number,
): { code: Buffer; data: Buffer } {
  const data: Buffer[] = [];
  let length = 0;
  const place = (bytes: Buffer): number => {
    const at = dataAt + length;
    const padded = Buffer.alloc(Math.ceil(bytes.length / 8) * 8);
    bytes.copy(padded);
    data.push(padded);
    length += padded.length;
    return at;
  };
  const placeFilter = (filter: Uint8Array): number => {
    const fprog = Buffer.alloc(16);
    fprog.writeUInt16LE(filter.length / 8, 0);
    fprog.writeBigUInt64LE(BigInt(place(Buffer.from(filter))), 8);
    return place(fprog);
  };
  const resolved = steps.map((step) => ({
    ...step,
    args: step.args.map((arg) =>
      typeof arg !== "object" ? arg : "data" in arg ? place(arg.data) : placeFilter(arg.filter),
    ),
  }));
  const code = machine === "x64" ? x64(resolved) : arm64(resolved);
  return { code, data: Buffer.concat(data) };
}

type Resolved = Omit<Step, "args"> & {
  args: (number | bigint | "program" | "arguments" | "environment" | "stack")[];
};

// ---- x86-64: rbx = the stack at entry (argc, argv, NULL, envp); r12 = the step's place ---------------------------

/** `mov r64, imm64` for rdi, rsi, rdx, r10, r8, r9. */
const X64_MOV = [
  [0x48, 0xbf],
  [0x48, 0xbe],
  [0x48, 0xba],
  [0x49, 0xba],
  [0x49, 0xb8],
  [0x49, 0xb9],
];

function x64(steps: readonly Resolved[]): Buffer {
  const numbers = NUMBERS.x64;
  // mov rbx, rsp; sub rsp, 64
  const parts: Buffer[] = [Buffer.from([0x48, 0x89, 0xe3, 0x48, 0x83, 0xec, 0x40])];
  const jumps: { part: number; at: number }[] = [];
  for (const [place, step] of steps.entries()) {
    const bytes: number[] = [];
    for (const [i, arg] of step.args.entries()) bytes.push(...x64Argument(i, arg));
    bytes.push(0x41, 0xbc, ...le32(place)); // mov r12d, place
    bytes.push(0xb8, ...le32(step.nr), 0x0f, 0x05); // mov eax, nr; syscall
    if (step.expect === "one") bytes.push(0x48, 0x83, 0xf8, 0x01, 0x0f, 0x85, 0, 0, 0, 0); // cmp rax, 1; jne fail
    else if (step.expect !== "anything") bytes.push(0x48, 0x85, 0xc0, 0x0f, 0x88, 0, 0, 0, 0); // test rax, rax; js fail
    if (step.expect !== "anything") jumps.push({ part: parts.length, at: bytes.length });
    parts.push(Buffer.from(bytes));
  }
  const fail = parts.reduce((sum, part) => sum + part.length, 0);
  for (const { part, at } of jumps) {
    const end = parts.slice(0, part).reduce((sum, bytes) => sum + bytes.length, 0) + at;
    parts[part]!.writeInt32LE(fail - end, at - 4);
  }
  parts.push(
    Buffer.from([
      ...[0xf7, 0xd8], // neg eax
      ...[0x44, 0x89, 0x24, 0x24], // mov [rsp], r12d
      ...[0x89, 0x44, 0x24, 0x04], // mov [rsp+4], eax
      ...[0xbf, ...le32(STATUS_FD), 0x48, 0x89, 0xe6, 0xba, ...le32(8)], // mov edi, fd; mov rsi, rsp; mov edx, 8
      ...[0xb8, ...le32(numbers.write), 0x0f, 0x05],
      ...[0xbf, ...le32(FAILED), 0xb8, ...le32(numbers.exit_group), 0x0f, 0x05],
    ]),
  );
  return Buffer.concat(parts);
}

function x64Argument(i: number, arg: Resolved["args"][number]): number[] {
  if (typeof arg === "number" || typeof arg === "bigint") {
    const imm = Buffer.alloc(8);
    imm.writeBigInt64LE(BigInt.asIntN(64, BigInt(arg)));
    return [...X64_MOV[i]!, ...imm];
  }
  // Only the first three places are used for these.
  const register = [7, 6, 2][i]!; // rdi, rsi, rdx
  switch (arg) {
    case "program": // mov r, [rbx+16]
      return [0x48, 0x8b, 0x43 | (register << 3), 16];
    case "arguments": // lea r, [rbx+24]
      return [0x48, 0x8d, 0x43 | (register << 3), 24];
    case "environment": // mov rax, [rbx]; lea r, [rbx+rax*8+16]
      return [0x48, 0x8b, 0x03, 0x48, 0x8d, 0x44 | (register << 3), 0xc3, 16];
    case "stack": // mov r, rsp
      return [0x48, 0x89, 0xe0 | register];
  }
}

// ---- arm64: x19 = the stack at entry, x20 = the step's place ----------------------------------------------------

function arm64(steps: readonly Resolved[]): Buffer {
  const numbers = NUMBERS.arm64;
  // mov x19, sp; sub sp, sp, #64
  const words: number[] = [0x910003f3, 0xd10103ff];
  const branches: { at: number; kind: "negative" | "not-one" }[] = [];
  for (const [place, step] of steps.entries()) {
    for (const [i, arg] of step.args.entries()) words.push(...arm64Argument(i, arg));
    words.push(...movConstant(20, BigInt(place)), ...movConstant(8, BigInt(step.nr)), SVC);
    if (step.expect === "one") {
      words.push(0xf100041f); // cmp x0, #1
      branches.push({ at: words.length, kind: "not-one" });
      words.push(0);
    } else if (step.expect !== "anything") {
      branches.push({ at: words.length, kind: "negative" });
      words.push(0);
    }
  }
  const fail = words.length;
  for (const { at, kind } of branches) {
    const offset = fail - at;
    // tbnz reaches 32 KiB, some 200 steps; more would need another branch.
    if (offset >= 0x2000) throw new RangeError(`a launcher of ${steps.length} steps is too long`);
    // b.ne, or tbnz x0, #63
    words[at] =
      kind === "not-one" ? 0x54000001 | ((offset & 0x7ffff) << 5) : 0xb7f80000 | ((offset & 0x3fff) << 5);
  }
  words.push(
    0x4b0003e0, // neg w0, w0
    0xb90003f4, // str w20, [sp]
    0xb90007e0, // str w0, [sp, #4]
    ...movConstant(0, BigInt(STATUS_FD)),
    0x910003e1, // mov x1, sp
    ...movConstant(2, 8n),
    ...movConstant(8, BigInt(numbers.write)),
    SVC,
    ...movConstant(0, BigInt(FAILED)),
    ...movConstant(8, BigInt(numbers.exit_group)),
    SVC,
  );
  return Buffer.from(Uint32Array.from(words, (word) => word >>> 0).buffer);
}

const SVC = 0xd4000001;

/** movz and three movk: always four words, so that the code's length does not depend on addresses. */
function movConstant(register: number, value: bigint): number[] {
  const bits = BigInt.asUintN(64, value);
  return [0, 1, 2, 3].map((i) => {
    const half = Number((bits >> BigInt(16 * i)) & 0xffffn);
    return (i === 0 ? 0xd2800000 : 0xf2800000 | (i << 21)) | (half << 5) | register;
  });
}

function arm64Argument(i: number, arg: Resolved["args"][number]): number[] {
  if (typeof arg === "number" || typeof arg === "bigint") return movConstant(i, BigInt(arg));
  switch (arg) {
    case "program": // ldr xI, [x19, #16]
      return [0xf9400a60 | i];
    case "arguments": // add xI, x19, #24
      return [0x91006260 | i];
    case "environment": // ldr x9, [x19]; add xI, x19, x9, lsl #3; add xI, xI, #16
      return [0xf9400269, 0x8b090e60 | i, 0x91004000 | (i << 5) | i];
    case "stack": // mov xI, sp
      return [0x910003e0 | i];
  }
}

function le32(value: number): number[] {
  return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255];
}
