import type { FileAccess, SocketOp } from "../profile/index.ts";

/** A path among a call's arguments: its place, that of the descriptor it is relative to, and what is done to it. */
export interface PathArg {
  arg: number;
  dirfd?: number;
  access: FileAccess;
}

/**
 * What a recorder looks at in a call besides its number (argument places from 0, as in the call's man page). The
 * i386 calls of the same name have the same places.
 */
export type CallSpec =
  /** Gives a descriptor; what was opened is read from it. `flags`: where O_* stand, for those that fail. */
  | { kind: "open"; path: PathArg; flags?: number }
  /** One or two paths. `flags`: AT_* or the mode asked for. */
  | { kind: "path"; paths: [PathArg] | [PathArg, PathArg]; failuresOnly?: boolean }
  /** Changes what a descriptor stands for. */
  | { kind: "fd"; fd: number; access: FileAccess }
  /** Changes where relative or absolute paths begin. */
  | { kind: "chdir" | "chroot"; path?: PathArg }
  | { kind: "sockaddr"; fd: number; address: number; length: number; op: SocketOp }
  | { kind: "socket"; fd: number; op: SocketOp }
  | { kind: "message"; fd: number; message: number; op: SocketOp };

const path = (access: FileAccess, arg: number, dirfd?: number): CallSpec => ({
  kind: "path",
  paths: [{ access, arg, dirfd }],
});

/** By name of the call. Those not listed carry neither path nor address that matters here. */
export const CALLS: Readonly<Record<string, CallSpec>> = {
  open: { kind: "open", path: { access: "read", arg: 0 }, flags: 1 },
  creat: { kind: "open", path: { access: "create", arg: 0 } },
  openat: { kind: "open", path: { access: "read", arg: 1, dirfd: 0 }, flags: 2 },
  openat2: { kind: "open", path: { access: "read", arg: 1, dirfd: 0 } },
  open_tree: { kind: "open", path: { access: "stat", arg: 1, dirfd: 0 } },

  execve: { kind: "path", paths: [{ access: "execute", arg: 0 }], failuresOnly: true },
  execveat: { kind: "path", paths: [{ access: "execute", arg: 1, dirfd: 0 }], failuresOnly: true },

  stat: path("stat", 0),
  lstat: path("stat", 0),
  stat64: path("stat", 0),
  lstat64: path("stat", 0),
  oldstat: path("stat", 0),
  oldlstat: path("stat", 0),
  newfstatat: path("stat", 1, 0),
  fstatat64: path("stat", 1, 0),
  statx: path("stat", 1, 0),
  access: path("stat", 0),
  faccessat: path("stat", 1, 0),
  faccessat2: path("stat", 1, 0),
  statfs: path("stat", 0),
  statfs64: path("stat", 0),
  getxattr: path("stat", 0),
  lgetxattr: path("stat", 0),
  listxattr: path("stat", 0),
  llistxattr: path("stat", 0),
  inotify_add_watch: path("read", 1),
  name_to_handle_at: path("stat", 1, 0),
  readlink: path("readlink", 0),
  readlinkat: path("readlink", 1, 0),

  mkdir: path("create", 0),
  mkdirat: path("create", 1, 0),
  mknod: path("create", 0),
  mknodat: path("create", 1, 0),
  symlink: path("create", 1),
  symlinkat: path("create", 2, 1),
  unlink: path("delete", 0),
  unlinkat: path("delete", 1, 0),
  rmdir: path("delete", 0),
  truncate: path("write", 0),
  truncate64: path("write", 0),
  utime: path("write", 0),
  utimes: path("write", 0),
  futimesat: path("write", 1, 0),
  utimensat: path("write", 1, 0),
  utimensat_time64: path("write", 1, 0),
  setxattr: path("write", 0),
  lsetxattr: path("write", 0),
  removexattr: path("write", 0),
  lremovexattr: path("write", 0),
  chmod: path("chmod", 0),
  fchmodat: path("chmod", 1, 0),
  fchmodat2: path("chmod", 1, 0),
  chown: path("chown", 0),
  lchown: path("chown", 0),
  chown32: path("chown", 0),
  lchown32: path("chown", 0),
  fchownat: path("chown", 1, 0),
  swapon: path("write", 0),
  acct: path("write", 0),
  uselib: path("read", 0),
  rename: {
    kind: "path",
    paths: [
      { access: "rename", arg: 0 },
      { access: "create", arg: 1 },
    ],
  },
  renameat: {
    kind: "path",
    paths: [
      { access: "rename", arg: 1, dirfd: 0 },
      { access: "create", arg: 3, dirfd: 2 },
    ],
  },
  renameat2: {
    kind: "path",
    paths: [
      { access: "rename", arg: 1, dirfd: 0 },
      { access: "create", arg: 3, dirfd: 2 },
    ],
  },
  link: {
    kind: "path",
    paths: [
      { access: "link", arg: 0 },
      { access: "create", arg: 1 },
    ],
  },
  linkat: {
    kind: "path",
    paths: [
      { access: "link", arg: 1, dirfd: 0 },
      { access: "create", arg: 3, dirfd: 2 },
    ],
  },
  mount: path("mount", 1),
  umount: path("mount", 0),
  umount2: path("mount", 0),
  pivot_root: {
    kind: "path",
    paths: [
      { access: "mount", arg: 0 },
      { access: "mount", arg: 1 },
    ],
  },

  chdir: { kind: "chdir", path: { access: "stat", arg: 0 } },
  fchdir: { kind: "chdir" },
  chroot: { kind: "chroot", path: { access: "stat", arg: 0 } },

  fchmod: { kind: "fd", fd: 0, access: "chmod" },
  fchown: { kind: "fd", fd: 0, access: "chown" },
  fchown32: { kind: "fd", fd: 0, access: "chown" },
  ftruncate: { kind: "fd", fd: 0, access: "write" },
  ftruncate64: { kind: "fd", fd: 0, access: "write" },
  fsetxattr: { kind: "fd", fd: 0, access: "write" },

  bind: { kind: "sockaddr", fd: 0, address: 1, length: 2, op: "bind" },
  connect: { kind: "sockaddr", fd: 0, address: 1, length: 2, op: "connect" },
  sendto: { kind: "sockaddr", fd: 0, address: 4, length: 5, op: "send" },
  listen: { kind: "socket", fd: 0, op: "listen" },
  accept: { kind: "socket", fd: 0, op: "accept" },
  accept4: { kind: "socket", fd: 0, op: "accept" },
  sendmsg: { kind: "message", fd: 0, message: 1, op: "send" },
};
