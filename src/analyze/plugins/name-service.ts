import { posix } from "node:path";
import type { FileTree } from "../../image/index.ts";
import type { ExtraModule } from "../closure-model.ts";

/** Where libraries of the system are. */
export const libraryFolders = [
  "/lib/x86_64-linux-gnu",
  "/usr/lib/x86_64-linux-gnu",
  "/lib/aarch64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/lib64",
  "/usr/lib64",
  "/lib",
  "/usr/lib",
];

/** What glibc takes where /etc/nsswitch.conf does not say (nss/nss_database.c). */
const DEFAULTS =
  "passwd: files\ngroup: files\nshadow: files\nhosts: dns [!UNAVAIL=return] files\nnetworks: dns [!UNAVAIL=return] files\n";

/** Larger ones were not written by people. */
const MAX_CONFIG_BYTES = 1 << 20;

/**
 * The modules of the name service that the target's nsswitch.conf(5) names. Services that are part of the C library
 * ("files" and "dns" since glibc 2.34) have none in most targets, which is no fault.
 */
export function nssModules(tree: FileTree): ExtraModule[] {
  const bytes = tree.read("/etc/nsswitch.conf", MAX_CONFIG_BYTES);
  const text = bytes === undefined ? DEFAULTS : Buffer.from(bytes).toString("utf8");
  const services = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [, database, list] = /^\s*(\w+)\s*:([^#]*)/.exec(line) ?? [];
    if (database === undefined) continue;
    // [NOTFOUND=return] is an action, not a service.
    for (const service of list!.replaceAll(/\[[^\]]*\]/g, " ").split(/\s+/)) {
      if (!/^\w+$/.test(service)) continue;
      services.set(service, [...(services.get(service) ?? []), database]);
    }
  }
  return [...services].flatMap(([service, databases]) => {
    const path = libraryFolders
      .map((folder) => posix.join(folder, `libnss_${service}.so.2`))
      .find((one) => tree.resolve(one)?.kind === "file");
    return path === undefined
      ? []
      : [{ path, via: "nss" as const, reason: `nsswitch.conf: ${databases.join(", ")}: ${service}` }];
  });
}

/** The modules that convert between character sets. */
export function gconvModules(tree: FileTree): ExtraModule[] {
  const paths = libraryFolders
    .map((folder) => posix.join(folder, "gconv"))
    .flatMap((folder) =>
      tree
        .list(folder)
        .filter((name) => name.endsWith(".so"))
        // /lib is a link to /usr/lib nearly everywhere.
        .flatMap((name) => tree.resolve(posix.join(folder, name))?.path ?? []),
    );
  return [...new Set(paths)].map((path) => ({
    path,
    via: "dlopen" as const,
    reason: "conversion of character sets",
  }));
}
