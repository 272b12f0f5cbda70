import { accessSync, constants, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { CinchError } from "../../base/index.ts";

/** Of execvp(3), where there is no PATH. */
const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";

/**
 * The file that a command's first word stands for, as execvp(3) finds it: a name without a slash is looked for in PATH,
 * another is a path, relative to the program's own folder. Throws `no-program`.
 */
export function findProgram(name: string, path: string | undefined, cwd: string): string {
  const isPath = name.includes("/");
  const folders = (path ?? DEFAULT_PATH).split(delimiter);
  const places = isPath ? [resolve(cwd, name)] : folders.map((folder) => resolve(cwd, folder || ".", name));
  let found: string | undefined;
  for (const place of name === "" ? [] : places) {
    if (!isFile(place)) continue;
    found ??= place;
    try {
      accessSync(place, constants.X_OK);
      return place;
    } catch {
      // The next one.
    }
  }
  if (found !== undefined) {
    throw new CinchError("no-program", `${found} is not executable`, { hint: `chmod +x ${found}` });
  }
  throw new CinchError("no-program", `there is no program '${name}'`, {
    hint: isPath ? `looked for ${places[0]}` : `looked in PATH: ${folders.join(delimiter)}`,
  });
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
