import { posix } from "node:path";
import { covers } from "../grants.ts";
import type { Evidence, FileAccess, RecordedFile, Recording } from "../model.ts";
import type { Collector } from "./collector.ts";

/** Single files of one folder are listed up to here; more of them stand for the folder. */
const MAX_SIBLINGS = 3;

/** Folders of programs and libraries, read as a whole: which of their files a program reads changes with each update. */
const SYSTEM_FOLDERS = [
  "/usr/",
  "/lib/",
  "/lib32/",
  "/lib64/",
  "/libx32/",
  "/bin/",
  "/sbin/",
  "/proc/",
  "/sys/",
  "/dev/",
];

/** Folders that the system may empty at any start (file-hierarchy(7)): what is written there can be a tmpfs. */
const VOLATILE = ["/tmp/", "/var/tmp/", "/run/", "/dev/shm/"];

/** Where the kernel or the engine answers, and no image. */
const PSEUDO = ["/dev/", "/proc/", "/sys/"];

const WRITES: ReadonlySet<FileAccess> = new Set([
  "write",
  "create",
  "delete",
  "rename",
  "chmod",
  "chown",
  "link",
]);
/** What changes the folder and not only a file in it. */
const CHANGES_FOLDER: ReadonlySet<FileAccess> = new Set(["create", "delete", "rename"]);

/** Grants the files of one recording. */
export function grantPaths(collector: Collector, recording: Recording, run: string): void {
  const files = recording.files.filter(({ ok }) => ok);
  const evidence = (text: string): Evidence => ({ kind: "recorded", run, phase: "app", detail: text });

  const tmpfs = VOLATILE.filter((folder) => isVolatile(folder, files));
  for (const folder of tmpfs) {
    const inside = files.filter(
      ({ path, access }) => path.startsWith(folder) && access.some((one) => WRITES.has(one)),
    );
    collector.grant(`tmpfs:${folder}`, evidence(describe(inside)));
  }

  const written = writeFolders(files.filter(({ path }) => !covers(tmpfs, path)));
  for (const [path, of] of written) collector.grant(`write:${path}`, evidence(describe(of)));

  for (const { path, access } of files) {
    if (access.includes("execute")) collector.grant(`execute:${path}`, evidence("executed"));
  }

  const readable = [...tmpfs, ...written.keys()];
  const reads = files.filter(
    ({ path, access }) =>
      (access.includes("read") || access.includes("readlink")) && path !== "/" && !covers(readable, path),
  );
  for (const [path, of] of readFolders(reads)) collector.grant(`read:${path}`, evidence(describe(of)));
}

/**
 * A volatile folder becomes a tmpfs if the program writes there and needs nothing from it that it did not make itself
 * in that run.
 */
function isVolatile(folder: string, files: readonly RecordedFile[]): boolean {
  const inside = files.filter(({ path }) => path.startsWith(folder));
  const writes = inside.some(({ access }) => access.some((one) => WRITES.has(one)));
  const needs = inside.some(({ access, type }) => {
    if (access.includes("create") || type === "socket" || type === "directory") return false;
    return access.includes("read") || access.includes("execute") || access.includes("write");
  });
  return writes && !needs;
}

/** What is written, as files and folders: a folder where files come and go, the file itself where it only changes. */
function writeFolders(files: readonly RecordedFile[]): Map<string, RecordedFile[]> {
  const found = new Map<string, RecordedFile[]>();
  const add = (path: string, file: RecordedFile): void =>
    void found.set(path, [...(found.get(path) ?? []), file]);
  for (const file of files) {
    if (!file.access.some((one) => WRITES.has(one))) continue;
    const folder = withSlash(posix.dirname(file.path));
    const isPseudo = covers(PSEUDO, file.path);
    if (file.access.some((one) => CHANGES_FOLDER.has(one)) && !isPseudo) {
      // A folder that the program makes and fills is part of the one it is made in.
      add(folder, file);
    } else if (isPseudo && /^\/proc\/(\d+|self|thread-self)\//.test(file.path)) {
      add("/proc/", file);
    } else {
      add(file.type === "directory" ? withSlash(file.path) : file.path, file);
    }
  }
  return withoutCovered(found);
}

/** What is read: system folders whole, a folder for more than a few files of it, else the file. */
function readFolders(files: readonly RecordedFile[]): Map<string, RecordedFile[]> {
  const found = new Map<string, RecordedFile[]>();
  const byFolder = Map.groupBy(
    files,
    ({ path }) => SYSTEM_FOLDERS.find((folder) => path.startsWith(folder)) ?? withSlash(posix.dirname(path)),
  );
  for (const [folder, of] of byFolder) {
    const whole = SYSTEM_FOLDERS.includes(folder) || (of.length > MAX_SIBLINGS && folder !== "/");
    if (whole) found.set(folder, of);
    else
      for (const file of of) found.set(file.type === "directory" ? withSlash(file.path) : file.path, [file]);
  }
  return withoutCovered(found);
}

/** Drops paths below another one, whose evidence they join. */
function withoutCovered(paths: Map<string, RecordedFile[]>): Map<string, RecordedFile[]> {
  const kept = new Map<string, RecordedFile[]>();
  for (const [path, files] of [...paths.entries()].sort(([a], [b]) => a.length - b.length)) {
    const above = [...kept.keys()].find((one) => one !== path && covers([one], path));
    if (above === undefined) kept.set(path, files);
    else kept.set(above, [...kept.get(above)!, ...files]);
  }
  return kept;
}

function withSlash(path: string): string {
  return path.endsWith("/") ? path : `${path}/`;
}

/** "write, create: /var/lib/x" or "read: 12 files". */
function describe(files: readonly RecordedFile[]): string {
  const access = [...new Set(files.flatMap((file) => file.access))].sort().join(", ");
  return files.length === 1
    ? `${access}: ${files[0]!.path}`
    : `${access}: ${files.length} files, such as ${files[0]!.path}`;
}
