import type { FileAccess, RecordedFile, Recording } from "../model.ts";
import { mergeTypes } from "../merge/index.ts";
import { foldersAbove, isNormal } from "../paths.ts";

/** What runs did to one path, all runs together. */
export interface UsedFile {
  path: string;
  access: Set<FileAccess>;
  type: RecordedFile["type"];
  /** Every run that used it had made it, or a folder above it, before: it need not be there at the start. */
  isFresh: boolean;
  /** By run. */
  byRun: Map<string, RecordedFile[]>;
}

/** Names of files that lie in no tree: memory, descriptors, shared memory segments. */
const NO_TREE = /^\/(memfd:|\[|anon_|anon_inode:|SYSV[0-9a-f]{8}|dev\/zero$)/;
/** A file that open(O_TMPFILE) made has its inode number as a name. */
const TMPFILE = /\/#\d+$/;

/** Whether a file is one that a profile can name, and was used. */
export function isNameable({ path, ok }: { path: string; ok: boolean }): boolean {
  return ok && isNormal(path) && !NO_TREE.test(path);
}

/** The files that runs used, in the order of their paths; run by run, for what one made may be what another needs. */
export function usedFiles(recordings: readonly { recording: Recording; run: string }[]): UsedFile[] {
  const used = new Map<string, UsedFile>();
  for (const { recording, run } of recordings) {
    const files = filesOf(recording).filter(isNameable);
    const made = new Set(
      files.filter(({ access }) => access.includes("create")).map(({ path }) => `${path}/`),
    );
    for (const file of files) {
      const isFresh = [`${file.path}/`, ...foldersAbove(file.path)].some((folder) => made.has(folder));
      const known = used.get(file.path);
      if (known === undefined) {
        used.set(file.path, {
          path: file.path,
          access: new Set(file.access),
          type: file.type,
          isFresh,
          byRun: new Map([[run, [file]]]),
        });
        continue;
      }
      for (const access of file.access) known.access.add(access);
      known.type = mergeTypes([known.type, file.type]);
      known.isFresh &&= isFresh;
      known.byRun.set(run, [...(known.byRun.get(run) ?? []), file]);
    }
  }
  // What has something below it is a folder, whether or not a recorder could tell.
  const folders = new Set([...used.keys()].flatMap((path) => [...foldersAbove(path)]));
  for (const file of used.values()) if (folders.has(`${file.path}/`)) file.type = "directory";
  return [...used.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A recording's files, with those executables that its list of files does not know. */
function filesOf(recording: Recording): RecordedFile[] {
  const executed = new Set(
    recording.files.filter(({ ok, access }) => ok && access.includes("execute")).map(({ path }) => path),
  );
  const others = recording.executables
    .filter((path) => !executed.has(path))
    .map((path): RecordedFile => ({ path, access: ["execute"], ok: true, type: "file" }));
  return [...recording.files.map(asCreated), ...others];
}

function asCreated(file: RecordedFile): RecordedFile {
  if (!TMPFILE.test(file.path) || !file.access.includes("write") || file.access.includes("create"))
    return file;
  return { ...file, access: [...file.access, "create"] };
}

const WRITES = ["write", "create", "delete", "rename", "chmod", "chown", "link"] as const;
/** What changes the folder, and not only a file in it. */
const CHANGES_FOLDER = ["create", "delete", "rename"] as const;

/** Whether a file system that can only be read stands in the way: not of what goes through a fifo, socket or device. */
export function isWritten({ access, type }: UsedFile): boolean {
  if (CHANGES_FOLDER.some((one) => access.has(one))) return true;
  const isInode = type !== "fifo" && type !== "socket";
  return isInode && WRITES.some((one) => access.has(one));
}

export function changesFolder({ access }: UsedFile): boolean {
  return CHANGES_FOLDER.some((one) => access.has(one));
}
