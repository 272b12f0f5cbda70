import { posix } from "node:path";
import type { Evidence } from "../model.ts";
import { covering, withSlash, withoutCovered } from "../paths.ts";
import type { Collector } from "./collector.ts";
import { type UsedFile, changesFolder, isWritten } from "./files.ts";
import { readPaths } from "./reads.ts";
import { tmpfsFolders } from "./volatile.ts";

/** Single files of one folder are listed up to here; more of them stand for the folder. */
const MAX_SIBLINGS = 3;

/** Where the kernel or the engine answers, and no image. */
const isPseudo = (path: string): boolean => /^\/(dev|proc|sys)\//.test(path);

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

/** What is written: a folder where files come and go, else the files themselves, or the folder for many of them. */
function writePaths(files: readonly UsedFile[]): string[] {
  const found = new Set<string>();
  const single = new Map<string, string[]>();
  for (const file of files) {
    const { path } = file;
    const folder = withSlash(posix.dirname(path));
    if (/^\/proc\/(\d+|self|thread-self)\//.test(path)) found.add("/proc/");
    else if (/^\/dev\/(pts|shm|mqueue)\//.test(path)) found.add(path.split("/", 3).join("/") + "/");
    else if (changesFolder(file)) found.add(folder);
    else if (file.type === "directory") found.add(withSlash(path));
    else single.set(folder, [...(single.get(folder) ?? []), path]);
  }
  for (const [folder, paths] of single) {
    if (paths.length > MAX_SIBLINGS && !isPseudo(folder) && folder !== "/") found.add(folder);
    else for (const path of paths) found.add(path);
  }
  return withoutCovered(found);
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
