import { join, resolve } from "node:path";
import { CinchError, NotSupportedError } from "../base/index.ts";
import { type Target, readWorkloadFile, resolveTarget } from "../image/index.ts";
import type { Profile } from "../profile/index.ts";
import { type EngineName, type Workload, engineFor, splitWords, workloadOf } from "../workload/index.ts";
import type { SharedFlags, StartFlags, WorkloadFlags } from "./options.ts";
import { evidencePath } from "./read.ts";
import type { Session } from "./session.ts";

/** What is run and how: a target with its workload and engine, from the command line and the project file. */
export interface Job {
  target: Target;
  /** The target and the command as they were given, to repeat them in a command of ours. */
  given: string;
  command: readonly string[] | undefined;
  /** Name of the profile. */
  name: string;
  workload: Workload;
  engine: EngineName | undefined;
  /** Of the command line; those of the project file are the target's own. */
  engineArgs: string[];
  /** It runs as a process of this machine, not in a container. */
  local: boolean;
}

type JobFlags = SharedFlags &
  StartFlags &
  Partial<WorkloadFlags> & { name?: string; only?: "recorded" | "reachable" };

/**
 * Finds the target and puts its workload together. Without a target and a command: that of cinch.yaml, or of
 * `profile`. The command line wins over the project file; its steps come after the file's.
 */
export async function openJob(
  session: Session,
  flags: JobFlags,
  given: string | undefined,
  profile?: Profile,
): Promise<Job> {
  const { cwd, command } = session.context;
  checkPlatform(flags.platform);
  const isProfiles = given === undefined && command === undefined && flags.config === undefined;
  const text = given ?? (isProfiles ? profile?.target : undefined);
  const options = { command, root: flags.root, cwd, config: flags.config };
  const target = await resolveTarget(text, options).catch((error: unknown) => {
    if (!isProfiles || profile === undefined || !(error instanceof CinchError)) throw error;
    throw new CinchError(error.code, `the target of the profile is not found here: ${error.message}`, {
      hint: `name it after the profile, or its command after --: -- ${profile.target}`,
    });
  });
  const { project } = target;
  const written =
    flags.workload === undefined ? project?.workload : readWorkloadFile(session.path(flags.workload));
  // A container that runs already is nobody's to start, and an image that is only analyzed is not started.
  const isStarted = target.kind !== "container" && !(target.kind === "stored" && flags.only === "reachable");
  const engine = isStarted ? engineFor(target, flags.engine) : undefined;
  return {
    target,
    given: text ?? (command === undefined ? "." : ""),
    command,
    name: flags.name ?? target.name,
    workload: workloadOf(written, flags, project),
    engine,
    engineArgs: flags.engineArgs === undefined ? [] : splitWords(flags.engineArgs),
    local: engine === "local",
  };
}

/** Nothing exercises the target and nothing ends it, unless it ends by itself. */
export function isEndless({ workload }: Job): boolean {
  return workload.steps.length === 0 && workload.duration === undefined;
}

export interface Places {
  profile: string;
  evidence: string;
  /** Format → file. */
  artifacts: Map<string, string>;
}

/** Where `cinch profile` writes: where cinch.yaml says, else into the current folder. */
export function placesOf({ target, name }: Job, cwd: string): Places {
  const profile = target.project?.profile ?? join(cwd, `${name}.profile.yaml`);
  return {
    profile: resolve(profile),
    evidence: evidencePath(profile),
    artifacts: new Map(Object.entries(target.project?.emit ?? {})),
  };
}

const PLATFORM_ARCH: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** Programs run here as what they are: another architecture's would run in an emulator, whose calls are others. */
function checkPlatform(platform: string | undefined): void {
  const here = `linux/${PLATFORM_ARCH[process.arch] ?? process.arch}`;
  if (platform === undefined || platform === here) return;
  throw new NotSupportedError("platform", `${platform} cannot be run here: this machine is ${here}`, {
    hint: `record it on a ${platform} machine; recordings can be merged anywhere`,
  });
}
