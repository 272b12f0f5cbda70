import { CinchError, readBounded } from "../base/index.ts";
import { join } from "node:path";

/** Files of users and groups: a machine with a hundred thousand users has some ten megabytes of them. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;

export interface ResolvedUser {
  uid: number;
  gid: number;
  /** Supplementary groups. */
  groups: number[];
  home: string;
}

/**
 * The user that `text` means under a root folder: "", "name", "uid", "name:group", "uid:gid" (Dockerfile, USER). A
 * user that is known has its own group and supplementary groups unless a group is named; a number that is not known
 * has group 0. Throws `no-user`.
 */
export function resolveUser(text: string, root: string): ResolvedUser {
  const [name = "", groupName] = (text === "" ? "0" : text).split(":");
  const known = entries(root, "/etc/passwd").find((fields) => fields[0] === name || fields[2] === name);
  if (known === undefined && !/^\d+$/.test(name)) {
    throw new CinchError("no-user", `there is no user '${name}' in ${join(root, "etc/passwd")}`);
  }
  const uid = Number(known?.[2] ?? name);
  const home = known?.[5] || "/";
  if (groupName !== undefined && groupName !== "")
    return { uid, gid: groupId(groupName, root), groups: [], home };
  const groups =
    known === undefined
      ? []
      : entries(root, "/etc/group")
          .filter((fields) => (fields[3] ?? "").split(",").includes(known[0]!))
          .map((fields) => Number(fields[2]));
  return { uid, gid: Number(known?.[3] ?? 0), groups, home };
}

export function groupId(text: string, root: string): number {
  const known = entries(root, "/etc/group").find((fields) => fields[0] === text || fields[2] === text);
  if (known !== undefined) return Number(known[2]);
  if (/^\d+$/.test(text)) return Number(text);
  throw new CinchError("no-user", `there is no group '${text}' in ${join(root, "etc/group")}`);
}

/** passwd(5), group(5): lines of fields. A root folder without the file knows nobody. */
function entries(root: string, path: string): string[][] {
  let text: string;
  try {
    text = readBounded(join(root, path), MAX_FILE_BYTES).toString("utf8");
  } catch {
    return [];
  }
  return text
    .split("\n")
    .map((line) => line.split(":"))
    .filter((fields) => fields.length >= 3 && /^\d+$/.test(fields[2]!));
}
