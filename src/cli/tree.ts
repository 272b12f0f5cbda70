import {
  type Application,
  buildApplication,
  buildCommand,
  buildRouteMap,
  text_en,
  version as versionFlag,
} from "@stricli/core";
import { formatFailure, exitCodeOf } from "./failure.ts";
import type { CinchContext } from "./context.ts";
import { FORMATS } from "./formats.ts";
import { helpIntegration } from "./help.ts";
import {
  type SharedFlags,
  type StartFlags,
  type WorkloadFlags,
  runsFlag,
  sharedAliases,
  sharedFlags,
  startFlags,
  workloadFlags,
} from "./options.ts";
import { usageText } from "./usage.ts";

/**
 * The tree of commands: names, options and help. Each command's code is loaded when it is called, so that help and
 * completion answer in the time that Node takes to start.
 */

const text = (value: string): string => value;
const one = (placeholder: string, brief: string) => ({ parse: text, placeholder, brief }) as const;
const maybe = (placeholder: string, brief: string) =>
  ({ ...one(placeholder, brief), optional: true }) as const;

const TARGET_BRIEF =
  "docker:NAME, podman:NAME, container:ID, registry:REF, oci-dir:DIR, oci-archive:FILE, docker-archive:FILE, rootfs:DIR, file:PATH, a folder with cinch.yaml";

export type DoctorFlags = SharedFlags;
const doctor = buildCommand<DoctorFlags, [], CinchContext>({
  loader: () => import("./commands/doctor.ts"),
  parameters: { flags: sharedFlags(FORMATS.json), aliases: sharedAliases },
  docs: {
    brief: "What this machine can do, and what each missing thing needs",
    fullDescription:
      "Looks at the kernel, the privileges and the engines, and says for each feature: yes, no (and what it needs), or could not tell. Changes nothing. Exits with 0 if targets can be recorded and verified here in some way, else with 3.",
  },
});

export type InitFlags = SharedFlags;
const init = buildCommand<InitFlags, [string | undefined], CinchContext>({
  loader: () => import("./commands/init.ts"),
  parameters: {
    flags: sharedFlags(FORMATS.none),
    aliases: sharedAliases,
    positional: { kind: "tuple", parameters: [maybe("TARGET", TARGET_BRIEF)] },
  },
  docs: {
    brief: "Write a commented cinch.yaml",
    fullDescription:
      "Writes cinch.yaml (or the file of --config) for the target, with every member explained. A file that is there is left alone.",
  },
});

const many = (placeholder: string, brief: string) =>
  ({ kind: "parsed", parse: text, placeholder, brief, optional: true, variadic: true }) as const;
/** How code is analyzed. */
const analyzeFlags = {
  mode: {
    kind: "enum",
    values: ["strict", "tight"],
    optional: true,
    brief:
      "Analysis: by section and without assumptions (strict, the default), or by object and with them (tight)",
  },
  assume: many("NAME", "Analysis: make this assumption (repeatable)"),
  noAssume: many("NAME", "Analysis: do not make this assumption (repeatable)"),
  plugin: many("PATH", "Analysis: a module in the target that its programs may load (repeatable)"),
} as const;

export type ProfileFlags = SharedFlags &
  StartFlags &
  WorkloadFlags & {
    runs?: number;
    name?: string;
    only?: "recorded" | "reachable";
    mode?: "strict" | "tight";
    assume?: string[];
    noAssume?: string[];
    plugin?: string[];
    method?: "ebpf" | "notify";
    noVerify?: boolean;
  };
const profile = buildCommand<ProfileFlags, [string | undefined], CinchContext>({
  loader: () => import("./commands/profile.ts"),
  parameters: {
    flags: {
      ...sharedFlags(FORMATS.profile),
      ...startFlags,
      ...workloadFlags,
      runs: runsFlag,
      name: {
        kind: "parsed",
        parse: text,
        optional: true,
        placeholder: "NAME",
        brief: "Name of the profile",
      },
      only: {
        kind: "enum",
        values: ["recorded", "reachable"],
        optional: true,
        brief: "Which evidence becomes a grant (default: both)",
      },
      mode: analyzeFlags.mode,
      assume: analyzeFlags.assume,
      noAssume: analyzeFlags.noAssume,
      plugin: analyzeFlags.plugin,
      method: { kind: "enum", values: ["ebpf", "notify"], optional: true, brief: "How to record" },
      noVerify: { kind: "boolean", optional: true, withNegated: false, brief: "Leave the enforced runs out" },
    },
    aliases: sharedAliases,
    positional: { kind: "tuple", parameters: [maybe("TARGET", TARGET_BRIEF)] },
  },
  docs: {
    brief: "Record, analyze, derive, compile and verify: the main job",
    fullDescription: [
      "Runs the target with its workload and records what it uses, finds in its code what it could use besides, derives the profile from both, compiles it, runs the target again under it --runs times, and ends with a verdict. Exits with 0 if the profile held, 1 if something was denied, 2 if the runs prove nothing.",
      "",
      "Writes NAME.profile.yaml and NAME.evidence.json into the current folder, or where cinch.yaml says. A profile that is there is replaced, and what changed is said; grants in it that people made (declared in the evidence, or written into the file by hand) are kept.",
      "",
      "A server with neither --exercise, --exec nor --duration is recorded until Ctrl-C: use it by hand meanwhile.",
    ].join("\n"),
  },
});

export type RecordFlags = SharedFlags &
  StartFlags &
  WorkloadFlags & { method?: "ebpf" | "notify"; strace?: string };
const record = buildCommand<RecordFlags, [string | undefined], CinchContext>({
  loader: () => import("./commands/record.ts"),
  parameters: {
    flags: {
      ...sharedFlags(FORMATS.record),
      ...startFlags,
      ...workloadFlags,
      method: {
        kind: "enum",
        values: ["ebpf", "notify"],
        optional: true,
        brief: "How to record (default: eBPF where it can be had)",
      },
      strace: {
        kind: "parsed",
        parse: text,
        optional: true,
        placeholder: "FILE",
        brief: "Run nothing: read a log of `strace -f` instead",
      },
    },
    aliases: sharedAliases,
    positional: { kind: "tuple", parameters: [maybe("TARGET", TARGET_BRIEF)] },
  },
  docs: {
    brief: "Run the workload and record what it uses",
    fullDescription:
      "A command runs until it ends. A server with neither --exercise, --exec nor --duration is recorded until Ctrl-C. A running container (container:ID) is observed as it is, for --duration or until Ctrl-C. Prints a summary; -o json gives the recording.",
  },
});

export type AnalyzeFlags = SharedFlags & {
  root?: string;
  mode?: "strict" | "tight";
  assume?: string[];
  noAssume?: string[];
  plugin?: string[];
  all?: boolean;
};
const analyze = buildCommand<AnalyzeFlags, [string | undefined], CinchContext>({
  loader: () => import("./commands/analyze.ts"),
  parameters: {
    flags: {
      ...sharedFlags(FORMATS.analyze),
      root: startFlags.root,
      ...analyzeFlags,
      all: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Every executable on the target's PATH, not only those that its entrypoint leads to",
      },
    },
    aliases: sharedAliases,
    positional: { kind: "tuple", parameters: [maybe("TARGET", TARGET_BRIEF)] },
  },
  docs: {
    brief: "Find every system call that a target's code could make",
    fullDescription:
      "Runs nothing. Follows the machine code of the programs that the entrypoint leads to, of their libraries and of what they load by name, and lists each call with the shortest path of functions to it; what could not be seen through is listed too. Prints a summary; --verbose shows the paths, -o json gives the analysis.",
  },
});

export type DeriveFlags = SharedFlags & { name?: string; target?: string; only?: "recorded" | "reachable" };
const derive = buildCommand<DeriveFlags, string[], CinchContext>({
  loader: () => import("./commands/derive.ts"),
  parameters: {
    flags: {
      ...sharedFlags(FORMATS.derive),
      name: {
        kind: "parsed",
        parse: text,
        optional: true,
        placeholder: "NAME",
        brief: "Name of the profile",
      },
      target: {
        kind: "parsed",
        parse: text,
        optional: true,
        placeholder: "TARGET",
        brief: "Target of the profile (default: that of the recordings)",
      },
      only: {
        kind: "enum",
        values: ["recorded", "reachable"],
        optional: true,
        brief: "Which evidence becomes a grant (default: both)",
      },
    },
    aliases: sharedAliases,
    positional: { kind: "array", minimum: 1, parameter: one("FILE", "A recording or an analysis") },
  },
  docs: {
    brief: "Make a profile and its evidence from recordings and analyses",
    fullDescription: "The profile goes to standard output; -o evidence=FILE writes its evidence.",
  },
});

export type MergeFlags = SharedFlags;
const merge = buildCommand<MergeFlags, string[], CinchContext>({
  loader: () => import("./commands/merge.ts"),
  parameters: {
    flags: sharedFlags(FORMATS.merge),
    aliases: sharedAliases,
    positional: {
      kind: "array",
      minimum: 1,
      parameter: one("FILE", "A recording, an analysis, a profile or its evidence"),
    },
  },
  docs: {
    brief: "The union of recordings, of analyses, of profiles, or of evidence",
    fullDescription:
      "All files are of one kind, and so is the result. The order of the files does not matter, nor does naming one twice.",
  },
});

export type DiffFlags = SharedFlags;
const diff = buildCommand<DiffFlags, [string, string], CinchContext>({
  loader: () => import("./commands/diff.ts"),
  parameters: {
    flags: sharedFlags(FORMATS.json),
    aliases: sharedAliases,
    positional: { kind: "tuple", parameters: [one("A", "A profile"), one("B", "Another profile")] },
  },
  docs: {
    brief: "What one profile allows and the other does not",
    fullDescription: "Exits with 1 if the profiles differ.",
  },
});

export type ExplainFlags = SharedFlags & { evidence?: string };
const explain = buildCommand<ExplainFlags, [string, string | undefined], CinchContext>({
  loader: () => import("./commands/explain.ts"),
  parameters: {
    flags: {
      ...sharedFlags(FORMATS.json),
      evidence: {
        kind: "parsed",
        parse: text,
        optional: true,
        placeholder: "FILE",
        brief: "Evidence of the profile (default: NAME.evidence.json beside it)",
      },
    },
    aliases: sharedAliases,
    positional: {
      kind: "tuple",
      parameters: [
        one("PROFILE", "A profile"),
        maybe("GRANT", "One grant: capability:CAP_CHOWN, or CAP_CHOWN, openat"),
      ],
    },
  },
  docs: {
    brief: "Why each grant is there and what it exposes",
  },
});

export type EmitFlags = SharedFlags & { engine?: "docker" | "podman" | "runc" | "crun" | "local" };
const emit = buildCommand<EmitFlags, [string], CinchContext>({
  loader: () => import("./commands/emit.ts"),
  parameters: {
    flags: { ...sharedFlags(FORMATS.emit), engine: startFlags.engine },
    aliases: sharedAliases,
    positional: { kind: "tuple", parameters: [one("PROFILE", "A profile")] },
  },
  docs: {
    brief: "Compile a profile for its enforcers",
    fullDescription:
      "The same profile gives the same bytes, on any machine. What a format cannot hold is said on standard error.",
  },
});

export type VerifyFlags = SharedFlags & StartFlags & WorkloadFlags & { runs?: number };
const verify = buildCommand<VerifyFlags, [string, string | undefined], CinchContext>({
  loader: () => import("./commands/verify.ts"),
  parameters: {
    flags: { ...sharedFlags(FORMATS.verify), ...startFlags, ...workloadFlags, runs: runsFlag },
    aliases: sharedAliases,
    positional: { kind: "tuple", parameters: [one("PROFILE", "A profile"), maybe("TARGET", TARGET_BRIEF)] },
  },
  docs: {
    brief: "Prove that the workload passes under a profile",
    fullDescription:
      "Runs the target once unconfined, which shows everything that would be denied, then --runs times under the profile. Exits with 0 if it held, 1 if something was denied, 2 if the runs prove nothing. Without a target: that of the profile.",
  },
});

export type RunFlags = SharedFlags & StartFlags;
const run = buildCommand<RunFlags, [string, string | undefined], CinchContext>({
  loader: () => import("./commands/run.ts"),
  parameters: {
    flags: { ...sharedFlags(FORMATS.none), ...startFlags },
    aliases: sharedAliases,
    positional: { kind: "tuple", parameters: [one("PROFILE", "A profile"), maybe("TARGET", TARGET_BRIEF)] },
  },
  docs: {
    brief: "Run a target under a profile",
    fullDescription: "Ends with the program's exit code; 125 if cinch itself failed.",
  },
});

export type CompletionFlags = SharedFlags;
export const SHELLS = ["bash", "zsh", "fish"] as const;
const completion = buildCommand<CompletionFlags, [string], CinchContext>({
  loader: () => import("./commands/completion.ts"),
  parameters: {
    flags: sharedFlags(FORMATS.none),
    aliases: sharedAliases,
    positional: {
      kind: "tuple",
      parameters: [
        {
          ...one("SHELL", "bash, zsh or fish"),
          proposeCompletions: (partial: string) => SHELLS.filter((shell) => shell.startsWith(partial)),
        },
      ],
    },
  },
  docs: {
    brief: "Print the completion script of a shell",
    fullDescription: "For bash: `cinch completion bash > ~/.local/share/bash-completion/completions/cinch`.",
  },
});

/** How each command is written, after its name. */
export const USAGES: Readonly<Record<string, readonly string[]>> = {
  doctor: [""],
  init: ["[TARGET]", "-- COMMAND…"],
  profile: ["TARGET [-- COMMAND…]", "-- COMMAND…"],
  record: ["TARGET [-- COMMAND…]", "-- COMMAND…", "--strace FILE"],
  analyze: ["TARGET [-- COMMAND…]", "file:PATH [--root DIR]", "-- COMMAND…"],
  derive: ["FILE…"],
  merge: ["FILE…"],
  diff: ["A B"],
  explain: ["PROFILE [GRANT]"],
  emit: ["PROFILE -o FORMAT[=FILE]…", "PROFILE -o seccomp=seccomp.json -o docker=docker.args"],
  verify: ["PROFILE [TARGET] [-- COMMAND…]"],
  run: ["PROFILE TARGET [-- COMMAND…]", "PROFILE -- COMMAND…"],
  completion: ["bash|zsh|fish"],
};

/** The application; `version` is what `--version` prints. */
export function buildTree(version: string): Application<CinchContext> {
  return buildApplication(
    buildRouteMap<string, CinchContext>({
      routes: {
        doctor,
        init,
        profile,
        record,
        analyze,
        derive,
        merge,
        diff,
        explain,
        emit,
        verify,
        run,
        completion,
      },
      docs: {
        brief: "Fit a container to its application: record what it uses, compile the profile, prove it",
        fullDescription: [
          "Fit a container to its application: record what it uses, compile the profile, prove it.",
          "",
          "  cinch profile docker:redis --ready tcp:6379 --exercise 'redis-cli ping'",
          "  cinch profile -- ./server --port 8080",
          "",
          "Help on a command: cinch COMMAND --help",
        ].join("\n"),
      },
    }),
    {
      name: "cinch",
      determineExitCode: exitCodeOf,
      scanner: { caseStyle: "allow-kebab-for-camel", allowArgumentEscapeSequence: false },
      documentation: { caseStyle: "convert-camel-to-kebab", disableAnsiColor: true },
      completion: { includeAliases: false, includeHiddenRoutes: false },
      localization: {
        text: {
          ...text_en,
          ...usageText,
          exceptionWhileRunningCommand: formatFailure,
          exceptionWhileLoadingCommandFunction: formatFailure,
          commandErrorResult: formatFailure,
        },
      },
    },
    {
      help: helpIntegration(USAGES),
      version: versionFlag({ info: { currentVersion: version }, brief: "The version", alias: "v" }),
    },
  );
}
