import { ARGUMENT_OVERRIDES } from "./syscalls.gen.ts";
import { type TableArch, syscallRow } from "./syscalls.ts";

/**
 * What an argument is. `path`: address of a path that the kernel looks up; `dirfd`: what the next argument's path is
 * relative to; `sockaddr`: address of a socket address, given or to be filled in; `sockaddr-len`: the length of the one
 * before (where it is filled in, the length is behind a `pointer`); `flags`: bits; `value`: any other number.
 */
export type ArgKind = "path" | "dirfd" | "fd" | "sockaddr" | "sockaddr-len" | "flags" | "pointer" | "value";

const parsed = new Map<string, readonly ArgKind[]>();

/**
 * The kinds of a call's arguments by position; [] for one without, or an unknown call. `arch` matters for the few
 * calls whose i386 form differs (fanotify_mark's mask takes two arguments there).
 */
export function syscallArgs(name: string, arch?: TableArch): readonly ArgKind[] {
  const text = (arch && ARGUMENT_OVERRIDES[`${name}@${arch}`]) ?? syscallRow(name)?.[6];
  if (!text) return [];
  let kinds = parsed.get(text);
  if (kinds === undefined) {
    kinds = text.split(" ") as ArgKind[];
    parsed.set(text, kinds);
  }
  return kinds;
}
