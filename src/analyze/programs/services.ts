import { posix } from "node:path";
import type { FileTree } from "../../image/index.ts";

/** What a program that starts others is told to start by files of the target. */
export interface Services {
  /** Files that it runs. */
  files: string[];
  /** Command lines. */
  commands: { text: string; where: string }[];
}

interface Starter {
  name: RegExp;
  /** Files it runs; a * is any part of one name. */
  files?: readonly string[];
  /** Files with command lines in them, and how a line gives one. */
  tables?: readonly string[];
  command?: (line: string) => string | undefined;
}

const SUPERVISOR = (line: string): string | undefined =>
  // %(ENV_HOME)s is a variable of the environment.
  /^\s*command\s*=\s*(.+?)(\s;.*)?$/.exec(line)?.[1]?.replaceAll(/%\((?:ENV_)?(\w+)\)[sd]/g, "$$$1");
const UNIT = (line: string): string | undefined => /^\s*Exec\w+\s*=\s*[-@:+!]*(.+)$/.exec(line)?.[1];
/** Five fields or @daily, in the system's own table then a user; NAME=value lines are none. */
const CRON = (line: string): string | undefined =>
  /^\s*(?:@\w+|(?:[\d*,/A-Za-z-]+\s+){4}[\d*,/A-Za-z-]+)\s+(.+)$/.exec(line)?.[1];

const STARTERS: readonly Starter[] = [
  {
    name: /^supervisord/,
    tables: [
      "/etc/supervisord.conf",
      "/etc/supervisor/*",
      "/etc/supervisor/conf.d/*",
      "/etc/supervisord.d/*",
      "/etc/supervisor.d/*",
      "/usr/local/etc/supervisord.conf",
    ],
    command: SUPERVISOR,
  },
  {
    name: /^(init|s6-\w[\w-]*|overlay-rootfs)$/,
    files: [
      "/etc/services.d/*/*",
      "/etc/cont-init.d/*",
      "/etc/cont-finish.d/*",
      "/etc/fix-attrs.d/*",
      "/etc/s6-overlay/s6-rc.d/*/*",
      "/etc/s6-overlay/scripts/*",
      "/etc/s6/*/*",
      "/etc/s6-rc/*/*",
      "/run/service/*/run",
    ],
  },
  {
    name: /^(runsvdir|runit|runsvchdir|runsv|my_init)/,
    files: ["/etc/service/*/*", "/etc/sv/*/*", "/var/service/*/*", "/etc/runit/*", "/etc/my_init.d/*"],
  },
  {
    name: /^(cron|crond|anacron|fcron|supercronic)$/,
    files: ["/etc/cron.*/*", "/etc/periodic/*/*"],
    tables: [
      "/etc/crontab",
      "/etc/cron.d/*",
      "/var/spool/cron/*",
      "/var/spool/cron/crontabs/*",
      "/etc/crontabs/*",
    ],
    command: CRON,
  },
  {
    name: /^(systemd|init)$/,
    tables: [
      "/etc/systemd/system/*",
      "/etc/systemd/system/*/*",
      "/lib/systemd/system/*",
      "/usr/lib/systemd/system/*",
    ],
    command: UNIT,
  },
];

const MAX_TABLE_BYTES = 1 << 20;
const MAX_LINE = 1 << 16;

/** What a starter of services (supervisord, s6, runit, cron, systemd) starts, by its usual files. Empty for other programs. */
export function servicesOf(tree: FileTree, name: string): Services {
  const found: Services = { files: [], commands: [] };
  for (const { name: starter, files, tables, command } of STARTERS) {
    if (!starter.test(name)) continue;
    for (const path of (files ?? []).flatMap((pattern) => expand(tree, pattern))) found.files.push(path);
    if (command === undefined) continue;
    for (const path of (tables ?? []).flatMap((pattern) => expand(tree, pattern)))
      for (const [i, line] of textOf(tree, path).split("\n").entries()) {
        const text = line.length > MAX_LINE ? undefined : command(line);
        if (text !== undefined) found.commands.push({ text, where: `${path} line ${i + 1}` });
      }
  }
  return found;
}

function textOf(tree: FileTree, path: string): string {
  const size = tree.resolve(path)?.size ?? 0;
  const bytes = size > MAX_TABLE_BYTES ? undefined : tree.read(path, MAX_TABLE_BYTES);
  return bytes === undefined ? "" : Buffer.from(bytes).toString("utf8");
}

/** The files that a pattern stands for; folders on the way need not be there. */
export function expand(tree: FileTree, pattern: string): string[] {
  // What the kernel shows there is not the target's.
  if (/^\/+(proc|sys|dev)(\/|$)/.test(pattern)) return [];
  let places = ["/"];
  for (const part of pattern.split("/").filter((one) => one !== "")) {
    if (!/[*?[]/.test(part)) {
      places = places.map((place) => posix.join(place, part));
      continue;
    }
    const matches = globPattern(part);
    places = places.flatMap((place) =>
      tree
        .list(place)
        .filter((name) => (part.startsWith(".") || !name.startsWith(".")) && matches.test(name))
        .map((name) => posix.join(place, name)),
    );
    if (places.length === 0) return [];
  }
  return places.filter((place) => tree.resolve(place)?.kind === "file");
}

/** More of them in one name would let a pattern take forever; then it stands for any name. */
const MAX_STARS = 4;

/** A glob(7) of one name as a pattern; a bracket stands for any letter. */
export function globPattern(glob: string): RegExp {
  if (glob.replaceAll(/\*+/g, "*").split("*").length > MAX_STARS + 1) return /^[^/]*$/;
  const source = glob
    .replaceAll(/\[[^\]]*\]/g, "?")
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/\*+/g, "[^/]*")
    .replaceAll("?", "[^/]");
  return new RegExp(`^${source}$`);
}
