import type { FlagParametersForType } from "@stricli/core";
import { CinchError, parseDuration } from "../base/index.ts";
import type { CinchContext } from "./context.ts";
import { type Output, parseOutput } from "./output.ts";
import type { ColorChoice } from "./paint.ts";

/** What every command takes. */
export interface SharedFlags {
  output?: readonly Output[];
  quiet?: boolean;
  verbose?: boolean;
  color?: ColorChoice;
  noInput?: boolean;
  config?: string;
  /** Milliseconds. */
  timeout?: number;
  platform?: string;
}

export const ENGINES = ["docker", "podman", "runc", "crun", "local"] as const;
export type EngineName = (typeof ENGINES)[number];

/** How a target is started and exercised: what `record`, `profile`, `verify` and `run` share. */
export interface StartFlags {
  engine?: EngineName;
  engineArgs?: string;
  root?: string;
}

export interface WorkloadFlags {
  workload?: string;
  exercise?: readonly string[];
  exec?: readonly string[];
  ready?: string;
  /** Milliseconds. */
  duration?: number;
  stop?: string;
}

type Flags<T> = FlagParametersForType<T, CinchContext>;

const text = (value: string): string => value;

const switched = (brief: string) => ({ kind: "boolean", optional: true, withNegated: false, brief }) as const;

const valued = (placeholder: string, brief: string) =>
  ({ kind: "parsed", parse: text, optional: true, placeholder, brief }) as const;

export function sharedFlags(formats: readonly string[]): Flags<SharedFlags> {
  return {
    output: {
      kind: "parsed",
      parse: parseOutput,
      proposeCompletions: (partial) => formats.filter((format) => format.startsWith(partial)),
      optional: true,
      variadic: true,
      placeholder: "FORMAT[=FILE]",
      brief:
        formats.length === 0
          ? "Not used here"
          : `Write a document to FILE, or to standard output: ${formats.join(", ")} (repeatable)`,
    },
    quiet: switched("Say nothing but warnings and errors"),
    verbose: switched("Say more"),
    color: {
      kind: "enum",
      values: ["auto", "always", "never"],
      optional: true,
      brief: "Colour (auto: on a terminal; NO_COLOR and FORCE_COLOR count)",
    },
    noInput: switched("Never ask"),
    config: valued(
      "FILE",
      "Project file (default: cinch.yaml of the target folder, else of the current one)",
    ),
    timeout: {
      kind: "parsed",
      parse: parseDuration,
      optional: true,
      placeholder: "DURATION",
      brief: "Give up after this long: 90s, 5m",
    },
    platform: valued("OS/ARCH", "Platform of the image: linux/amd64, linux/arm64"),
  };
}

export const sharedAliases = { o: "output", q: "quiet" } as const;

export const startFlags: Flags<StartFlags> = {
  engine: {
    kind: "enum",
    values: ENGINES,
    optional: true,
    brief: "What starts the target (default: what the target says)",
  },
  engineArgs: valued("'ARGS'", "Options for the engine, as one shell-quoted string: '--network host -e A=1'"),
  root: valued("DIR", "Root folder in which the libraries of a file: target are looked up"),
};

export const workloadFlags: Flags<WorkloadFlags> = {
  workload: valued("FILE", "YAML file with the workload, as under `workload:` in cinch.yaml"),
  exercise: {
    ...valued("'COMMAND'", "Run on the host once the target is ready; its exit code counts (repeatable)"),
    variadic: true,
  },
  exec: { ...valued("'COMMAND'", "Run inside the target once it is ready (repeatable)"), variadic: true },
  ready: valued("WHEN", "tcp:PORT, http:URL, log:REGEX or exec:COMMAND"),
  duration: {
    kind: "parsed",
    parse: parseDuration,
    optional: true,
    placeholder: "DURATION",
    brief: "How long the target runs: 30s",
  },
  stop: valued("SIGNAL", "Signal that stops the target (default SIGTERM)"),
};

export function parseRuns(value: string): number {
  const runs = Number(value);
  if (!/^\d+$/.test(value) || runs < 1 || runs > MAX_RUNS) {
    throw new CinchError("bad-runs", `'${value}' is not a number of runs from 1 to ${MAX_RUNS}`);
  }
  return runs;
}

/** A typing error should not start a machine's worth of containers. */
const MAX_RUNS = 1000;

export const runsFlag = {
  kind: "parsed",
  parse: parseRuns,
  optional: true,
  placeholder: "N",
  brief: "Enforced runs (default 3)",
} as const;

export const DEFAULT_RUNS = 3;
