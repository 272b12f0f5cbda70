import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { CinchError, NotSupportedError } from "../base/index.ts";
import { openEngine } from "./engine/open.ts";
import { PROJECT_FILE } from "./project.ts";

/** Where a name without a scheme may be. */
export type BarePlace = "folder" | "docker" | "podman";

interface Tried {
  place: BarePlace;
  where: string;
  outcome: string;
  isThere: boolean;
}

/**
 * Looks for a bare name in all places: a name that two places have is the user's to tell apart. Throws `no-target`, with
 * `forms` as the hint, and `ambiguous-target`; both list what was tried.
 */
export async function findBareName(text: string, cwd: string, forms: string): Promise<BarePlace> {
  const tried = [tryFolder(text, cwd), await tryDocker(text), await tryPodman(text)];
  const found = tried.filter(({ isThere }) => isThere);
  if (found.length === 1) return found[0]!.place;
  const list = tried.map(({ where, outcome }) => `${where}: ${outcome}`).join("; ");
  if (found.length === 0)
    throw new CinchError("no-target", `'${text}' was not found (${list})`, { hint: forms });
  throw new CinchError("ambiguous-target", `'${text}' is in several places (${list})`, {
    hint: `say which: ./${text}, docker:${text} or podman:${text}`,
  });
}

function telling(place: BarePlace, where: string = place): (outcome: string, isThere?: boolean) => Tried {
  return (outcome, isThere = false) => ({ place, where, outcome, isThere });
}

function tryFolder(text: string, cwd: string): Tried {
  const tried = telling("folder", `folder ${text}`);
  const path = resolve(cwd, text);
  if (!existsSync(path)) return tried("there is none");
  if (!statSync(path).isDirectory()) return tried(`it is a file (file:${text})`);
  if (!existsSync(join(path, PROJECT_FILE))) return tried(`it holds no ${PROJECT_FILE}`);
  return tried(`it holds ${PROJECT_FILE}`, true);
}

async function tryDocker(text: string): Promise<Tried> {
  const tried = telling("docker");
  try {
    await using engine = await openEngine("docker");
    const image = await engine.client.findImage(text);
    return image === undefined ? tried("it has no such image") : tried("it has the image", true);
  } catch (error) {
    if (!(error instanceof CinchError)) throw error;
    return tried(error instanceof NotSupportedError ? "not running here" : error.message);
  }
}

/** By its command: to ask its service, one would have to be started first. */
async function tryPodman(text: string): Promise<Tried> {
  const tried = telling("podman");
  try {
    await promisify(execFile)("podman", ["image", "exists", "--", text], { timeout: 20_000 });
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === "ENOENT") return tried("not installed");
    return tried(code === 1 ? "it has no such image" : "it could not be asked");
  }
  return tried("it has the image", true);
}
