/**
 * The guardian (guardian.ts): a process that waits for cinch to end and then undoes what cinch could not. It reads a
 * line for each thing to undo, {id, undo}, and one for each that is done with, {id}. It imports nothing of ours, so
 * that it starts fast and stays small.
 */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { request } from "node:http";
import { createInterface } from "node:readline";
import type { Undo } from "./guardian.ts";

const waiting = new Map<number, Undo>();
/** Of an engine that does not answer. */
const PATIENCE_MS = 30_000;

for await (const line of createInterface({ input: process.stdin })) {
  const { id, undo } = JSON.parse(line) as { id: number; undo?: Undo };
  if (undo === undefined) waiting.delete(id);
  else waiting.set(id, undo);
}
for (const undo of [...waiting.values()].reverse()) {
  try {
    await perform(undo);
  } catch {
    // Nobody is left to tell; the others are still to be done.
  }
}

async function perform(undo: Undo): Promise<void> {
  switch (undo.kind) {
    case "delete":
      await remove(undo.socket, undo.path);
      break;
    case "run":
      spawnSync(undo.argv[0]!, undo.argv.slice(1), { stdio: "ignore", timeout: PATIENCE_MS });
      break;
    case "remove":
      rmSync(undo.folder, { recursive: true, force: true });
      break;
    case "kill":
      process.kill(undo.pid, "SIGKILL");
      break;
  }
}

function remove(socketPath: string, path: string): Promise<void> {
  return new Promise((resolve) => {
    const call = request(
      { socketPath, path, method: "DELETE", agent: false, timeout: PATIENCE_MS },
      (answer) => {
        answer.resume().once("close", resolve);
      },
    );
    call.once("timeout", () => call.destroy());
    call.once("error", () => resolve());
    call.end();
  });
}
