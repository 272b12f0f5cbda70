import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const repository = join(import.meta.dirname, "../..");
const shells = [["dash"], ["busybox", "sh"], ["bash", "--posix"]].filter(
  ([name]) => spawnSync(name!, ["--help"]).error === undefined,
);

// Says what it was started with, and does what the launcher must let through.
const START = `
if (process.argv[2] === "exit") process.exit(Number(process.argv[3]));
console.log(JSON.stringify({ pid: process.pid, args: process.argv.slice(2), flags: process.execArgv }));
if (process.argv[2] === "wait") setInterval(() => {}, 1000);
`;

// An npm that does what the launcher relies on, and keeps count.
const NPM = `#!/bin/sh
echo "$*" >> npm-calls
[ ! -e npm-fails ] || { echo "npm error: no such luck" >&2; exit 1; }
sleep 0.2
rm -rf node_modules; mkdir -p node_modules/.bin node_modules/node/bin
ln -s '${process.execPath}' node_modules/node/bin/node
`;

let folder: string;
let checkout: string;
let bin: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cinch launcher "));
  checkout = join(folder, "a check out");
  bin = join(folder, "bin");
  for (const path of [join(checkout, "src/cli"), join(checkout, "scripts"), bin])
    mkdirSync(path, { recursive: true });
  copyFileSync(join(repository, "cinch"), join(checkout, "cinch"));
  copyFileSync(join(repository, "scripts/setup.sh"), join(checkout, "scripts/setup.sh"));
  writeFileSync(join(checkout, "src/cli/start.js"), START);
  writeFileSync(join(checkout, "package-lock.json"), "{}\n");
  writeFileSync(join(checkout, "package.json"), '{ "type": "module" }\n');
  writeFileSync(join(bin, "npm"), NPM);
  chmodSync(join(bin, "npm"), 0o755);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** PATH has our npm in front, and the system's tools; a Node that is too old stands in for the machine's. */
function environment(): NodeJS.ProcessEnv {
  const old = join(bin, "node");
  writeFileSync(old, "#!/bin/sh\nexit 1\n");
  chmodSync(old, 0o755);
  return { PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`, HOME: folder, TMPDIR: folder };
}

function start(
  args: string[],
  options: { shell?: string[]; cwd?: string; path?: string } = {},
): SpawnSyncReturns<string> {
  const [command, ...rest] = [...(options.shell ?? []), options.path ?? join(checkout, "cinch"), ...args];
  return spawnSync(command!, rest, { cwd: options.cwd ?? folder, env: environment(), encoding: "utf8" });
}

const npmCalls = (): string[] =>
  existsSync(join(checkout, "npm-calls"))
    ? readFileSync(join(checkout, "npm-calls"), "utf8").trimEnd().split("\n")
    : [];
const argsOf = (result: SpawnSyncReturns<string>): string[] =>
  (JSON.parse(result.stdout) as { args: string[] }).args;

/** Makes the lock file newer than the stamp, whatever the file system's resolution. */
function touchLock(): void {
  const soon = Date.now() / 1000 + 10;
  utimesSync(join(checkout, "package-lock.json"), soon, soon);
}

describe.each(shells)("the launcher in %s", (...shell) => {
  it("sets up once, then passes arguments and exit code on", () => {
    const first = start(["a b", "", "*", "--flag='x'"], { shell });
    expect(first.stderr).toMatch(/^cinch: setting up, once.*\ncinch: set up, with Node v\d+/);
    expect(argsOf(first)).toEqual(["a b", "", "*", "--flag='x'"]);
    const second = start(["exit", "42"], { shell });
    expect(second).toMatchObject({ status: 42, stderr: "", stdout: "" });
    expect(npmCalls()).toHaveLength(1);
  });

  it("is found through symbolic links, absolute and relative, in whatever folder", () => {
    start([], { shell });
    const links = join(folder, "li nks");
    mkdirSync(links);
    symlinkSync(join(checkout, "cinch"), join(links, "absolute"));
    symlinkSync("absolute", join(links, "second"));
    symlinkSync("../a check out/cinch", join(links, "relative"));
    for (const name of ["second", "relative"])
      expect(argsOf(start([name], { shell, path: join(links, name), cwd: "/" }))).toEqual([name]);
    expect(argsOf(start(["near"], { shell, path: "./relative", cwd: links }))).toEqual(["near"]);
    expect(argsOf(start(["here"], { shell, path: "./cinch", cwd: checkout }))).toEqual(["here"]);
  });
});

describe("the launcher", () => {
  it("becomes Node: signals reach it, and no flag is added", async () => {
    start([]);
    const child = spawn(join(checkout, "cinch"), ["wait"], {
      env: environment(),
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    expect(JSON.parse(line.toString())).toEqual({ pid: child.pid, args: ["wait"], flags: [] });
    child.kill("SIGINT");
    const [, signal] = (await once(child, "exit")) as [number | null, string | null];
    expect(signal).toBe("SIGINT");
  });

  it("sets up again only when the lock file's content changed", () => {
    start([]);
    touchLock();
    expect(start(["x"])).toMatchObject({ status: 0, stderr: "" });
    expect(npmCalls()).toHaveLength(1);
    writeFileSync(join(checkout, "package-lock.json"), '{ "changed": true }\n');
    touchLock();
    expect(start(["x"]).status).toBe(0);
    expect(npmCalls()).toHaveLength(2);
  });

  it("sets up once when started twice at once", async () => {
    const both = [1, 2].map(() =>
      spawn(join(checkout, "cinch"), [], { env: environment(), stdio: "ignore" }),
    );
    const codes = await Promise.all(both.map(async (child) => ((await once(child, "exit")) as [number])[0]));
    expect(codes).toEqual([0, 0]);
    expect(npmCalls()).toHaveLength(1);
  });

  it("shows what npm said when it fails, and begins anew the next time", () => {
    writeFileSync(join(checkout, "npm-fails"), "");
    const result = start([]);
    expect(result.status).toBe(2);
    expect(result.stdout).toBe("");
    expect(result.stderr).toContain("npm error: no such luck");
    expect(result.stderr).toContain("hint: is the npm registry within reach?");
    rmSync(join(checkout, "npm-fails"));
    expect(start([]).status).toBe(0);
  });

  it("says what is missing: npm, or the Node it was set up with", () => {
    const env = environment();
    rmSync(join(bin, "npm"));
    for (const tool of ["sh", "dirname", "cksum", "uname", "sed"])
      symlinkSync(
        spawnSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).stdout.trim(),
        join(bin, tool),
      );
    const without = spawnSync(join(checkout, "cinch"), { env: { ...env, PATH: bin }, encoding: "utf8" });
    expect(without).toMatchObject({ status: 3, stdout: "" });
    expect(without.stderr).toContain("set-up needs npm, which is not on PATH");

    mkdirSync(join(checkout, "node_modules"));
    writeFileSync(join(checkout, "node_modules/.cinch-setup"), "/nonexistent/node\n");
    const gone = start([]);
    expect(gone.status).toBe(3);
    expect(gone.stderr).toContain("set up again:  rm ");
  });

  it.runIf(process.getuid?.() === 0)("as a user who may not write the checkout, says so", () => {
    chmodSync(folder, 0o755);
    const asNobody = (): SpawnSyncReturns<string> =>
      spawnSync(join(checkout, "cinch"), ["x"], {
        uid: 65534,
        gid: 65534,
        env: environment(),
        encoding: "utf8",
      });
    const before = asNobody();
    expect(before.status).toBe(2);
    expect(before.stderr).toContain(`has to write node_modules into ${checkout}`);
    start([]);
    touchLock();
    // Set up by root, it works for everyone.
    expect(asNobody()).toMatchObject({ status: 0, stderr: "" });
  });
});
