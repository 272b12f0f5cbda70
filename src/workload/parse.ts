import { CinchError, parseDuration } from "../base/index.ts";
import type { Project, ProjectStep, ProjectWorkload } from "../image/index.ts";
import type { HttpCall, Ready, Step, Workload } from "./model.ts";

/** `tcp:PORT`, `http:URL` (or the URL itself), `log:REGEX`, `exec:COMMAND`. Throws `bad-ready`. */
export function parseReady(text: string): Ready {
  const [, kind, rest = ""] = /^(tcp|http|https|log|exec):(.*)$/s.exec(text.trim()) ?? [];
  const wrong = (what: string): CinchError =>
    new CinchError("bad-ready", `'${text}': ${what}`, {
      hint: "tcp:PORT, http:URL, log:REGEX or exec:COMMAND",
    });
  switch (kind) {
    case "tcp": {
      const port = Number(rest);
      if (!/^\d{1,5}$/.test(rest) || port < 1 || port > 65_535) throw wrong(`'${rest}' is not a port`);
      return { kind, port };
    }
    case "http":
    case "https": {
      // "http:http://…" as the contract has it, and the URL by itself as cinch.yaml has it.
      const url = rest.startsWith("//") ? text.trim() : rest;
      if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw wrong(`'${url}' is not a URL`);
      return { kind: "http", url };
    }
    case "log":
      if (rest === "") throw wrong("the pattern is empty");
      try {
        return { kind, pattern: new RegExp(rest) };
      } catch (error) {
        throw wrong((error as Error).message);
      }
    case "exec":
      if (rest.trim() === "") throw wrong("the command is empty");
      return { kind, argv: shell(rest) };
    default:
      throw wrong("this is no way to tell that a target is ready");
  }
}

/** A shell command as the words of a process. */
export function shell(command: string): string[] {
  return ["/bin/sh", "-c", command];
}

export interface WorkloadFlags {
  ready?: string;
  /** Commands on the host. */
  exercise?: readonly string[];
  /** Commands inside the target. */
  exec?: readonly string[];
  duration?: number;
  stop?: string;
}

/**
 * The workload of a project file (or of a workload file), with what the command line adds: its steps come after the
 * file's, its other members replace the file's. Throws `bad-ready`, `bad-duration`, `bad-signal`.
 */
export function workloadOf(
  written: ProjectWorkload | undefined,
  flags: WorkloadFlags = {},
  project?: Pick<Project, "folder">,
): Workload {
  const ready = flags.ready ?? written?.ready;
  const stop = flags.stop ?? written?.stop;
  const duration = flags.duration ?? optionalDuration(written?.duration);
  const timeout = optionalDuration(written?.timeout);
  return {
    ...(ready === undefined ? {} : { ready: parseReady(ready) }),
    ...(timeout === undefined ? {} : { timeout }),
    steps: [
      ...(written?.steps ?? []).map(parseStep),
      ...(flags.exercise ?? []).map((command): Step => ({ kind: "run", name: command, command })),
      ...(flags.exec ?? []).map((command): Step => ({
        kind: "exec",
        name: `exec ${command}`,
        argv: shell(command),
      })),
    ],
    ...(stop === undefined ? {} : { stop: parseSignal(stop) }),
    ...(duration === undefined ? {} : { duration }),
    ...(written?.exit === undefined ? {} : { exit: written.exit }),
    ...(project === undefined ? {} : { cwd: project.folder }),
  };
}

/** "TERM", "SIGTERM": a signal's name as engines and kernels write it. */
export function parseSignal(text: string): string {
  if (!/^(SIG)?[A-Z][A-Z0-9+-]*$/.test(text)) {
    throw new CinchError("bad-signal", `'${text}' is not a signal's name`, {
      hint: "SIGTERM, SIGINT, SIGQUIT …",
    });
  }
  return text.startsWith("SIG") ? text : `SIG${text}`;
}

function optionalDuration(value: string | number | undefined): number | undefined {
  return value === undefined ? undefined : parseDuration(String(value));
}

function parseStep(step: ProjectStep): Step {
  const timeout = optionalDuration(step.timeout);
  const common = timeout === undefined ? {} : { timeout };
  if (step.http !== undefined) {
    const call = parseCall(step.http);
    return { kind: "http", name: step.name ?? `${call.method} ${call.url}`, call, ...common };
  }
  if (step.run !== undefined)
    return { kind: "run", name: step.name ?? step.run, command: step.run, ...common };
  if (step.exec !== undefined) {
    const argv = typeof step.exec === "string" ? shell(step.exec) : step.exec;
    const text = typeof step.exec === "string" ? step.exec : step.exec.join(" ");
    return { kind: "exec", name: step.name ?? `exec ${text}`, argv, ...common };
  }
  const ms = optionalDuration(step.sleep)!;
  return { kind: "sleep", name: step.name ?? `sleep ${step.sleep}`, ms, ...common };
}

function parseCall(http: NonNullable<ProjectStep["http"]>): HttpCall {
  const { body, headers, expect, contains, ...methods } = http;
  // The schema sees to it that there is one.
  const [method, url] = Object.entries(methods)[0]!;
  return {
    method: method.toUpperCase(),
    url,
    ...(body === undefined ? {} : { body }),
    ...(headers === undefined ? {} : { headers }),
    ...(expect === undefined ? {} : { expect: Array.isArray(expect) ? expect : [expect] }),
    ...(contains === undefined ? {} : { contains }),
  };
}
