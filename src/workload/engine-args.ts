import { parseDuration } from "../base/index.ts";
import {
  type Mount,
  type ParseContext,
  type PublishedPort,
  bad,
  bytes,
  cut,
  envFile,
  mountOption,
  number,
  published,
  ulimit,
  variable,
  volume,
} from "./engine-values.ts";
import { splitWords } from "./words.ts";

/** Options of `docker run` as values. Every engine takes from it what it can do, and refuses the rest by name. */
export interface EngineOptions {
  /** "NAME=value", in order. */
  env: string[];
  publish: PublishedPort[];
  publishAll: boolean;
  expose: string[];
  mounts: Mount[];
  tmpfs: { path: string; options: string }[];
  network?: string;
  networkAliases: string[];
  links: string[];
  name?: string;
  hostname?: string;
  user?: string;
  groups: string[];
  workingDir?: string;
  /** Undefined: the image's; empty: none. */
  entrypoint?: string[];
  capAdd: string[];
  capDrop: string[];
  addHosts: string[];
  dns: string[];
  labels: Record<string, string>;
  ulimits: { name: string; soft: number; hard: number }[];
  devices: string[];
  sysctls: Record<string, string>;
  securityOptions: string[];
  noNewPrivileges: boolean;
  readOnly: boolean;
  init: boolean;
  interactive: boolean;
  tty: boolean;
  memory?: number;
  cpus?: number;
  pidsLimit?: number;
  shmSize?: number;
  ipc?: string;
  pid?: string;
  cgroupns?: string;
  userns?: string;
  runtime?: string;
  platform?: string;
  stopSignal?: string;
  volumesFrom: string[];
  health?: { test?: string[]; interval?: number; timeout?: number; startPeriod?: number; retries?: number };
}

type Setter = (options: EngineOptions, value: string, context: ParseContext) => void;
type Flag = (options: EngineOptions, on: boolean) => void;

const add =
  (
    member: keyof { [K in keyof EngineOptions as EngineOptions[K] extends string[] ? K : never]: 0 },
  ): Setter =>
  (options, value) =>
    void options[member].push(value);

const set =
  (
    member:
      | "name"
      | "hostname"
      | "user"
      | "workingDir"
      | "ipc"
      | "pid"
      | "cgroupns"
      | "userns"
      | "runtime"
      | "platform"
      | "stopSignal"
      | "network",
  ): Setter =>
  (options, value) =>
    void (options[member] = value);

/** Options with a value, by long name. */
const VALUED: Readonly<Record<string, Setter>> = {
  "add-host": add("addHosts"),
  "cap-add": (options, value) => void options.capAdd.push(...value.split(",")),
  "cap-drop": (options, value) => void options.capDrop.push(...value.split(",")),
  cgroupns: set("cgroupns"),
  cpus: (options, value) => void (options.cpus = number(value, "cpus")),
  device: add("devices"),
  dns: add("dns"),
  entrypoint: (options, value) => void (options.entrypoint = value === "" ? [] : [value]),
  env: (options, value, { env }) => void options.env.push(...variable(value, env)),
  "env-file": (options, value, context) => void options.env.push(...envFile(value, context)),
  expose: add("expose"),
  "group-add": add("groups"),
  "health-cmd": (options, value) => void ((options.health ??= {}).test = ["CMD-SHELL", value]),
  "health-interval": (options, value) => void ((options.health ??= {}).interval = parseDuration(value)),
  "health-retries": (options, value) =>
    void ((options.health ??= {}).retries = number(value, "health-retries")),
  "health-start-period": (options, value) =>
    void ((options.health ??= {}).startPeriod = parseDuration(value)),
  "health-timeout": (options, value) => void ((options.health ??= {}).timeout = parseDuration(value)),
  hostname: set("hostname"),
  ipc: set("ipc"),
  label: (options, value) => {
    const [name, rest] = cut(value, "=");
    options.labels[name] = rest ?? "";
  },
  link: add("links"),
  memory: (options, value) => void (options.memory = bytes(value, "memory")),
  mount: (options, value, context) => void options.mounts.push(mountOption(value, context)),
  name: set("name"),
  network: set("network"),
  "network-alias": add("networkAliases"),
  pid: set("pid"),
  "pids-limit": (options, value) => void (options.pidsLimit = number(value, "pids-limit")),
  platform: set("platform"),
  publish: (options, value) => void options.publish.push(published(value)),
  runtime: set("runtime"),
  "security-opt": securityOption,
  "shm-size": (options, value) => void (options.shmSize = bytes(value, "shm-size")),
  "stop-signal": set("stopSignal"),
  sysctl: (options, value) => {
    const [name, rest = ""] = cut(value, "=");
    options.sysctls[name] = rest;
  },
  tmpfs: (options, value) => {
    const [path, rest = ""] = cut(value, ":");
    options.tmpfs.push({ path, options: rest });
  },
  ulimit: (options, value) => void options.ulimits.push(ulimit(value)),
  user: set("user"),
  userns: set("userns"),
  volume: (options, value, context) => void options.mounts.push(volume(value, context)),
  "volumes-from": add("volumesFrom"),
  workdir: set("workingDir"),
};

/** Options without a value; `--read-only=false` is possible. */
const FLAGS: Readonly<Record<string, Flag>> = {
  init: (options, on) => void (options.init = on),
  interactive: (options, on) => void (options.interactive = on),
  "no-healthcheck": (options, on) => void (options.health = on ? { test: ["NONE"] } : undefined),
  "publish-all": (options, on) => void (options.publishAll = on),
  "read-only": (options, on) => void (options.readOnly = on),
  tty: (options, on) => void (options.tty = on),
  // What cinch does anyway: the container is started in the background, and always removed.
  detach: () => {},
  rm: () => {},
};

const SHORT: Readonly<Record<string, string>> = {
  d: "detach",
  e: "env",
  h: "hostname",
  i: "interactive",
  l: "label",
  m: "memory",
  P: "publish-all",
  p: "publish",
  t: "tty",
  u: "user",
  v: "volume",
  w: "workdir",
};

const OTHER_NAMES: Readonly<Record<string, string>> = {
  net: "network",
  "net-alias": "network-alias",
  dns: "dns",
};

/** Options that cannot be had under cinch, each with the reason. */
const REFUSED: Readonly<Record<string, string>> = {
  privileged: "a privileged container has no confinement that could be fitted",
  restart: "cinch starts and ends the container itself",
  cidfile: "the container is removed at the end",
  "detach-keys": "cinch does not detach",
};

export function emptyOptions(): EngineOptions {
  return {
    env: [],
    publish: [],
    publishAll: false,
    expose: [],
    mounts: [],
    tmpfs: [],
    networkAliases: [],
    links: [],
    groups: [],
    capAdd: [],
    capDrop: [],
    addHosts: [],
    dns: [],
    labels: {},
    ulimits: [],
    devices: [],
    sysctls: {},
    securityOptions: [],
    noNewPrivileges: false,
    readOnly: false,
    init: false,
    interactive: false,
    tty: false,
    volumesFrom: [],
  };
}

/**
 * Reads options as `docker run` has them: `-p 80:80`, `-p80:80`, `--env=A=1`, `-it`. Throws `bad-engine-args` for what
 * it does not know: an option that is passed over would make the run another one than was asked for.
 */
export function parseEngineArgs(
  args: readonly string[],
  context: ParseContext = { cwd: process.cwd(), env: process.env },
): EngineOptions {
  const options = emptyOptions();
  const words = args.length === 1 && /\s/.test(args[0]!) ? splitWords(args[0]!) : [...args];
  while (words.length > 0) {
    const word = words.shift()!;
    if (word.startsWith("--")) {
      const [written, value] = cut(word.slice(2), "=");
      long(options, written, value, words, context);
    } else if (/^-[A-Za-z]/.test(word)) {
      short(options, word.slice(1), words, context);
    } else {
      throw bad(
        `'${word}' is no option`,
        "the image and its command do not go here: cinch … TARGET -- COMMAND",
      );
    }
  }
  return options;
}

function long(
  options: EngineOptions,
  written: string,
  value: string | undefined,
  words: string[],
  context: ParseContext,
): void {
  const name = OTHER_NAMES[written] ?? written;
  const reason = Object.hasOwn(REFUSED, name) ? REFUSED[name] : undefined;
  if (reason !== undefined && value !== "false") throw bad(`--${name}: ${reason}`);
  if (reason !== undefined) return;
  if (Object.hasOwn(FLAGS, name)) {
    if (value !== undefined && !/^(true|false)$/.test(value))
      throw bad(`--${name}=${value}: neither true nor false`);
    FLAGS[name]!(options, value !== "false");
    return;
  }
  if (!Object.hasOwn(VALUED, name)) {
    throw bad(
      `--${written} is not supported`,
      `supported: ${[...Object.keys(VALUED), ...Object.keys(FLAGS)].sort().join(", ")}`,
    );
  }
  VALUED[name]!(options, value ?? nextWord(words, `--${name}`), context);
}

/** `-it`, `-p 80:80`, `-p80:80`, `-e=A=1`. */
function short(options: EngineOptions, letters: string, words: string[], context: ParseContext): void {
  for (let i = 0; i < letters.length; i += 1) {
    const letter = letters[i]!;
    const name = Object.hasOwn(SHORT, letter) ? SHORT[letter]! : undefined;
    if (name === undefined) throw bad(`-${letter} is not supported`);
    if (Object.hasOwn(FLAGS, name)) {
      FLAGS[name]!(options, true);
      continue;
    }
    const rest = letters.slice(i + 1).replace(/^=/, "");
    VALUED[name]!(options, rest === "" ? nextWord(words, `-${letter}`) : rest, context);
    return;
  }
}

function nextWord(words: string[], option: string): string {
  const word = words.shift();
  if (word === undefined) throw bad(`${option} needs a value`);
  return word;
}

/** Filters are cinch's own affair; the other options are passed on. */
function securityOption(options: EngineOptions, value: string): void {
  if (/^seccomp[=:]/.test(value))
    throw bad(`--security-opt ${value}: the filter is what cinch fits; leave it out`);
  if (/^no-new-privileges([=:]true)?$/.test(value)) options.noNewPrivileges = true;
  else if (!/^no-new-privileges[=:]false$/.test(value)) options.securityOptions.push(value);
}
