import { resolve } from "node:path";
import { CinchError, messageOf, readBounded } from "../base/index.ts";

// The values of docker run's options, each in the form that Docker's own reference gives it. All throw `bad-engine-args`.

/** The kernel takes no larger environment anyway (execve(2), ARG_MAX). */
const MAX_ENV_FILE_BYTES = 4 * 1024 * 1024;

export interface PublishedPort {
  /** Empty: all addresses. */
  hostIp: string;
  /** Empty: the engine chooses. */
  hostPort: string;
  /** "80/tcp". */
  port: string;
}

export interface Mount {
  type: "bind" | "volume" | "tmpfs";
  /** Folder or file of the host, or name of a volume; empty for an anonymous one. */
  source: string;
  target: string;
  readOnly: boolean;
  /** Further options of -v: "z", "rshared". */
  options: string[];
}

export interface ParseContext {
  cwd: string;
  env: NodeJS.ProcessEnv;
}

export function bad(message: string, hint?: string): CinchError {
  return new CinchError("bad-engine-args", `engine arguments: ${message}`, { hint });
}

export function cut(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** `-e NAME` takes the value from our own environment, and none if it is not set there. */
export function variable(text: string, env: NodeJS.ProcessEnv): string[] {
  if (text === "" || text.startsWith("=")) throw bad(`--env '${text}' names no variable`);
  if (text.includes("=")) return [text];
  return env[text] === undefined ? [] : [`${text}=${env[text]}`];
}

export function envFile(path: string, { cwd, env }: ParseContext): string[] {
  let text: string;
  try {
    text = readBounded(resolve(cwd, path), MAX_ENV_FILE_BYTES).toString("utf8");
  } catch (error) {
    throw bad(`--env-file: ${messageOf(error)}`);
  }
  return text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .flatMap((line) => variable(line.trimStart(), env));
}

/** `[[HOSTIP:]HOSTPORT:]PORT[/PROTOCOL]`; an IPv6 address is in brackets. */
export function published(text: string): PublishedPort {
  const match = /^(?:(?:(\[[0-9a-fA-F:]+\]|[\d.]*):)?(\d*):)?(\d+)(?:\/(tcp|udp|sctp))?$/.exec(text);
  if (match === null)
    throw bad(
      `--publish ${text}: not [[HOSTIP:]HOSTPORT:]PORT[/PROTOCOL] (ranges: one option for each port)`,
    );
  const [, hostIp = "", hostPort = "", port, protocol = "tcp"] = match;
  return { hostIp: hostIp.replace(/[[\]]/g, ""), hostPort, port: `${port}/${protocol}` };
}

/** `[SOURCE:]TARGET[:OPTIONS]`. */
export function volume(text: string, { cwd }: ParseContext): Mount {
  const parts = text.split(":");
  if (parts.length > 3 || parts.some((part) => part === ""))
    throw bad(`--volume ${text}: not [SOURCE:]TARGET[:OPTIONS]`);
  const [source, target, rest] =
    parts.length === 1 ? ["", parts[0]!, undefined] : [parts[0]!, parts[1]!, parts[2]];
  if (!target.startsWith("/")) throw bad(`--volume ${text}: ${target} is not an absolute path`);
  const options = (rest ?? "").split(",").filter((option) => option !== "" && option !== "rw");
  const isFolder = /^[./~]/.test(source);
  return {
    type: isFolder ? "bind" : "volume",
    source: isFolder ? resolve(cwd, source) : source,
    target,
    readOnly: options.includes("ro"),
    options: options.filter((option) => option !== "ro"),
  };
}

/** `type=bind,source=…,target=…[,readonly]`. */
export function mountOption(text: string, { cwd }: ParseContext): Mount {
  const mount: Mount = { type: "volume", source: "", target: "", readOnly: false, options: [] };
  for (const part of text.split(",")) {
    const [name, value = ""] = cut(part, "=");
    switch (name) {
      case "type":
        if (value !== "bind" && value !== "volume" && value !== "tmpfs")
          throw bad(`--mount type=${value} is not supported`);
        mount.type = value;
        break;
      case "source":
      case "src":
        mount.source = value;
        break;
      case "target":
      case "dst":
      case "destination":
        mount.target = value;
        break;
      case "readonly":
      case "ro":
        mount.readOnly = value !== "false" && value !== "0";
        break;
      default:
        throw bad(`--mount: '${name}' is not supported (type, source, target, readonly are)`);
    }
  }
  if (!mount.target.startsWith("/")) throw bad(`--mount ${text}: the target is not an absolute path`);
  if (mount.type === "bind") mount.source = resolve(cwd, mount.source);
  return mount;
}

export function ulimit(text: string): { name: string; soft: number; hard: number } {
  const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (match === null) throw bad(`--ulimit ${text}: not NAME=SOFT[:HARD]`);
  return { name: match[1]!, soft: Number(match[2]), hard: Number(match[3] ?? match[2]) };
}

export function number(text: string, option: string): number {
  if (!/^-?\d+(\.\d+)?$/.test(text)) throw bad(`--${option} ${text}: not a number`);
  return Number(text);
}

const FACTORS: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

export function bytes(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)([bkmg])?b?$/i.exec(text);
  if (match === null) throw bad(`--${option} ${text}: not a size such as 512m`);
  return Math.round(Number(match[1]) * FACTORS[(match[2] ?? "b").toLowerCase()]!);
}
