import type { Profile } from "../../src/profile/index.ts";

/** A small profile, some members replaced. */
export function profileWith(members: Partial<Profile>): Profile {
  return {
    schemaVersion: 1,
    kind: "profile",
    name: "shop",
    target: "docker:shop:dev",
    arch: ["x86_64"],
    syscalls: {
      allow: [
        "brk",
        "close",
        "execve",
        "exit_group",
        "read",
        "rt_sigreturn",
        "write",
        { name: "clone", args: [[{ index: 0, op: "masked-eq", mask: 0x7e02_0000, value: 0 }]] },
        { name: "socket", args: [[{ index: 0, op: "eq", value: 1 }], [{ index: 0, op: "eq", value: 2 }]] },
      ],
    },
    capabilities: ["CAP_CHOWN", "CAP_SETUID"],
    filesystem: {
      root: "read-only",
      read: ["/etc/shop/"],
      write: ["/var/lib/shop/", "/var/log/shop/access.log"],
      execute: ["/usr/bin/shop"],
      tmpfs: ["/run/", "/tmp/"],
    },
    network: {
      sockets: [{ domain: "AF_INET", type: "SOCK_STREAM" }],
      listen: ["tcp:8080"],
      connect: [],
    },
    user: {},
    noNewPrivileges: true,
    isolation: "namespace",
    ...members,
  };
}
