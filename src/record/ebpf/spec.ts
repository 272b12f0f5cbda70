import {
  type DecisiveArgument,
  decisiveArguments,
  syscallNames,
  syscallNumber,
  type TableArch,
} from "../../linux/index.ts";
import { CALLS, type CallSpec, type PathArg } from "../calls.ts";
import { ABI, ENTER, EXIT, MAX_NR, NO_ARG, SPEC, SPECS_BYTES, SPEC_BYTES, X32_BIT } from "./abi.ts";

export interface Specs {
  /** The table that the programs index by convention and number: abi.ts `SPEC`. */
  table: Buffer;
  /** By number alone, over all conventions: 1 where sys_exit has anything to do. */
  quick: Buffer;
  /** Whose arguments are kept, for the compare chain of sys_enter. */
  args: { key: number; args: readonly DecisiveArgument[] }[];
  /** Numbers of seccomp and prctl by convention: they install filters. */
  filters: { key: number; call: "seccomp" | "prctl" }[];
}

/** A call by convention and number, as one word. */
export function callKey(abi: number, nr: number): number {
  return (abi << 16) | nr;
}

/** The tables for an architecture's own calls and, on x86-64, those of i386 and x32. */
export function buildSpecs(arch: "x86_64" | "aarch64"): Specs {
  const specs: Specs = {
    table: Buffer.alloc(SPECS_BYTES),
    quick: Buffer.alloc(MAX_NR),
    args: [],
    filters: [],
  };
  add(specs, arch, ABI.native);
  if (arch === "x86_64") {
    add(specs, "i386", ABI.i386);
    add(specs, "x32", ABI.x32);
  }
  return specs;
}

function add(specs: Specs, arch: TableArch, abi: number): void {
  for (const name of syscallNames(arch)) {
    const nr = (syscallNumber(arch, name) ?? MAX_NR) & ~X32_BIT;
    if (nr >= MAX_NR) continue;
    const at = (abi * MAX_NR + nr) * SPEC_BYTES;
    const row = specs.table.subarray(at, at + SPEC_BYTES);
    row.fill(NO_ARG, SPEC.path, SPEC.extra + 1);
    const call = CALLS[name];
    // The layout of struct msghdr is that of 64 bit: other conventions' messages are not looked into.
    if (call !== undefined && (call.kind !== "message" || abi === ABI.native)) {
      describe(row, call);
      specs.quick[nr] = 1;
    }
    const args = decisiveArguments[name];
    if (args !== undefined) {
      row[SPEC.enter]! |= ENTER.args;
      specs.args.push({ key: callKey(abi, nr), args });
    }
    if (name === "seccomp" || name === "prctl") {
      row[SPEC.enter]! |= ENTER.filter;
      specs.filters.push({ key: callKey(abi, nr), call: name });
    }
  }
}

function describe(row: Buffer, call: CallSpec): void {
  const path = (arg: PathArg | undefined, at: number, dirfdAt: number): void => {
    row[at] = arg?.arg ?? NO_ARG;
    row[dirfdAt] = arg?.dirfd ?? NO_ARG;
  };
  switch (call.kind) {
    case "open":
      row[SPEC.kind] = EXIT.open;
      path(call.path, SPEC.path, SPEC.dirfd);
      row[SPEC.extra] = call.flags ?? NO_ARG;
      break;
    case "path":
      row[SPEC.kind] = EXIT.path;
      path(call.paths[0], SPEC.path, SPEC.dirfd);
      path(call.paths[1], SPEC.path2, SPEC.dirfd2);
      if (call.failuresOnly === true) row[SPEC.enter]! |= ENTER.failuresOnly;
      break;
    case "chdir":
    case "chroot":
      row[SPEC.kind] = call.kind === "chdir" ? EXIT.chdir : EXIT.chroot;
      path(call.path, SPEC.path, SPEC.dirfd);
      break;
    case "fd":
      row[SPEC.kind] = EXIT.fd;
      row[SPEC.dirfd] = call.fd;
      break;
    case "sockaddr":
      row[SPEC.kind] = EXIT.sockaddr;
      row[SPEC.dirfd] = call.fd;
      row[SPEC.path] = call.address;
      row[SPEC.extra] = call.length;
      break;
    case "socket":
      row[SPEC.kind] = EXIT.socket;
      row[SPEC.dirfd] = call.fd;
      break;
    case "message":
      row[SPEC.kind] = EXIT.message;
      row[SPEC.dirfd] = call.fd;
      row[SPEC.path] = call.message;
      break;
  }
}
