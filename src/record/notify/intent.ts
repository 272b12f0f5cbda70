import { type Notification, readMemory } from "../../kernel/index.ts";
import type { PathArg } from "../calls.ts";

/** open(2); creat is an open with these. */
const CREAT_FLAGS = 0x40 | 0x200 | 1;
const OPEN_FLAGS: Readonly<Record<string, number>> = { open: 1, openat: 2 };

/** The O_* flags of a call that opens; undefined for one that has none, which only looks (open_tree). */
export function openFlags(name: string, call: Notification): number | undefined {
  if (name === "creat") return CREAT_FLAGS;
  if (name === "openat2") {
    // struct open_how begins with them: u64.
    const how = readMemory(call.pid, call.args[2]!, 8);
    return how.length === 8 ? Number(how.readBigUInt64LE() & 0xffff_ffffn) : 0;
  }
  const place = OPEN_FLAGS[name];
  return place === undefined ? undefined : Number(call.args[place]! & 0xffff_ffffn);
}

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_SYMLINK_FOLLOW = 0x400;
const IN_DONT_FOLLOW = 0x200_0000;

/** Where calls that follow links unless told otherwise have their flags, and the flag. */
const NOFOLLOW: Readonly<Record<string, readonly [place: number, flag: number]>> = {
  newfstatat: [3, AT_SYMLINK_NOFOLLOW],
  fstatat64: [3, AT_SYMLINK_NOFOLLOW],
  statx: [2, AT_SYMLINK_NOFOLLOW],
  faccessat2: [3, AT_SYMLINK_NOFOLLOW],
  fchownat: [4, AT_SYMLINK_NOFOLLOW],
  fchmodat2: [3, AT_SYMLINK_NOFOLLOW],
  utimensat: [3, AT_SYMLINK_NOFOLLOW],
  utimensat_time64: [3, AT_SYMLINK_NOFOLLOW],
  execveat: [4, AT_SYMLINK_NOFOLLOW],
  inotify_add_watch: [2, IN_DONT_FOLLOW],
};
/** The other way round: they follow only if told to. */
const FOLLOW: Readonly<Record<string, readonly [place: number, flag: number]>> = {
  linkat: [4, AT_SYMLINK_FOLLOW],
  name_to_handle_at: [4, AT_SYMLINK_FOLLOW],
};
/** Calls that mean the link itself (their man pages). */
const NEVER = /^(l(stat|stat64|chown|chown32|setxattr|removexattr|getxattr|listxattr)|oldlstat|link)$/;
/** Kinds of access that change a name, and so never follow it. */
const NAMES = new Set(["create", "delete", "rename", "readlink"]);

/** What a call means by a path: the file behind a link or the link itself, and whether the path must not be there yet. */
export function pathIntent(
  name: string,
  arg: PathArg,
  call: Notification,
): { follows: boolean; isFresh: boolean } {
  const isFresh = arg.access === "create" && !name.startsWith("rename");
  return { follows: !NAMES.has(arg.access) && follows(name, call), isFresh };
}

function follows(name: string, call: Notification): boolean {
  const isSet = ([place, flag]: readonly [number, number]): boolean =>
    (call.args[place]! & BigInt(flag)) !== 0n;
  const told = FOLLOW[name];
  if (told !== undefined) return isSet(told);
  const warned = NOFOLLOW[name];
  return !NEVER.test(name) && (warned === undefined || !isSet(warned));
}
