import { existsSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { CinchError, yaml } from "../../base/index.ts";
import { writeFiles } from "../atomic.ts";
import type { CinchContext } from "../context.ts";
import { FORMATS } from "../formats.ts";
import { PROJECT_FILE } from "../../image/index.ts";
import { Session } from "../session.ts";
import type { InitFlags } from "../tree.ts";

export default async function init(this: CinchContext, flags: InitFlags, target?: string): Promise<void> {
  using session = new Session(this, flags, FORMATS.none);
  const file = session.path(flags.config ?? PROJECT_FILE);
  if (existsSync(file)) {
    throw new CinchError("exists", `${relative(this.cwd, file)} is there already, and is left alone`, {
      hint: "edit it, or name another file: cinch init --config FILE",
    });
  }
  if (!existsSync(dirname(file))) throw new CinchError("no-folder", `there is no folder ${dirname(file)}`);
  writeFiles(
    new Map([[file, projectText(target, this.command, nameFor(target, this.command, dirname(file)))]]),
  );
  const folder = relative(this.cwd, dirname(file)) || ".";
  session.summary(
    `${join(folder, PROJECT_FILE)} is written: say in it how the target is exercised, then\n  cinch profile ${folder}`,
  );
}

/** A project file that says what each member is for. */
export function projectText(
  target: string | undefined,
  command: readonly string[] | undefined,
  name: string,
): string {
  const start =
    command === undefined
      ? `target: ${scalar(target ?? `docker:${name}`)}`
      : [...(target === undefined ? [] : [`target: ${scalar(target)}`]), `command: ${flow(command)}`].join(
          "\n",
        );
  return `# What cinch fits a profile to, and how it is exercised. "cinch profile ." reads this file.

# What is run: docker:NAME, podman:NAME, rootfs:DIR, file:PATH; or a command of this machine:
#   command: [node, server.js]
${start}

workload:
  # When the target is ready: an address that answers, or tcp:PORT, log:REGEX, exec:COMMAND.
  # ready: http://127.0.0.1:8080/health

  # What is done then, in this order. A grant that no step needs is not in the profile, so
  # exercise the rare paths too: errors, reloads, uploads, the nightly job.
  steps: []
  #  - http: { get: "http://127.0.0.1:8080/", expect: 200 }
  #  - run: npm run e2e              # on this machine; its exit code counts
  #  - exec: [nginx, -s, reload]     # inside the target

  # The signal that ends the target.
  stop: SIGTERM

# Where the profile is kept (its evidence goes beside it). Commit both.
profile: security/${name}.profile.yaml

# What "cinch profile" compiles it into.
emit:
  seccomp: security/${name}.seccomp.json
  docker: security/${name}.docker.args
`;
}

function scalar(text: string): string {
  return yaml().stringify(text).trimEnd();
}

function flow(words: readonly string[]): string {
  return yaml().stringify(words, { collectionStyle: "flow", lineWidth: 0 }).trimEnd();
}

/** A name for the files: `redis` of docker:redis:7, else that of the folder. */
function nameFor(target: string | undefined, command: readonly string[] | undefined, folder: string): string {
  const image = /^(?:docker|podman):(?:.*\/)?([\w.-]+)/.exec(target ?? "")?.[1];
  const name = command === undefined ? (image ?? basename(folder)) : basename(folder);
  return name.toLowerCase().replaceAll(/[^a-z0-9._-]+/g, "-") || "app";
}
