import { basename, posix } from "node:path";
import type { FileTree } from "../../image/index.ts";
import type { ExtraModule } from "../closure-model.ts";

export interface PluginQuery {
  /** The real path of the program. */
  path: string;
  /** Libraries that it is loaded with, by the names they are wanted by. */
  needed: readonly string[];
}

interface Rule {
  /** The program's file name, or a library that it is loaded with. */
  program?: RegExp;
  library?: RegExp;
  /** Folders of modules; a * is any part of one name, ** all folders below, @ the folder above the program's own. */
  folders: readonly string[];
  /** File names of modules. */
  files: RegExp;
  what: string;
}

const SHARED = /\.so(\.\d+)*$/;

/** Where well-known programs load modules from. All modules there count: which are configured may change without the image. */
const RULES: readonly Rule[] = [
  {
    program: /^(nginx|openresty|angie|freenginx)/,
    folders: [
      "/usr/lib/nginx/modules",
      "/usr/share/nginx/modules",
      "/usr/lib64/nginx/modules",
      "/etc/nginx/modules",
      "/usr/local/nginx/modules",
    ],
    files: SHARED,
    what: "nginx modules",
  },
  {
    program: /^(apache2|httpd)/,
    folders: [
      "/usr/lib/apache2/modules",
      "/usr/lib64/httpd/modules",
      "/usr/local/apache2/modules",
      "/usr/lib/apache2",
    ],
    files: SHARED,
    what: "Apache modules",
  },
  {
    program: /^lighttpd/,
    folders: ["/usr/lib/lighttpd", "/usr/lib64/lighttpd", "/usr/lib/*/lighttpd"],
    files: SHARED,
    what: "lighttpd modules",
  },
  {
    program: /^php/,
    folders: [
      "@/lib/php/**",
      "/usr/lib/php/*",
      "/usr/local/lib/php/extensions/*",
      "/usr/lib/php*/modules",
      "/usr/lib64/php/modules",
    ],
    files: SHARED,
    what: "PHP extensions",
  },
  {
    library: /^libphp/,
    folders: ["/usr/lib/php/*", "/usr/local/lib/php/extensions/*"],
    files: SHARED,
    what: "PHP extensions",
  },
  {
    program: /^python/,
    folders: [
      "@/lib/python3*/**",
      "/usr/lib/python3*/lib-dynload",
      "/usr/lib/python3/dist-packages/**",
      "/usr/local/lib/python3*/**",
      "/opt/*/lib/python3*/**",
      "/venv/**",
      "/app/**/site-packages/**",
    ],
    files: SHARED,
    what: "Python's native extensions",
  },
  {
    program: /^node/,
    folders: [
      "@/lib/node_modules/**",
      "/usr/lib/node_modules/**",
      "/usr/local/lib/node_modules/**",
      "/app/node_modules/**",
      "/usr/src/app/node_modules/**",
      "/home/*/node_modules/**",
      "/opt/**/node_modules/**",
      "/usr/share/nodejs/**",
    ],
    files: /\.node$/,
    what: "Node's native extensions",
  },
  {
    program: /^perl/,
    folders: [
      "@/lib/perl5/**",
      "/usr/lib/*/perl/**",
      "/usr/lib/*/perl-base/**",
      "/usr/lib/*/perl5/**",
      "/usr/local/lib/*/perl/**",
      "/usr/local/lib/perl5/**",
    ],
    files: SHARED,
    what: "Perl's native extensions",
  },
  {
    program: /^(ruby|irb|rake|puma)/,
    folders: [
      "@/lib/ruby/**",
      "/usr/lib/*/ruby/**",
      "/usr/lib/ruby/**",
      "/usr/local/lib/ruby/**",
      "/var/lib/gems/**",
      "/usr/local/bundle/**",
    ],
    files: SHARED,
    what: "Ruby's native extensions",
  },
  {
    program: /^java$/,
    folders: ["@/lib/**", "/usr/lib/jvm/*/lib/**", "/opt/*/lib/**"],
    files: SHARED,
    what: "the Java runtime's libraries",
  },
  {
    program: /^(postgres|postmaster)$/,
    folders: ["@/lib", "/usr/lib/postgresql/*/lib", "/usr/local/lib/postgresql"],
    files: SHARED,
    what: "PostgreSQL's extensions",
  },
  {
    program: /^(mariadbd|mysqld)/,
    folders: [
      "/usr/lib/mysql/plugin",
      "/usr/lib/*/mariadb*/plugin",
      "/usr/lib64/mysql/plugin",
      "/usr/lib/mysql/*/plugin",
    ],
    files: SHARED,
    what: "MariaDB's plugins",
  },
  {
    program: /^redis-server/,
    folders: ["/usr/lib/redis/modules", "/usr/local/lib/redis/modules"],
    files: SHARED,
    what: "Redis modules",
  },
  {
    library: /^libpam\.so/,
    folders: ["/lib/*/security", "/usr/lib/*/security", "/lib/security", "/usr/lib64/security"],
    files: SHARED,
    what: "PAM modules",
  },
  {
    library: /^libsasl2\.so/,
    folders: ["/usr/lib/*/sasl2", "/usr/lib/sasl2", "/usr/lib64/sasl2"],
    files: SHARED,
    what: "SASL mechanisms",
  },
  {
    library: /^libcrypto\.so/,
    folders: [
      "/usr/lib/*/ossl-modules",
      "/usr/lib/ossl-modules",
      "/usr/lib64/ossl-modules",
      "/usr/lib/*/engines-*",
    ],
    files: SHARED,
    what: "OpenSSL's providers and engines",
  },
  {
    library: /^libkrb5\.so/,
    folders: ["/usr/lib/*/krb5/plugins/**"],
    files: SHARED,
    what: "Kerberos plugins",
  },
];

/** Files that one rule finds at most: a farm of modules beyond that is named by --plugin. */
const MAX_FILES = 5000;
/** Folders that a rule with ** goes down. */
const MAX_DEPTH = 12;

/** The modules that a program loads by its configuration or by what scripts import, as far as its kind is known. */
export function findModules(
  tree: FileTree,
  { path, needed }: PluginQuery,
): { modules: ExtraModule[]; unresolved: { where: string; reason: string }[] } {
  const name = basename(path);
  // A program in / or /bin stands above nothing of its own.
  const above = posix.dirname(posix.dirname(path)).replace(/^\/$/, "/usr");
  const modules = new Map<string, ExtraModule>();
  const unresolved: { where: string; reason: string }[] = [];
  for (const { program, library, folders, files, what } of RULES) {
    const applies =
      program?.test(name) === true || (library !== undefined && needed.some((one) => library.test(one)));
    if (!applies) continue;
    const found = folders
      .flatMap((folder) => filesBelow(tree, folder.replace(/^@/, above)))
      .filter((file) => files.test(file));
    if (found.length > MAX_FILES)
      unresolved.push({
        where: path,
        reason: `${what}: more than ${MAX_FILES} files; name those in use by --plugin`,
      });
    for (const file of found.slice(0, MAX_FILES))
      if (!modules.has(file)) modules.set(file, { path: file, via: "dlopen", reason: `${what} of ${name}` });
  }
  return { modules: [...modules.values()], unresolved };
}

function filesBelow(tree: FileTree, pattern: string): string[] {
  const parts = pattern.split("/").filter((part) => part !== "");
  let folders = ["/"];
  for (const [i, part] of parts.entries()) {
    if (part === "**") {
      if (i === parts.length - 1) return folders.flatMap((folder) => walk(tree, folder, MAX_DEPTH));
      folders = folders.flatMap((folder) => foldersBelow(tree, folder, MAX_DEPTH));
    } else if (part.includes("*")) {
      const matches = new RegExp(
        `^${part.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`).replaceAll("*", ".*")}$`,
      );
      folders = folders.flatMap((folder) =>
        tree
          .list(folder)
          .filter((name) => matches.test(name))
          .map((name) => posix.join(folder, name)),
      );
    } else folders = folders.map((folder) => posix.join(folder, part));
    folders = folders.filter((folder) => tree.resolve(folder)?.kind === "directory");
    if (folders.length === 0) return [];
  }
  return folders.flatMap((folder) => tree.list(folder).map((name) => posix.join(folder, name)));
}

function walk(tree: FileTree, folder: string, depth: number): string[] {
  return foldersBelow(tree, folder, depth).flatMap((one) =>
    tree.list(one).map((name) => posix.join(one, name)),
  );
}

/** The folder and those below it; links are not followed. */
function foldersBelow(tree: FileTree, folder: string, depth: number): string[] {
  const found = [folder];
  if (depth > 0)
    for (const name of tree.list(folder)) {
      const path = posix.join(folder, name);
      if (tree.lookup(path)?.kind === "directory") found.push(...foldersBelow(tree, path, depth - 1));
    }
  return found;
}
