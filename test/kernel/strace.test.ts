import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeElf32 } from "../support/elf32.ts";
import { ensurePackages } from "../support/packages.ts";
import { type Both, sideBySide, viewOf } from "../support/side-by-side.ts";
import { tier } from "../support/tier.ts";

/**
 * The recorder against strace -f on one and the same run of each program. Differences that are explained, for all:
 * - the kernel opens the program's interpreter (ld.so) by itself: strace sees no call, the recorder lists it;
 * - sockets' paths are the recorder's "files" of type socket; strace shows them in connect and bind.
 */
const INTERPRETERS = /\/ld-(linux|musl)[^/]*$/;

function compare({ recording, strace }: Both, explained: { missing?: RegExp } = {}): void {
  const ours = viewOf(recording);
  expect({
    callsOnlyStrace: [...strace.calls.difference(ours.calls)],
    callsOnlyOurs: [...ours.calls.difference(strace.calls)],
    openedOnlyStrace: [...strace.opened.difference(ours.opened)].filter((path) => path.startsWith("/")),
    openedOnlyOurs: [...ours.opened.difference(strace.opened)].filter((path) => !INTERPRETERS.test(path)),
    missingOnlyStrace: [...strace.missing.difference(ours.missing)].filter(
      (path) => !explained.missing?.test(path),
    ),
    lost: recording.lost,
  }).toEqual({
    callsOnlyStrace: [],
    callsOnlyOurs: [],
    openedOnlyStrace: [],
    openedOnlyOurs: [],
    missingOnlyStrace: [],
    lost: { strings: 0 },
  });
  expect(strace.calls.size).toBeGreaterThan(3);
}

async function until(what: string, ready: () => Promise<boolean> | boolean): Promise<void> {
  for (let i = 0; i < 300; i += 1) {
    if (await ready()) return;
    await sleep(100);
  }
  throw new Error(`${what}: not ready after 30 s`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => (socket.destroy(), resolve(true))).once("error", () => resolve(false));
  });
}

tier("kernel")("the recorder sees what strace sees", () => {
  let folder: string;
  beforeAll(() => {
    ensurePackages(["strace"], "/usr/bin/strace");
    ensurePackages(["redis-server", "redis-tools"], "/usr/bin/redis-server");
    ensurePackages(["nginx-light"], "/usr/sbin/nginx");
    ensurePackages(["sqlite3"], "/usr/bin/sqlite3");
    ensurePackages(["memcached"], "/usr/bin/memcached");
    ensurePackages(["python3-minimal"], "/usr/bin/python3");
    if (globSync("/usr/lib/postgresql/*/bin/initdb").length === 0)
      ensurePackages(["postgresql"], "/nonexistent");
    folder = mkdtempSync(join(tmpdir(), "cinch-kernel-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("a shell pipeline with subshells and a background job", async () => {
    compare(
      await sideBySide([
        "/bin/sh",
        "-c",
        "(ls /; echo a | cat | wc -l) & sort /etc/passwd | uniq -c | head -2; wait",
      ]),
    );
  });

  test("Python with threads and a child", async () => {
    const program = `import threading, subprocess
ts = [threading.Thread(target=lambda: open("/etc/hostname").read()) for _ in range(8)]
[t.start() for t in ts]; [t.join() for t in ts]
subprocess.run(["/bin/true"])`;
    compare(await sideBySide(["/usr/bin/python3", "-c", program]));
  });

  test("redis: start, write, save, stop", async () => {
    const run = await sideBySide(["/usr/bin/redis-server", "--port", "16379", "--dir", folder], {
      during: async () => {
        await until("redis", () => answers(16_379));
        execFileSync("redis-cli", ["-p", "16379", "set", "a", "b"]);
        execFileSync("redis-cli", ["-p", "16379", "bgsave"]);
        await until("the dump", () => existsSync(join(folder, "dump.rdb")));
      },
    });
    compare(run);
    expect(run.recording.sockets).toContainEqual(
      expect.objectContaining({
        op: "listen",
        domain: "AF_INET",
        type: "SOCK_STREAM",
        address: "0.0.0.0:16379",
      }),
    );
  });

  test("nginx: master, workers as another user, a page, a reload", async () => {
    const root = join(folder, "nginx");
    mkdirSync(root);
    const config = `user www-data; worker_processes 2; daemon off; pid ${root}/pid; error_log ${root}/error.log;
events {} http { access_log ${root}/access.log; client_body_temp_path ${root}/body; proxy_temp_path ${root}/proxy;
fastcgi_temp_path ${root}/fastcgi; uwsgi_temp_path ${root}/uwsgi; scgi_temp_path ${root}/scgi;
server { listen 127.0.0.1:18080; root /usr/share/nginx/html; } }`;
    writeFileSync(join(root, "conf"), config);
    const run = await sideBySide(["/usr/sbin/nginx", "-c", join(root, "conf")], {
      stop: "SIGQUIT",
      during: async () => {
        await until("nginx", () => answers(18_080));
        await fetch("http://127.0.0.1:18080/").then((response) => response.text());
        execFileSync("/usr/sbin/nginx", ["-c", join(root, "conf"), "-s", "reload"]);
        await sleep(500);
        await until("nginx again", () => answers(18_080));
        await fetch("http://127.0.0.1:18080/missing").then((response) => response.text());
      },
    });
    compare(run);
    const granted = run.recording.capabilities.filter(({ granted: yes }) => yes).map(({ name }) => name);
    expect(granted).toEqual(expect.arrayContaining(["CAP_CHOWN", "CAP_SETGID", "CAP_SETUID"]));
  });

  test("PostgreSQL: initdb and queries", async () => {
    const bin = globSync("/usr/lib/postgresql/*/bin").at(-1)!;
    const data = join(folder, "pg");
    mkdirSync(data);
    spawnSync("chown", ["-R", "postgres", data]);
    spawnSync("chmod", ["755", folder]);
    const as = ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"];
    compare(await sideBySide([...as, `${bin}/initdb`, "-D", `${data}/db`, "-N"], { cwd: "/" }));
    const script =
      "create table t(a int); insert into t select generate_series(1,1000); select count(*) from t;";
    compare(
      await sideBySide(
        [...as, "/bin/sh", "-c", `echo '${script}' | ${bin}/postgres --single -D ${data}/db postgres`],
        {
          cwd: "/",
        },
      ),
    );
  });

  test("a static Go binary", async () => {
    const tsc = globSync("node_modules/@typescript/typescript-linux-*/lib/tsc")[0]!;
    compare(await sideBySide([join(process.cwd(), tsc), "--version"]));
  });

  test("a 32-bit program that executes a 64-bit one", async (context) => {
    const program = join(folder, "elf32");
    writeElf32(program, "/bin/true");
    const alone = spawnSync(program);
    if (alone.status !== 0) {
      process.stderr.write("SKIPPED: 32-bit program: this kernel does not run 32-bit programs\n");
      context.skip();
    }
    const run = await sideBySide([program]);
    compare(run);
    const i386 = run.recording.phases.find((phase) => phase.abi === "i386");
    expect(i386?.syscalls.map(({ name }) => name)).toEqual(["execve", "getpid", "open"]);
    expect(run.recording.notes.map(({ code }) => code)).toContain("abi-i386");
  });

  test("a process that forks twice and outlives its parent", async () => {
    const program = `import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(0.3); open("late", "w").close(); os.rename("late", "later"); os.unlink("later"); os.listdir("/etc/apt")
    os._exit(0)
os.wait()`;
    const run = await sideBySide(["/usr/bin/python3", "-c", program], { cwd: folder });
    compare(run);
    expect(run.recording.files).toContainEqual(
      expect.objectContaining({
        path: join(folder, "late"),
        access: ["create", "rename", "write"],
        ok: true,
      }),
    );
  });

  test("one that gives up its privileges", async () => {
    const run = await sideBySide(
      [
        "/usr/bin/setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "/bin/cat",
        "/etc/hostname",
        "/etc/shadow",
      ],
      { cwd: "/" },
    );
    compare(run);
    expect(run.recording.files).toContainEqual(
      expect.objectContaining({ path: "/etc/shadow", ok: false, errnos: ["EACCES"] }),
    );
  });

  test("one that changes its root: paths are those outside", async () => {
    const jail = join(folder, "jail");
    mkdirSync(join(jail, "etc"), { recursive: true });
    writeFileSync(join(jail, "etc/passwd"), "");
    const program = `import os
os.chroot("${jail}"); os.chdir("/"); open("/etc/passwd").read(); open("etc/../etc/passwd").read()
try: open("/etc/none")
except OSError: pass`;
    const run = await sideBySide(["/usr/bin/python3", "-c", program]);
    // strace prints the name as the program gave it, which means another file inside the jail.
    compare(run, { missing: /^\/etc\/none$/ });
    const paths = run.recording.files.map(({ path }) => path);
    expect(paths).toContain(join(jail, "etc/passwd"));
    expect(paths).toContain(join(jail, "etc/none"));
  });

  test("sqlite3, memcached, node", async () => {
    compare(
      await sideBySide([
        "/usr/bin/sqlite3",
        join(folder, "db"),
        "create table t(a); insert into t values(1); select * from t",
      ]),
    );
    compare(
      await sideBySide(["/usr/bin/memcached", "-u", "nobody", "-p", "21211", "-l", "127.0.0.1"], {
        during: async () => until("memcached", () => answers(21_211)),
      }),
    );
    compare(
      await sideBySide([process.execPath, "-e", "require('fs').readFileSync('/etc/hostname')"], { cwd: "/" }),
    );
  });
});
