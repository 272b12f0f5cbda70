/**
 * What the analysis knows of a processor: two ways of reading code. `scan` is the fast one, over all code of a module;
 * `lower` is the exact one, over the few hundred functions whose values are asked for.
 *
 * Addresses are the module's own, before loading.
 */
export interface Machine {
  readonly name: "x86_64" | "aarch64";
  /** Names by number; the numbers are what `Insn.effects` and queries use. */
  readonly registers: readonly string[];
  readonly stackPointer: number;
  /** Bytes that a call pushes for the way back: 8 on x86-64, 0 where a register holds it. */
  readonly callPushes: number;
  /** The register that holds the number at a system call (rax, x8). */
  readonly callNumber: number;
  /** The registers of the arguments of a system call, in order. */
  readonly callArguments: readonly number[];
  /** The registers of the first arguments of a function, in order (System V, AAPCS64). */
  readonly functionArguments: readonly number[];
  /** Where a function's result is. */
  readonly result: number;
  /** What a called function may change. */
  readonly clobbered: readonly number[];
  /** What a system call changes besides its result. */
  readonly clobberedBySyscall: readonly number[];
  /**
   * Compilers reach several variables from the address of one of them (section anchors), so that the addresses in code do
   * not tell where objects begin.
   */
  readonly hasAnchors: boolean;
  /** The smallest step between instructions: 1 or 4. */
  readonly alignment: number;
  /**
   * Reads `code`, which is loaded at `address`, in one pass, and tells `sink` what it refers to. `absolute`: the module
   * is loaded where it was linked (not position-independent), so that constants in this range may be addresses.
   * `carried`: what the other parts of the function may leave in registers; the result is what this one may leave.
   */
  scan(
    code: Uint8Array,
    address: number,
    sink: ScanSink,
    absolute?: { from: number; to: number },
    carried?: Carried,
  ): Carried | undefined;
  /** Reads `code`, loaded at `address`, exactly. Stops at what it cannot decode, with an instruction of flow "invalid". */
  lower(code: Uint8Array, address: number): Insn[];
}

/**
 * By register: halves of addresses (pages) that it may hold where code goes on in another place. Undefined on processors
 * whose instructions have whole addresses.
 */
export type Carried = ReadonlyMap<number, readonly number[]>;

/** Called in the order of addresses. Most instructions refer to nothing and are not told. */
export interface ScanSink {
  /** A direct call, jump or branch. */
  branch(at: number, target: number, kind: "call" | "jump" | "branch"): void;
  /** An address comes to be in a register or in memory: lea, adrp + add, an immediate that may be one. */
  address(at: number, target: number): void;
  /** `size` bytes at a known address are read; `jump` and `call`: to go there. */
  load(at: number, target: number, size: number, kind: "value" | "call" | "jump"): void;
  /** `size` bytes at a known address are written. */
  store(at: number, target: number, size: number): void;
  /** A system call by the native convention. */
  syscall(at: number): void;
  /** A system call by another one: int 0x80, sysenter. */
  foreign(at: number): void;
  /** The function ends here by returning to its caller. */
  returns(at: number): void;
  /** A call or jump through a register, or through memory at an address not known. */
  indirect(at: number, kind: "call" | "jump"): void;
  /** What cannot be decoded, or no program executes in user mode: data inside code. */
  invalid(at: number): void;
  /**
   * After the last instruction: whether what follows the code can be reached by going on. Padding at the end (nops,
   * traps) does not count: what decides is the last instruction before it. `lastCall`: that one is a call.
   */
  end(next: number, fallsThrough: boolean, lastCall: boolean): void;
}

/** How the program goes on after an instruction. `stop`: it does not (ud2, hlt, brk). */
export type Flow = "next" | "jump" | "branch" | "call" | "return" | "syscall" | "stop" | "invalid";

export interface Insn {
  address: number;
  size: number;
  flow: Flow;
  /** jump, branch, call: where to, if that is in the instruction. */
  target?: number;
  /** jump, call: where to, if it is a value: `global` for a slot at a known address. */
  through?: Expr;
  /** What it changes, from the state before it, all at once. Calls and system calls clobber besides. */
  effects: readonly Effect[];
}

export interface Effect {
  /** A register, or memory; "memory" alone: a write to an address that is not told (it may be anywhere). */
  to:
    | { register: number }
    | { base: number; offset: number; size: number }
    | { global: number; size: number }
    | "memory";
  value: Expr;
}

/** A value, 64 bits wide, from the state before the instruction. */
export type Expr =
  | { kind: "const"; value: number }
  /** An address of this module: unlike a constant, it moves with the module. */
  | { kind: "address"; value: number }
  | { kind: "register"; register: number }
  /** Memory at register + offset; `signed`: extended by the sign. Only what has a stack pointer as its base is ever known. */
  | { kind: "memory"; base: number; offset: number; size: number; signed: boolean }
  /** Memory at a known address of this module. */
  | { kind: "global"; address: number; size: number; signed: boolean }
  | { kind: "add" | "sub" | "and" | "or" | "xor" | "shl" | "shr"; a: Expr; b: Expr }
  /** The lower `bits`, extended by zeros or by the sign. */
  | { kind: "low"; a: Expr; bits: 8 | 16 | 32; signed: boolean }
  /** The lower `bits` of b in place of those of a: what a write to al or ax leaves. */
  | { kind: "insert"; a: Expr; b: Expr; bits: 8 | 16 | 32 }
  /** One or the other (cmov, csel, setcc). */
  | { kind: "either"; a: Expr; b: Expr }
  | { kind: "unknown" };
