import { constants } from "node:os";
import type { Profile } from "../profile/index.ts";
import { CinchError, type Talk } from "../base/index.ts";
import type { Target } from "../image/index.ts";
import { type EngineName, type Running, prepareSubject } from "../workload/index.ts";
import { enforcementOf } from "./confinement.ts";
import { mountedFolders } from "./mounted.ts";

export interface RunProfileOptions {
  profile: Profile;
  target: Target;
  engine: EngineName | undefined;
  engineArgs: readonly string[];
  local: boolean;
  talk: Talk;
  /** Called once the program runs, with the means to pass signals on. */
  started?: (running: Running) => void;
}

/** Signals' numbers are the same on all architectures that are supported: signal(7). */
const SIGNAL_BASE = 128;

/**
 * Runs a target under a profile with the terminal's own streams, and returns the program's exit code: 128 and the
 * signal's number where a signal ended it, as shells have it.
 */
export async function runProfile(options: RunProfileOptions): Promise<number> {
  const { profile, target, engine, engineArgs, local, talk } = options;
  const { confinement, notes } = enforcementOf(profile, {
    local,
    supervised: false,
    mounted: mountedFolders(target, engineArgs),
  });
  for (const { text } of notes) talk.detail(text);
  await using subject = await prepareSubject(target, {
    engine,
    engineArgs,
    confinement,
    stdio: "inherit",
    talk,
  });
  const running = await subject.start().catch((error: unknown) => {
    if (!(error instanceof CinchError) || !error.message.includes("EACCES")) throw error;
    throw new CinchError(error.code, error.message, {
      hint: "the profile does not let it be executed: see filesystem.execute in it",
      cause: error,
    });
  });
  options.started?.(running);
  const { code, signal } = await running.wait();
  return code ?? SIGNAL_BASE + signalNumber(signal);
}

function signalNumber(name: string | null): number {
  const numbers: Readonly<Record<string, number>> = constants.signals;
  return name === null ? 0 : (numbers[name] ?? 0);
}
