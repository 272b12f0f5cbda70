import type { Target } from "../image/index.ts";
import { splitWords } from "../workload/index.ts";

/** How `docker run` is told to mount something: the options, and the member of --mount, that carry the place. */
const MOUNTS = /^(?:-v=?|--volume=?|--tmpfs=?|--mount=?)(.*)$/s;

/**
 * The folders of the container that engine options mount already (`-v data:/var/lib/x`, `--tmpfs=/run`, `--mount …`),
 * from the project file and the command line: the profile's volumes must not come twice.
 */
export function mountedFolders(target: Target, engineArgs: readonly string[]): string[] {
  const written = target.project?.engineArgs;
  const words = [...(typeof written === "string" ? splitWords(written) : (written ?? [])), ...engineArgs];
  return words.flatMap((word, i) => {
    const attached = MOUNTS.exec(word)?.[1];
    if (attached === undefined) return [];
    const place = placeOf(attached === "" ? (words[i + 1] ?? "") : attached);
    return place === undefined ? [] : [place];
  });
}

/** `SOURCE:TARGET:OPTIONS`, `TARGET`, `TARGET:OPTIONS` (tmpfs), or `type=…,target=TARGET`. */
function placeOf(value: string): string | undefined {
  const member = /(?:^|,)(?:target|dst|destination)=([^,]+)/.exec(value)?.[1];
  if (member !== undefined) return member;
  const [first = "", second = ""] = value.split(":");
  return [second, first].find((part) => part.startsWith("/"));
}
