/**
 * Refreshes `sources/` from Debian packages: `node scripts/generate/fetch-linux.ts`. Needs the network, apt, dpkg-deb
 * and gcc (which works out the values of ioctl numbers); changes nothing on the machine. `linux.ts` needs none of it.
 *
 * Only facts are taken (names, numbers, versions), each file naming the package and licence they come from.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { SETS } from "./constant-sets.ts";

const SOURCES = join(import.meta.dirname, "sources");

/** Where the newest of each package was when this was last run. */
const PACKAGES = {
  "linux-libc-dev": "trixie-backports",
  "linux-headers-common": "trixie-backports",
  "manpages-dev": "testing",
} as const;

interface Package {
  version: string;
  root: string;
}

const work = mkdtempSync(join(tmpdir(), "cinch-fetch-"));
try {
  const packages = download();
  const libc = packages["linux-libc-dev"];
  const from = `Debian package linux-libc-dev ${libc.version} (Linux UAPI headers, GPL-2.0 WITH Linux-syscall-note)`;
  write(
    "syscalls.tsv",
    [`System call numbers: architecture, number, name.`, `From ${from}: asm/unistd_*.h.`],
    syscalls(libc),
  );
  write(
    "constants.tsv",
    [
      "Named constants: set, name, value (decimal).",
      `From ${from} and, for the sets AF and SOCK,`,
      `linux-headers-common ${packages["linux-headers-common"].version} (GPL-2.0): include/linux/socket.h, include/linux/net.h.`,
    ],
    constants(libc, packages["linux-headers-common"]),
  );
  write(
    "syscall-since.tsv",
    [
      "The kernel version which introduced each call: name, version.",
      `From Debian package manpages-dev ${packages["manpages-dev"].version}: syscalls(2) (Linux-man-pages-copyleft), whose list ends with Linux 5.14.`,
    ],
    since(packages["manpages-dev"]),
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Downloads and unpacks the packages, with package lists of our own instead of the machine's. */
function download(): Record<keyof typeof PACKAGES, Package> {
  for (const folder of ["sources", "lists/partial", "cache/archives/partial", "deb"]) {
    mkdirSync(join(work, folder), { recursive: true });
  }
  writeFileSync(
    join(work, "sources/debian.sources"),
    [
      "Types: deb",
      "URIs: http://deb.debian.org/debian",
      `Suites: ${[...new Set(Object.values(PACKAGES))].join(" ")}`,
      "Components: main",
      "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg",
    ].join("\n") + "\n",
  );
  const settings = {
    "Dir::Etc::SourceList": "/dev/null",
    "Dir::Etc::SourceParts": join(work, "sources"),
    "Dir::State::Lists": join(work, "lists"),
    "Dir::Cache": join(work, "cache"),
    "APT::Sandbox::User": "root",
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const run = (command: string, ...args: string[]): string =>
    execFileSync(command, args, { cwd: join(work, "deb"), encoding: "utf8", maxBuffer: 1 << 26 });
  run("apt-get", ...options, "update");

  const found: Partial<Record<keyof typeof PACKAGES, Package>> = {};
  const fetch = (key: keyof typeof PACKAGES, name: string, version?: string): void => {
    run("apt-get", ...options, "-t", PACKAGES[key], "download", version ? `${name}=${version}` : name);
    const file = readdirSync(join(work, "deb")).find((entry) => entry.startsWith(`${name}_`))!;
    const root = join(work, key);
    run("dpkg-deb", "-x", file, root);
    found[key] = { version: run("dpkg-deb", "-f", file, "Version").trim(), root };
  };
  fetch("linux-libc-dev", "linux-libc-dev");
  fetch("manpages-dev", "manpages-dev");
  // The kernel's version is part of this package's name, so it is found by the version of the other.
  const version = found["linux-libc-dev"]!.version;
  const upstream = version.replace(/-.*/, "");
  const names = run(
    "apt-cache",
    ...options,
    "search",
    "--names-only",
    `^linux-headers-${upstream}.*-common$`,
  );
  fetch("linux-headers-common", names.split(" ")[0]!, version);
  return found as Record<keyof typeof PACKAGES, Package>;
}

function syscalls(libc: Package): string[] {
  const uapi = join(libc.root, "usr/lib/linux/uapi");
  const files = {
    x86_64: "x86/asm/unistd_64.h",
    i386: "x86/asm/unistd_32.h",
    x32: "x86/asm/unistd_x32.h",
    aarch64: "arm64/asm/unistd_64.h",
  };
  return Object.entries(files).flatMap(([arch, file]) => {
    const rows: [number, string][] = [];
    for (const [, name, bit, number] of readFileSync(join(uapi, file), "utf8").matchAll(
      /^#define __NR_(\w+) (\(__X32_SYSCALL_BIT \+ )?(\d+)\)?$/gm,
    )) {
      if ((arch === "x32") !== (bit !== undefined)) throw new Error(`${file}: unexpected form of ${name}`);
      rows.push([Number(number), name!]);
    }
    if (rows.length < 300) throw new Error(`${file}: only ${rows.length} calls found`);
    return rows.toSorted((a, b) => a[0] - b[0]).map(([number, name]) => `${arch}\t${number}\t${name}`);
  });
}

function constants(libc: Package, headers: Package): string[] {
  const rows: string[] = [];
  for (const { set, headers: files, pattern, not } of SETS) {
    const uapi = set === "open.aarch64" ? "arm64" : "x86";
    const include = [join(libc.root, "usr/lib/linux/uapi", uapi), join(libc.root, "usr/include")];
    const names = new Set<string>();
    const macro = pattern.source.startsWith("^#define");
    for (const file of files) {
      const path = include.map((folder) => join(folder, file)).find((candidate) => exists(candidate));
      if (path === undefined) throw new Error(`${file} not found`);
      for (const [, name] of readFileSync(path, "utf8").matchAll(pattern))
        if (!not?.test(name!)) names.add(name!);
    }
    if (names.size === 0) throw new Error(`no constant found for ${set} in ${files.join(", ")}`);
    rows.push(
      ...evaluate(include, files, [...names], macro).map(([name, value]) => `${set}\t${name}\t${value}`),
    );
  }
  // These two are not in the UAPI headers, although they are the kernel's interface.
  const include = join(
    headers.root,
    "usr/src",
    readdirSync(join(headers.root, "usr/src"))[0]!,
    "include/linux",
  );
  for (const [, name, value] of readFileSync(join(include, "socket.h"), "utf8").matchAll(
    /^#define (AF_[A-Z0-9]+)\s+(\d+)/gm,
  )) {
    if (name !== "AF_MAX") rows.push(`AF\t${name}\t${value}`);
  }
  for (const [, name, value] of readFileSync(join(include, "net.h"), "utf8").matchAll(
    /^\t(SOCK_[A-Z]+)\s*= (\d+),/gm,
  )) {
    rows.push(`SOCK\t${name}\t${value}`);
  }
  return rows;
}

function exists(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Values as C has them: macros refer to each other and to `sizeof`. Order and names are the headers'. What a header
 * defines only for a 32-bit machine (F_GETLK64) is left out: a macro that is not defined is skipped.
 */
function evaluate(include: string[], files: string[], names: string[], macro: boolean): [string, string][] {
  const source = join(work, "values.c");
  const program = join(work, "values");
  const lines = [
    ...[
      "linux/types.h",
      "linux/ioctl.h",
      "linux/blktrace_api.h",
      "linux/fiemap.h",
      "asm/termbits.h",
      "linux/serial.h",
      ...files,
    ].map((file) => `#include <${file}>`),
    "typedef unsigned long size_t;",
    "int printf(const char *, ...);",
    "int main(void) {",
    ...names.flatMap((name) => {
      const print = `  printf("%s\\t%lld\\n", "${name}", (long long)(${name}));`;
      return macro ? [`#ifdef ${name}`, print, "#endif"] : [print];
    }),
    "}",
  ];
  writeFileSync(source, lines.join("\n") + "\n");
  const folders = include.flatMap((folder) => ["-isystem", folder]);
  execFileSync("gcc", ["-w", "-nostdinc", ...folders, "-o", program, source], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const output = execFileSync(program, { encoding: "utf8" });
  return output
    .trim()
    .split("\n")
    .map((line) => line.split("\t") as [string, string]);
}

function since(manpages: Package): string[] {
  const page = gunzipSync(readFileSync(join(manpages.root, "usr/share/man/man2/syscalls.2.gz"))).toString(
    "utf8",
  );
  const table = page.slice(page.indexOf("\n.TS"), page.indexOf("\n.TE"));
  const rows = new Map<string, string>();
  for (const [, first, second, version] of table.matchAll(
    /^(?:\\f\[B\](\w+)\\f\[\]\(2\)|T\{\n\.BR (\w+) \(2\)\nT\})\t(\d+\.\d+(?:\.\d+)?)/gm,
  )) {
    rows.set((first ?? second)!, version!);
  }
  if (rows.size < 400) throw new Error(`syscalls(2): only ${rows.size} calls found`);
  return [...rows].map(([name, version]) => `${name}\t${version}`);
}

function write(file: string, origin: string[], rows: string[]): void {
  const head = [...origin, "Made by scripts/generate/fetch-linux.ts."].map((line) => `# ${line}`);
  writeFileSync(join(SOURCES, file), [...head, ...rows].join("\n") + "\n");
  console.error(`${file}: ${rows.length} rows`);
}
