/**
 * Makes `src/linux/*.gen.ts` from the checked-in `sources/` alone: the same bytes on any machine, without network or
 * kernel headers. `fetch-linux.ts` refreshes the sources.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Generated } from "./generated.ts";

const ARCHES = ["x86_64", "i386", "x32", "aarch64"] as const;
type Arch = (typeof ARCHES)[number];

/**
 * What syscalls(2) leaves out: calls newer than its list, and 32-bit forms it does not name. Versions from the release
 * notes of glibc's syscall-names.list ("Update syscall lists for Linux …"), checked against the kernel headers of
 * Debian's linux-libc-dev 6.1, 6.12, 7.2 and 7.3.
 */
const SINCE: Record<string, string> = {
  pread64: "2.2",
  pwrite64: "2.2",
  ...all("5.1", "clock_adjtime64 clock_getres_time64 clock_gettime64 clock_nanosleep_time64 clock_settime64"),
  ...all("5.1", "futex_time64 io_pgetevents_time64 mq_timedreceive_time64 mq_timedsend_time64 ppoll_time64"),
  ...all("5.1", "pselect6_time64 recvmmsg_time64 rt_sigtimedwait_time64 sched_rr_get_interval_time64"),
  ...all("5.1", "semtimedop_time64 timer_gettime64 timer_settime64 timerfd_gettime64 timerfd_settime64"),
  utimensat_time64: "5.1",
  mount_setattr: "5.12",
  process_mrelease: "5.15",
  futex_waitv: "5.16",
  set_mempolicy_home_node: "5.17",
  cachestat: "6.5",
  ...all("6.6", "fchmodat2 map_shadow_stack"),
  ...all("6.7", "futex_wake futex_wait futex_requeue"),
  ...all("6.8", "statmount listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules"),
  mseal: "6.10",
  uretprobe: "6.11",
  ...all("6.13", "setxattrat getxattrat listxattrat removexattrat"),
  open_tree_attr: "6.15",
  ...all("6.17", "file_getattr file_setattr"),
  uprobe: "6.18",
  listns: "6.19",
  rseq_slice_yield: "7.0",
  fchroot: "7.3",
};

/** fcntl commands that only 32-bit machines' headers define (linux/fcntl.h, asm-generic/fcntl.h). */
const EXTRA_CONSTANTS = { fcntl: { F_GETLK64: 12, F_SETLK64: 13, F_SETLKW64: 14 } };

export function generateLinux(): Generated[] {
  return [syscallTable(), constantTable(), dockerDefault()];
}

function syscallTable(): Generated {
  const numbersTable = table("syscalls.tsv", 3);
  const calls = new Map<string, Partial<Record<Arch, number>>>();
  for (const [arch, number, name] of numbersTable.rows) {
    const numbers = calls.get(name!) ?? {};
    numbers[arch as Arch] = Number(number);
    calls.set(name!, numbers);
  }

  const versions = table("syscall-since.tsv", 2);
  const since = new Map([
    ...versions.rows.map(([name, version]) => [name!, version!] as const),
    ...Object.entries(SINCE),
  ]);

  const argumentTable = table("syscall-arguments.tsv", 2);
  const kinds = new Map<string, string>();
  const overrides: string[] = [];
  for (const [name, list] of argumentTable.rows) {
    const [call, arch] = name!.split("@");
    if (!calls.has(call!)) throw new Error(`syscall-arguments.tsv: no architecture has a call ${call}`);
    if (arch === undefined) kinds.set(name!, list!);
    else overrides.push(`  ${JSON.stringify(name)}: ${JSON.stringify(list)},`);
  }

  const rows = [...calls.keys()].toSorted().map((name) => {
    if (!kinds.has(name)) throw new Error(`syscall-arguments.tsv: ${name} is missing`);
    const numbers = ARCHES.map((arch) => calls.get(name)![arch] ?? -1);
    return `  ${JSON.stringify([name, ...numbers, since.get(name) ?? "", kinds.get(name)])},`;
  });
  const kernel = /linux-libc-dev (\d+\.\d+)/.exec(numbersTable.origin)![1]!;
  return file(
    "syscalls",
    [numbersTable.origin, versions.origin, argumentTable.origin],
    [
      `/** The newest kernel that the tables know, and where they come from. */`,
      `export const tables = ${JSON.stringify({ kernel, source: numbersTable.origin.split("\n")[1] }, null, 2)};`,
      "",
      `/** Name, number on ${ARCHES.join(", ")} (x32 without bit 30; -1: not there), first kernel ("": unknown), kinds of arguments. */`,
      "export const SYSCALLS: readonly (readonly [string, number, number, number, number, string, string])[] = [",
      ...rows,
      "];",
      "",
      "/** Where one architecture's call takes other arguments: name@arch. */",
      "export const ARGUMENT_OVERRIDES: Readonly<Record<string, string>> = {",
      ...overrides,
      "};",
    ],
  );
}

function constantTable(): Generated {
  const constantsTable = table("constants.tsv", 3);
  const sets: Record<string, Record<string, number>> = {};
  for (const [set, name, value] of constantsTable.rows) (sets[set!] ??= {})[name!] ??= Number(value);
  for (const [set, extra] of Object.entries(EXTRA_CONSTANTS)) sets[set] = { ...sets[set], ...extra };
  const lines = Object.entries(sets).flatMap(([set, values]) => [
    `  ${JSON.stringify(set)}: {`,
    ...Object.entries(values).map(([name, value]) => `    ${name}: ${value},`),
    "  },",
  ]);
  return file(
    "constants",
    [constantsTable.origin],
    [
      "/** Set, name, value. Names that share a value stand in the headers' order: the first is the usual one. */",
      "export const CONSTANTS = {",
      ...lines,
      "} as const satisfies Record<string, Record<string, number>>;",
    ],
  );
}

function dockerDefault(): Generated {
  const profile: unknown = JSON.parse(readFileSync(source("docker-default-seccomp.json"), "utf8"));
  const origin = [
    "Docker's default seccomp profile: github.com/moby/profiles, seccomp/default.json at commit",
    "cd3bed8061c7b7378b61fc6827c7885779417a75 (2026-06-30), Apache-2.0, Copyright Docker, Inc. and the moby authors.",
  ].join("\n");
  return file(
    "docker-default",
    [origin],
    [
      'import type { SeccompProfile } from "./docker-profile.ts";',
      "",
      `export const dockerDefaultSeccomp: SeccompProfile = ${JSON.stringify(profile, null, 2)};`,
    ],
  );
}

function file(name: string, origins: string[], lines: string[]): Generated {
  const head = [
    "Generated by scripts/generate/linux.ts; do not edit. Sources:",
    ...origins.flatMap((text) => ["", ...text.split("\n")]),
  ];
  return {
    path: `src/linux/${name}.gen.ts`,
    content: [...head.map((line) => `// ${line}`.trimEnd()), "", ...lines].join("\n") + "\n",
  };
}

function source(name: string): string {
  return join(import.meta.dirname, "sources", name);
}

/** A table's rows, and its leading comment as the origin to be stated in what is made of it. */
function table(name: string, columns: number): { origin: string; rows: string[][] } {
  const lines = readFileSync(source(name), "utf8").trimEnd().split("\n");
  const start = lines.findIndex((line) => !line.startsWith("#"));
  const rows = lines.slice(start).map((line) => {
    const row = line.split("\t");
    // A call without arguments has an empty last column, which editors strip.
    if (row.length === columns - 1) row.push("");
    if (row.length !== columns) throw new Error(`${name}: expected ${columns} columns: ${line}`);
    return row;
  });
  return {
    origin: lines
      .slice(0, start)
      .map((line) => line.replace(/^# ?/, ""))
      .join("\n"),
    rows,
  };
}

function all(version: string, names: string): Record<string, string> {
  return Object.fromEntries(names.split(" ").map((name) => [name, version]));
}
