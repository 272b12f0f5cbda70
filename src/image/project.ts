import { dirname, join, resolve } from "node:path";
import type { z } from "zod";
import { CinchError, readBounded, yaml } from "../base/index.ts";
import { type ProjectFile, type ProjectWorkload, projectSchema, workloadSchema } from "./project-schema.ts";

export const PROJECT_FILE = "cinch.yaml";

/** People write it; a megabyte is far above what one would, and far below what hurts. */
const MAX_PROJECT_BYTES = 1024 * 1024;

/** A project file with its paths made absolute. */
export interface Project extends Omit<ProjectFile, "profile" | "emit" | "cwd" | "root"> {
  /** The file itself. */
  file: string;
  /** The folder it is in: what its paths are relative to. */
  folder: string;
  profile?: string;
  emit: Record<string, string>;
  cwd: string;
  root?: string;
}

/** Reads the project file of a folder, or the file itself. Throws `no-project`, or `bad-project` naming the lines. */
export function readProject(path: string): Project {
  const file = resolve(/\.(ya?ml|json)$/.test(path) ? path : join(path, PROJECT_FILE));
  const parsed = parseProject(readBounded(file, MAX_PROJECT_BYTES).toString("utf8"), path);
  const folder = dirname(file);
  const { profile, emit, cwd, root, ...rest } = parsed;
  return {
    ...rest,
    file,
    folder,
    ...(profile === undefined ? {} : { profile: resolve(folder, profile) }),
    ...(root === undefined ? {} : { root: resolve(folder, root) }),
    emit: Object.fromEntries(
      Object.entries(emit ?? {}).map(([format, target]) => [format, resolve(folder, target)]),
    ),
    cwd: resolve(folder, cwd ?? "."),
  };
}

/** `source`: how the text is called in errors. */
export function parseProject(text: string, source: string): ProjectFile {
  return parseYaml(text, source, projectSchema);
}

/** A file with a workload alone: what stands under `workload:` in cinch.yaml. */
export function readWorkloadFile(path: string): ProjectWorkload {
  return parseYaml(readBounded(path, MAX_PROJECT_BYTES).toString("utf8"), path, workloadSchema);
}

function parseYaml<T extends z.ZodType>(text: string, source: string, schema: T): z.output<T> {
  const { LineCounter, isNode, parseDocument } = yaml();
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, logLevel: "error" });
  const at = (offset: number | undefined): string => {
    if (offset === undefined) return source;
    const { line, col } = lines.linePos(offset);
    return `${source}:${line}:${col}`;
  };
  const problems = document.errors.map((error) => `${at(error.pos[0])}: ${firstLine(error.message)}`);
  if (problems.length === 0) {
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 100 }) ?? {};
    } catch (error) {
      throw new CinchError("bad-project", `${source}: ${firstLine(String(error))}`, { cause: error });
    }
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      const path = issue.path.map(String);
      const node = document.getIn(path, true);
      const offset = isNode(node) ? node.range?.[0] : undefined;
      problems.push(`${at(offset)}: ${pathText(issue.path)}${issue.message}`);
    }
  }
  throw new CinchError("bad-project", problems.join("\n"), {
    hint: "the members are in schemas/cinch.schema.json; cinch init writes a commented file",
  });
}

/** "workload.steps[2].http: ". */
function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "";
  return `${path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "")}: `;
}

function firstLine(text: string): string {
  return text.split("\n")[0]!.replace(/:$/, "");
}
