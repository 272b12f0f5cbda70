import { existsSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { CinchError } from "../base/index.ts";
import { findBareName } from "./bare-name.ts";
import type { StoredForm } from "./open.ts";
import { PROJECT_FILE, type Project, readProject } from "./project.ts";

interface Common {
  /** As documents name it. */
  text: string;
  /** A short name: "redis" of docker:registry/redis:7. */
  name: string;
  /** Where cinch.yaml says more: workload, paths, engine. */
  project?: Project;
  /** Set beyond what the image or this process has. */
  env: Record<string, string>;
  /** User, or user:group, in the target's terms. */
  user?: string;
}

/** What is being fitted. */
export type Target = Common &
  (
    | { kind: "image"; engine: "docker" | "podman"; image: string; command?: string[] }
    | { kind: "stored"; form: StoredForm; path: string; tag?: string; command?: string[] }
    | { kind: "container"; id: string }
    | { kind: "rootfs"; path: string; command?: string[]; cwd?: string }
    | { kind: "file"; path: string; root: string; args: string[] }
    | { kind: "command"; argv: string[]; cwd: string }
  );

export interface ResolveOptions {
  /** What stands after `--`. */
  command?: readonly string[];
  /** For file: where its libraries are. */
  root?: string;
  cwd: string;
  /** Project file to read instead of the folder's own. */
  config?: string;
}

const FORMS =
  "docker:NAME, podman:NAME, container:ID, registry:REF, oci-dir:DIR, oci-archive:FILE, docker-archive:FILE, rootfs:DIR, file:PATH, a folder with cinch.yaml, or -- COMMAND";

/**
 * What a user means by a target's text (contract: "Targets"). Undefined: the command alone, or the cinch.yaml of the
 * current folder. Images are looked up only for a bare name; throws `no-target` and `ambiguous-target`, which list what
 * was tried.
 */
export async function resolveTarget(text: string | undefined, options: ResolveOptions): Promise<Target> {
  const { command, cwd } = options;
  if (text === undefined || text === "") {
    if (options.config !== undefined)
      return projectTarget(resolve(cwd, options.config), options.config, options);
    if (command !== undefined && command.length > 0) return commandTarget(command, cwd);
    if (existsSync(join(cwd, PROJECT_FILE))) return projectTarget(cwd, ".", options);
    throw new CinchError("no-target", "no target is given, and there is no cinch.yaml here", { hint: FORMS });
  }
  const [, scheme, rest = ""] = /^([a-z][a-z-]*):(.*)$/s.exec(text) ?? [];
  switch (scheme) {
    case "docker":
    case "podman":
      return imageTarget(scheme, need(rest, text), text, command);
    case "container":
      if (command?.length)
        throw new CinchError("bad-target", `${text} runs already: a command cannot be given`);
      return { kind: "container", id: need(rest, text), text, name: fileName(rest), env: {} };
    case "rootfs": {
      const path = folder(resolve(cwd, need(rest, text)), text);
      return {
        kind: "rootfs",
        path,
        text,
        name: fileName(basename(path)),
        env: {},
        ...(command?.length ? { command: [...command] } : {}),
      };
    }
    case "file":
      return fileTarget(need(rest, text), text, options);
    case "registry":
    case "oci-dir":
    case "oci-archive":
    case "docker-archive":
      return storedTarget(scheme, need(rest, text), text, options);
    case undefined:
      break;
  }
  if (/^\.{0,2}\//.test(text) || text === "." || text === ".." || text.endsWith("/")) {
    return folderTarget(text, options);
  }
  const place = await findBareName(text, cwd, FORMS);
  if (place === "folder") return projectTarget(resolve(cwd, text), text, options);
  return imageTarget(place, text, `${place}:${text}`, command);
}

function need(rest: string, text: string): string {
  if (rest === "")
    throw new CinchError("bad-target", `'${text}' names nothing after the colon`, { hint: FORMS });
  return rest;
}

function folder(path: string, text: string): string {
  if (!existsSync(path)) throw new CinchError("no-target", `${text}: there is no ${path}`);
  if (!statSync(path).isDirectory()) throw new CinchError("bad-target", `${text}: ${path} is not a folder`);
  return path;
}

function imageTarget(
  engine: "docker" | "podman",
  image: string,
  text: string,
  command: readonly string[] | undefined,
): Target {
  const name = imageName(image);
  return {
    kind: "image",
    engine,
    image,
    text,
    name,
    env: {},
    ...(command?.length ? { command: [...command] } : {}),
  };
}

function storedTarget(
  form: StoredForm,
  rest: string,
  text: string,
  { cwd, command }: ResolveOptions,
): Target {
  const common = {
    kind: "stored" as const,
    form,
    text,
    env: {},
    ...(command?.length ? { command: [...command] } : {}),
  };
  if (form === "registry") return { ...common, path: rest, name: imageName(rest) };
  // A colon may be part of the path, or stand before a tag.
  const colons = [rest.length, ...[...rest.matchAll(/:/g)].map(({ index }) => index)];
  const at = colons.find((one) => one > 0 && existsSync(resolve(cwd, rest.slice(0, one))));
  if (at === undefined) throw new CinchError("no-target", `${text}: there is no ${resolve(cwd, rest)}`);
  const path = resolve(cwd, rest.slice(0, at));
  const tag = rest.slice(at + 1);
  if (statSync(path).isDirectory() !== (form === "oci-dir"))
    throw new CinchError(
      "bad-target",
      `${text}: ${path} is ${form === "oci-dir" ? "not a folder" : "a folder"}`,
      {
        hint: form === "oci-dir" ? `oci-archive:${path}` : `oci-dir:${path}, or rootfs:${path}`,
      },
    );
  const name = tag === "" ? fileName(basename(path).replace(/\.(tar|tgz|tar\.\w+)$/, "")) : imageName(tag);
  return { ...common, path, ...(tag === "" ? {} : { tag }), name };
}

/** "redis" of "registry.example/library/redis:7@sha256:…". */
function imageName(reference: string): string {
  return fileName(reference.slice(reference.lastIndexOf("/") + 1).replace(/[@:].*$/, ""));
}

function fileTarget(path: string, text: string, { cwd, root = "/", command }: ResolveOptions): Target {
  const where = folder(resolve(cwd, root), `--root ${root}`);
  // Under another root an absolute path is that root's.
  const file = where === "/" ? resolve(cwd, path) : join(where, path);
  if (!existsSync(file)) throw new CinchError("no-target", `${text}: there is no ${file}`);
  if (!statSync(file).isFile()) throw new CinchError("bad-target", `${text}: ${file} is not a file`);
  return {
    kind: "file",
    path: file,
    root: where,
    args: [...(command ?? [])],
    text,
    name: fileName(basename(file)),
    env: {},
  };
}

function commandTarget(command: readonly string[], cwd: string): Target {
  const program = command[0]!;
  return {
    kind: "command",
    argv: [...command],
    cwd,
    text: command.map(shellWord).join(" "),
    name: fileName(basename(program).replace(/\.[a-z]+$/i, "")),
    env: {},
  };
}

function folderTarget(text: string, options: ResolveOptions): Promise<Target> {
  const path = resolve(options.cwd, text);
  if (!existsSync(path)) throw new CinchError("no-target", `there is no ${path}`, { hint: FORMS });
  if (statSync(path).isFile()) {
    throw new CinchError("bad-target", `${text} is a file`, {
      hint: `its program: file:${text}; started by itself: -- ${shellWord(text)}`,
    });
  }
  if (options.config === undefined && !existsSync(join(path, PROJECT_FILE))) {
    throw new CinchError("no-target", `${text} holds no ${PROJECT_FILE}`, {
      hint: `write one: cd ${shellWord(text)} && cinch init; a root file system is rootfs:${text}`,
    });
  }
  const file = options.config === undefined ? path : resolve(options.cwd, options.config);
  return projectTarget(file, text, options);
}

/** The target that a project file names, with what else the file says of it. */
async function projectTarget(path: string, text: string, options: ResolveOptions): Promise<Target> {
  const project = readProject(path);
  const command = options.command?.length ? options.command : project.command;
  const env = project.env ?? {};
  const more = { project, env, ...(project.user === undefined ? {} : { user: project.user }) };
  const named = project.name === undefined ? {} : { name: project.name };
  if (project.target === undefined) {
    const local = commandTarget(command!, project.cwd);
    return { ...local, text, name: fileName(basename(project.folder)), ...more, ...named };
  }
  if (
    !/^(docker|podman|container|rootfs|file|registry|oci-dir|oci-archive|docker-archive):/.test(
      project.target,
    )
  ) {
    throw new CinchError(
      "bad-project",
      `${project.file}: target: '${project.target}' does not say what it is`,
      {
        hint: "docker:NAME, podman:NAME, rootfs:DIR, file:PATH …; a program of this machine goes under command:",
      },
    );
  }
  const target = await resolveTarget(project.target, {
    cwd: project.folder,
    root: options.root ?? project.root,
    command,
  });
  return { ...target, ...more, ...named };
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function fileName(text: string): string {
  return (
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9._-]+/g, "-")
      .replace(/^[-.]+|[-.]+$/g, "") || "target"
  );
}
