import type { OciSeccomp } from "../../linux/index.ts";
import type { RecordedFile, RecordedSocket } from "../../profile/index.ts";

/** What the supervising worker is told at its start. */
export interface WorkerTask {
  listener: number;
  arch: "x86_64" | "aarch64";
  /**
   * "record": every call is made, and noted. "watch": the calls that come are those a filter would refuse; they are
   * noted, and refused as the policy says.
   */
  mode: { kind: "record" } | { kind: "watch"; policy: OciSeccomp };
  /** One word, set to 1 by the main thread: finish with what there is. */
  stop: SharedArrayBuffer;
}

export interface SeenCall {
  /** Index into ABIS. */
  abi: number;
  nr: number;
  count: number;
  /** Values of the arguments that matter (calls.ts), a row each. */
  rows: bigint[][];
}

export interface SeenFile {
  path: string;
  access: RecordedFile["access"];
  errno?: string;
  type?: RecordedFile["type"];
}

export interface SeenRefusal {
  abi: number;
  nr: number;
  /** The error's name, or "SIGSYS" where the filter would have ended the process. */
  errno: string;
  args: bigint[];
  executable: string;
}

/** What the worker gives back when all processes are gone or it is told to finish. */
export interface WorkerResult {
  calls: SeenCall[];
  files: SeenFile[];
  sockets: RecordedSocket[];
  executables: string[];
  /** Programs that would have gained privilege, and by what. */
  privileged: [path: string, by: string][];
  refusals: SeenRefusal[];
  /** Strings that could not be read. */
  lostStrings: number;
  /** Refusals that are not among `refusals`, which are too many. */
  lostRefusals: number;
  /** Why the worker gave up: calls that come after are not answered. */
  error?: string;
}
