import { test as property } from "@fast-check/vitest";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../../test/support/memory-tree.ts";
import { plainConfig } from "../../image/index.ts";
import { commandPrograms, findPrograms, startedBy } from "./index.ts";
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

describe("scripts of the usual kinds", () => {
  const tools = { "/bin/sh": ELF, "/bin/bash": ELF, "/usr/bin/env": ELF, "/usr/bin/gosu": ELF };
  const start = (script: string, files: Parameters<typeof memoryTree>[0], env: string[] = []) =>
    findPrograms(memoryTree({ ...tools, ...files, "/start": { content: script, mode: 0o755 } }), {
      config: { ...plainConfig, env: [...plainConfig.env, ...env], entrypoint: ["/start"] },
    });
  const found = (...args: Parameters<typeof start>) => start(...args).programs.map(({ path }) => path);
  const reasons = (...args: Parameters<typeof start>) =>
    start(...args)
      .unresolved.map(({ where, reason }) => `${where}: ${reason}`)
      .join("\n");

  it("follows variables, their defaults and the image's environment", () => {
    const files = {
      "/opt/db/15/bin/server": ELF,
      "/opt/db/16/bin/server": ELF,
      "/opt/x/tool": { content: ELF, mode: 0o755 },
    };
    const script = `#!/bin/sh
home=/opt/db
exec gosu db "$home/$VERSION/bin/server" "\${TOOL:-/opt/x/tool}"`;
    expect(found(script, files, ["VERSION=15"])).toEqual(
      expect.arrayContaining(["/usr/bin/gosu", "/opt/db/15/bin/server", "/opt/x/tool"]),
    );
    expect(found(script, files, ["VERSION=15"])).not.toContain("/opt/db/16/bin/server");
    // A version that is not known is any.
    expect(found(script, files)).toEqual(
      expect.arrayContaining(["/opt/db/15/bin/server", "/opt/db/16/bin/server"]),
    );
  });

  it("reports what is run through exec, eval, a wrapper or a shell, and is made at run time", () => {
    const script = `#!/bin/sh
CMD=$(cat /cmd)
exec $CMD
eval "$CMD x"
gosu "$USER" $CMD
sh -c "$CMD"
. "$CMD"
exec gosu user "$@"`;
    const text = reasons(script, {});
    for (const line of [3, 4, 5, 6, 7]) expect(text).toContain(`/start line ${line}`);
    expect(text).not.toContain("/start line 8");
  });

  it("reads files that are sourced or given to an interpreter, whatever they are called", () => {
    const files = {
      "/etc/default/server": "exec /opt/a",
      "/scripts/run": "/opt/b",
      "/app/main.py": "import subprocess\nsubprocess.run([\n  'convert',\n])\n",
      "/usr/bin/python3": ELF,
      "/usr/bin/convert": ELF,
      "/opt/a": { content: ELF, mode: 0o755 },
      "/opt/b": { content: ELF, mode: 0o755 },
    };
    const script = "#!/bin/sh\n. /etc/default/server\ncd /scripts\nbash ./run\npython3 /app/main.py";
    expect(found(script, files)).toEqual(
      expect.arrayContaining(["/opt/a", "/opt/b", "/usr/bin/python3", "/usr/bin/convert"]),
    );
    expect(reasons(script, files)).toContain("/app/main.py: what this script starts is not known");
  });

  it("reads here documents for shells, functions and loops over folders", () => {
    const files = {
      "/usr/bin/inside": ELF,
      "/usr/bin/other": ELF,
      "/hooks/one.sh": { content: "#!/bin/sh\nother", mode: 0o755 },
    };
    const script = `#!/bin/bash
run() { for f in "$1"/*; do "$f"; done; }
go() { sh <<EOF
inside
EOF
}
go; run /hooks`;
    expect(found(script, files)).toEqual(
      expect.arrayContaining(["/usr/bin/inside", "/hooks/one.sh", "/usr/bin/other"]),
    );
    expect(reasons(script, files)).not.toContain("go ");
  });

  it("follows supervisord, s6 and cron", () => {
    const files = {
      "/usr/bin/supervisord": "#!/usr/bin/python3\n",
      "/usr/bin/python3": ELF,
      "/usr/bin/web": ELF,
      "/usr/bin/job": ELF,
      "/usr/sbin/cron": ELF,
      "/etc/supervisor/conf.d/web.conf":
        "[program:web]\ncommand=web -x ; comment\n[program:cron]\ncommand = /usr/sbin/cron -f",
      "/etc/crontab": "PATH=/usr/bin\n*/5 * * * * root job --all\n",
    };
    expect(found("#!/bin/sh\nexec supervisord -n", files)).toEqual(
      expect.arrayContaining(["/usr/bin/web", "/usr/sbin/cron", "/usr/bin/job"]),
    );
  });

  it("takes no prefix of an argument for a program, nor what the kernel shows under /proc", () => {
    const files = {
      "/opt/x/server-a": { content: ELF, mode: 0o755 },
      "/proc/1/exe": { link: "/usr/bin/other" },
    };
    expect(
      found('#!/bin/sh\necho "/opt/x/server-$1" /proc/1/exe', { ...files, "/usr/bin/other": ELF }),
    ).toEqual(["/start", "/bin/sh"]);
    expect(found('#!/bin/sh\n"/opt/x/server-$KIND"', files)).toContain("/opt/x/server-a");
  });

  it("says of a program that is called by a path and is not there", () => {
    expect(reasons("#!/bin/sh\n/opt/none --x", {})).toContain("/opt/none is not in the target");
  });
});

property.prop([fc.array(fragment, { maxLength: 40 }), fc.string()])(
  "any script and any environment lead to an end",
  (parts, value) => {
    const tree = memoryTree({
      "/bin/sh": ELF,
      "/start": { content: `#!/bin/sh\n${parts.join("")}`, mode: 0o755 },
    });
    const { programs } = findPrograms(tree, {
      config: { ...plainConfig, env: [`x=${value}`, ...plainConfig.env], entrypoint: ["/start"] },
    });
    expect(programs.map(({ path }) => path)).toContain("/start");
  },
);

it("variables that grow from their own values end", () => {
  expect(readShell("x=$x$x$y\ny=$x$y\n".repeat(5000)).words.length).toBeGreaterThan(0);
  expect(() => readShell("`a`".repeat(60_000))).not.toThrow();
});
