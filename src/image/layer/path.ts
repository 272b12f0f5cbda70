import { CinchError } from "../../base/index.ts";

/** PATH_MAX and NAME_MAX (limits.h): longer ones cannot be made by any system call. */
const MAX_PATH = 4096;
const MAX_NAME = 255;

/**
 * The names on the way to an entry of a layer: "./usr/bin/id" and "/usr/bin/id" are the same, the root is an empty list.
 * Throws `path-escape` for one that climbs, `bad-layer` for one that no file can have.
 */
export function entryPath(name: string, where: string): string[] {
  if (name.length > MAX_PATH)
    throw new CinchError(
      "bad-layer",
      `${where}: a path of ${name.length} characters; ${MAX_PATH} are possible`,
    );
  if (name.includes("\0")) throw new CinchError("bad-layer", `${where}: a path with a NUL in it`);
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  for (const part of parts) {
    if (part === "..")
      throw new CinchError("path-escape", `${where}: the path ${JSON.stringify(name)} climbs with ..`, {
        hint: "no image builder writes that: do not use this image",
      });
    if (Buffer.byteLength(part) > MAX_NAME && !part.includes(String.raw`\x`))
      throw new CinchError("bad-layer", `${where}: a name of more than ${MAX_NAME} bytes`);
  }
  return parts;
}
