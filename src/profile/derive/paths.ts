import { posix } from "node:path";
import type { Evidence } from "../model.ts";
import { covering, withSlash, withoutCovered } from "../paths.ts";
import type { Collector } from "./collector.ts";
import { fewPaths } from "./few.ts";
import { type UsedFile, changesFolder, isWritten } from "./files.ts";
import { tmpfsFolders } from "./volatile.ts";

/** Grants what runs did to files. The paths become few: a folder stands for many of its files, and evidence says for how many. */
export function grantPaths(collector: Collector, files: readonly UsedFile[]): void {
  const tmpfs = tmpfsFolders(files);
  const isEmptied = covering(tmpfs);
  const written = files.filter(isWritten);
  grantAll(collector, "tmpfs", tmpfs, written);

  const kept = written.filter(({ path }) => isEmptied(path) === undefined);
  const write = writePaths(kept);
  grantAll(collector, "write", write, kept);

  const executed = files.filter(({ access }) => access.has("execute"));
  const libraries = files.filter(isOwnLibrary);
  grantAll(collector, "execute", withoutCovered([...executed, ...libraries].map(executePath)), [
    ...executed,
    ...libraries,
  ]);

  const isReadable = covering([...tmpfs, ...write]);
  const read = files.filter(
    ({ path, access }) =>
      (access.has("read") || access.has("readlink")) && path !== "/" && isReadable(path) === undefined,
  );
  grantAll(collector, "read", readPaths(read), read);
}

/** Each path as a grant, with what each run did to the files that it covers. */
function grantAll(
  collector: Collector,
  kind: string,
  paths: readonly string[],
  files: readonly UsedFile[],
): void {
  const find = covering(paths);
  const byPath = Map.groupBy(files, ({ path }) => find(path));
  for (const path of paths) {
    const byRun = Map.groupBy(
      (byPath.get(path) ?? []).flatMap((file) =>
        [...file.byRun].flatMap(([run, records]) => records.map((record) => ({ run, record }))),
      ),
      ({ run }) => run,
    );
    for (const [run, of] of byRun) {
      const access = [...new Set(of.flatMap(({ record }) => record.access))].sort().join(", ");
      const names = [...new Set(of.map(({ record }) => record.path))].sort();
      const what = names.length === 1 ? names[0]! : `${names.length} files, such as ${names[0]!}`;
      const evidence: Evidence = { kind: "recorded", run, phase: "app", detail: `${access}: ${what}` };
      collector.grant(`${kind}:${path}`, evidence);
    }
  }
}

/**
 * Folders of programs, libraries and the kernel's answers, read as a whole: which of their files a program reads changes
 * with each update, and holds no secret of this one application.
 */
const SYSTEM = /^\/(usr|lib|lib32|lib64|libx32|bin|sbin|proc|sys|dev)\//;

function readPaths(files: readonly UsedFile[]): string[] {
  return fewPaths(
    files.map(({ path, type }) => {
      const named = type === "directory" ? withSlash(path) : path;
      return SYSTEM.exec(named)?.[0] ?? named;
    }),
  );
}

/** What the kernel or the engine answers, and no image: named one by one, but for what has another name in each run. */
const PSEUDO = /^\/(dev|proc|sys)\//;
const BY_RUN = /^\/(?:proc\/(?=(?:\d+|self|thread-self)\/)|dev\/(?:pts|shm|mqueue)\/)/;

/** What is written: a folder where files come and go, else the file. */
function writePaths(files: readonly UsedFile[]): string[] {
  const pseudo = new Set<string>();
  const real = new Set<string>();
  for (const file of files) {
    const byRun = BY_RUN.exec(file.path)?.[0];
    if (byRun !== undefined) pseudo.add(byRun);
    else (PSEUDO.test(file.path) ? pseudo : real).add(writtenPath(file));
  }
  return withoutCovered([...pseudo, ...fewPaths(real)]);
}

function writtenPath(file: UsedFile): string {
  if (changesFolder(file)) return withSlash(posix.dirname(file.path));
  return file.type === "directory" ? withSlash(file.path) : file.path;
}

/** A program that the run itself put there has another name next time: its folder stands for it. */
function executePath({ path, isFresh }: UsedFile): string {
  return isFresh ? withSlash(posix.dirname(path)) : path;
}

/**
 * A shared library that the run itself put there, as runtimes do that carry native code in an archive. Loading it maps it
 * as executable, which no system call of a recording names, and a folder mounted noexec refuses.
 */
function isOwnLibrary({ path, access, isFresh }: UsedFile): boolean {
  return isFresh && access.has("read") && /\.so(\.\d+)*$/.test(path);
}
