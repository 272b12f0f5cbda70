import type { OciSeccomp } from "../../linux/index.ts";
import type { RecordedFile, SocketOp } from "../../profile/index.ts";

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
  /** Values of the arguments that matter (calls.ts), a row each. */
  rows: bigint[][];
}

export interface SeenFile {
  path: string;
  access: RecordedFile["access"];
  errno?: string;
  type?: RecordedFile["type"];
}

export interface SeenSocket {
  op: SocketOp;
  family: number;
  /** 0 where it could not be told. */
  type: number;
  address: string;
}

export interface SeenRefusal {
  abi: number;
  nr: number;
  errno: string;
  args: bigint[];
  executable: string;
}

/** What the worker gives back when all processes are gone or it is told to finish. */
export interface WorkerResult {
  calls: SeenCall[];
  files: SeenFile[];
  sockets: SeenSocket[];
  executables: string[];
  refusals: SeenRefusal[];
  /** Strings that could not be read. */
  lostStrings: number;
  error?: string;
}
