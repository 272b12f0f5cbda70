import { SYSCALLS } from "./syscalls.gen.ts";

/** A table of system call numbers. x86 machines have three, told apart by how a call is made. */
export type TableArch = "x86_64" | "i386" | "x32" | "aarch64";

const COLUMN: Record<TableArch, 1 | 2 | 3 | 4> = { x86_64: 1, i386: 2, x32: 3, aarch64: 4 };

/** Set in the number of every x32 call (asm/unistd.h: __X32_SYSCALL_BIT). */
export const X32_BIT = 0x4000_0000;

interface Table {
  byNumber: Map<number, string>;
  byName: Map<string, number>;
  names: readonly string[];
}

const tables = new Map<TableArch, Table>();

/** Built at first use: most commands need one architecture, many none. */
function table(arch: TableArch): Table {
  let found = tables.get(arch);
  if (found === undefined) {
    const rows = SYSCALLS.filter((row) => row[COLUMN[arch]] !== -1);
    found = {
      byNumber: new Map(rows.map((row) => [row[COLUMN[arch]], row[0]])),
      byName: new Map(rows.map((row) => [row[0], row[COLUMN[arch]]])),
      names: rows.map((row) => row[0]),
    };
    tables.set(arch, found);
  }
  return found;
}

/** The name of a call; undefined for a number that the tables (`tables.kernel`) do not know. x32 with or without bit 30. */
export function syscallName(arch: TableArch, nr: number): string | undefined {
  return table(arch).byNumber.get(arch === "x32" && nr >= X32_BIT ? nr - X32_BIT : nr);
}

/** The number of a call on one architecture (x32: without bit 30); undefined where it has none. */
export function syscallNumber(arch: TableArch, name: string): number | undefined {
  return table(arch).byName.get(name);
}

const everyName: readonly string[] = SYSCALLS.map((row) => row[0]);

/** All names of one architecture, or of all four together; sorted. */
export function syscallNames(arch?: TableArch): readonly string[] {
  return arch === undefined ? everyName : table(arch).names;
}

let rowOf: Map<string, (typeof SYSCALLS)[number]> | undefined;

/** The table's row for a name, for the files beside this one. */
export function syscallRow(name: string): (typeof SYSCALLS)[number] | undefined {
  rowOf ??= new Map(SYSCALLS.map((row) => [row[0], row]));
  return rowOf.get(name);
}

/** Whether any of the four architectures has a call of this name. */
export function isSyscall(name: string): boolean {
  return syscallRow(name) !== undefined;
}

/**
 * The kernel version that introduced a call ("5.6"), by syscalls(2) and glibc's lists. A call may have reached one
 * architecture later. undefined: not known, which is so for some calls that have been there since the beginning.
 */
export function syscallSince(name: string): string | undefined {
  return syscallRow(name)?.[5] || undefined;
}
