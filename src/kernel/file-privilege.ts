import { statSync } from "node:fs";
import { libc } from "./libc.ts";

const GETXATTR = process.arch === "arm64" ? 8 : 191;
const S_ISUID = 0o4000;
const S_ISGID = 0o2000;

/**
 * What privilege a file gives to whoever executes it, unless no-new-privileges is set: "set-user-ID", "set-group-ID",
 * "file capabilities" (the attribute security.capability, capabilities(7)); undefined for none.
 */
export function privilegeOf(path: string): string | undefined {
  try {
    const { mode } = statSync(path);
    if (mode & S_ISUID) return "set-user-ID";
    if (mode & S_ISGID) return "set-group-ID";
  } catch {
    return undefined;
  }
  // With no room for the value, the answer is its size.
  const size = libc().syscall(GETXATTR, Buffer.from(`${path}\0`), Buffer.from("security.capability\0"), 0, 0);
  return size > 0 ? "file capabilities" : undefined;
}
