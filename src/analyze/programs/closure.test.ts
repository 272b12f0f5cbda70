import { test as property } from "@fast-check/vitest";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../../test/support/memory-tree.ts";
import { plainConfig } from "../../image/index.ts";
import { commandPrograms, findPrograms, startedBy } from "./find.ts";
import { readShell } from "./words.ts";

const ELF = "\u007fELF";

function paths(files: Parameters<typeof memoryTree>[0], config: Partial<typeof plainConfig>): string[] {
  return findPrograms(memoryTree(files), { config: { ...plainConfig, ...config } })
    .programs.map(({ path }) => path)
    .sort();
}

describe("findPrograms", () => {
  it("looks a name up in PATH and follows links", () => {
    const files = { "/usr/bin/dash": ELF, "/bin/sh": { link: "/usr/bin/dash" }, "/usr/sbin/server": ELF };
    expect(paths(files, { command: ["server", "-x"] })).toEqual(["/usr/sbin/server"]);
    expect(paths(files, { entrypoint: ["/bin/sh"] })).toEqual(["/usr/bin/dash"]);
  });

  it("goes through an entrypoint script to what it starts, as another user", () => {
    const files = {
      "/bin/sh": ELF,
      "/usr/bin/gosu": ELF,
      "/usr/bin/find": ELF,
      "/usr/bin/chown": ELF,
      "/usr/bin/unused": ELF,
      "/usr/local/bin/redis-server": ELF,
      "/usr/local/bin/start.sh": `#!/bin/sh
set -e
# unused stands in a comment
if [ "\${1#-}" != "$1" ]; then set -- redis-server "$@"; fi
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
  find . \\! -user redis -exec chown redis '{}' +
  exec gosu redis "$0" "$@"
fi
exec "$@"`,
    };
    expect(paths(files, { entrypoint: ["start.sh"], command: ["redis-server"] })).toEqual([
      "/bin/sh",
      "/usr/bin/chown",
      "/usr/bin/find",
      "/usr/bin/gosu",
      "/usr/local/bin/redis-server",
      "/usr/local/bin/start.sh",
    ]);
  });

  it("reads texts in texts, folders of scripts, and env's interpreters", () => {
    const files = {
      "/bin/sh": ELF,
      "/usr/bin/env": ELF,
      "/usr/bin/bash": ELF,
      "/usr/bin/sed": ELF,
      "/usr/bin/awk": ELF,
      "/usr/bin/python3": ELF,
      "/docker-entrypoint.d/10-a.sh": { content: "#!/bin/sh\nsed x", mode: 0o755 },
      "/docker-entrypoint.d/20-b.py": { content: "#!/usr/bin/env python3\n", mode: 0o755 },
      "/start": {
        content: `#!/usr/bin/env -S bash -e\nfor f in /docker-entrypoint.d/*; do "$f"; done; sh -c 'echo; awk 1 | "$X"'`,
        mode: 0o755,
      },
    };
    const found = findPrograms(memoryTree(files), { config: { ...plainConfig, entrypoint: ["/start"] } });
    expect(found.programs.map(({ path }) => path).sort()).toEqual([
      "/bin/sh",
      "/docker-entrypoint.d/10-a.sh",
      "/docker-entrypoint.d/20-b.py",
      "/start",
      "/usr/bin/awk",
      "/usr/bin/bash",
      "/usr/bin/env",
      "/usr/bin/python3",
      "/usr/bin/sed",
    ]);
    const reasons = found.unresolved.map(({ reason }) => reason).join("\n");
    expect(reasons).not.toContain('"$f"');
    expect(reasons).toContain('"$X" is made at run time');
    expect(reasons).toContain("it is written for python3");
  });

  it("says what is missing", () => {
    const { programs, unresolved } = findPrograms(memoryTree({}), {
      config: { ...plainConfig, command: ["nothing"] },
    });
    expect(programs).toEqual([]);
    expect(unresolved[0]?.reason).toContain("nothing is not in the target");
  });

  it("takes the health check's programs", () => {
    const files = { "/bin/sh": ELF, "/usr/bin/curl": ELF, "/usr/sbin/server": ELF };
    expect(
      paths(files, { command: ["server"], healthcheck: ["CMD-SHELL", "curl -f http://localhost || exit 1"] }),
    ).toEqual(["/bin/sh", "/usr/bin/curl", "/usr/sbin/server"]);
  });
});

it("follows what code names", () => {
  const tree = memoryTree({ "/bin/sh": ELF, "/usr/bin/gzip": ELF });
  const config = plainConfig;
  expect(commandPrograms(tree, "exec gzip -9 > x", { config, where: "a" }).programs).toMatchObject([
    { path: "/usr/bin/gzip" },
  ]);
  expect(startedBy(tree, "gzip", { config, reason: ["a"] }).programs).toMatchObject([
    { path: "/usr/bin/gzip", reason: ["a"] },
  ]);
  expect(startedBy(tree, "none", { config, reason: ["a"] }).programs).toEqual([]);
});

const fragment = fc.oneof(
  fc.string(),
  fc.constantFrom(
    "$(",
    ")",
    "`",
    "${x",
    "}",
    "<<EOF\n",
    "EOF\n",
    "if ",
    "case x in ",
    "'",
    '"',
    "\\",
    "\n",
    ";",
    "((",
    "{",
    "for f in ",
  ),
);

property.prop([fc.array(fragment, { maxLength: 60 })])(
  "any text is read, or its words are taken one by one",
  (parts) => {
    const { commands, words, errors } = readShell(parts.join(""));
    for (const { line } of [...commands, ...words, ...errors]) expect(line).toBeGreaterThan(0);
  },
);

it("a script that cannot be read gives its words", () => {
  const { words, errors } = readShell("if then fi )( redis-server '\n");
  expect(errors.length).toBeGreaterThan(0);
  expect(words.map(({ text }) => text)).toContain("redis-server");
});

it("deep nesting ends", () => {
  expect(() => readShell("$(".repeat(20_000))).not.toThrow();
});
