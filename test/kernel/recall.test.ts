import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Recording } from "../../src/profile/index.ts";
import { ready as server } from "../support/coverage.ts";
import { ensurePackages } from "../support/packages.ts";
import { Recall } from "../support/recall.ts";
import { tier } from "../support/tier.ts";
import { recordTree } from "../support/tree-recording.ts";

/**
 * No false negatives: whatever a run of a program did is in the analysis of its code. A recording names the executables
 * that ran; each is analyzed by itself, in the strict mode, and their union must hold every call of the run.
 */
tier("kernel")("an analysis holds what runs do", () => {
  let folder: string;
  let recall: Recall;
  beforeAll(() => {
    for (const [packages, proof] of PROGRAMS) ensurePackages(packages, proof);
    if (globSync("/usr/lib/postgresql/*/bin/initdb").length === 0)
      ensurePackages(["postgresql"], "/nonexistent");
    folder = mkdtempSync(join(tmpdir(), "cinch-recall-"));
    chmodSync(folder, 0o777);
    recall = new Recall(join(folder, "cache"));
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const missing = (recording: Recording): Promise<string[]> => recall.missing(recording);

  test("sqlite3", async () => {
    const script = "create table t(a); insert into t values(1); select * from t; .backup b.db";
    expect(await missing(await recordTree(["sqlite3", "a.db", script], { cwd: folder }))).toEqual([]);
  });

  test("bash and coreutils in pipelines", async () => {
    const script = `set -e
cat /etc/passwd | sort | uniq -c | head -3; ls -lR /etc/apt; (sleep 0.1 & wait); mkdir -p x/y; cp /etc/hosts x; mv x/hosts x/h
chmod 600 x/h; ln -s h x/l; find x -type f | xargs wc; df .; id; date; stat /etc; tar cf t.tar /etc/apt 2>/dev/null; gzip t.tar; rm -r x`;
    expect(await missing(await recordTree(["bash", "-c", script], { cwd: folder }))).toEqual([]);
  });

  test("redis: writes, a snapshot, a rewritten log", async () => {
    const recording = await recordTree(
      ["redis-server", "--port", "17379", "--dir", folder, "--appendonly", "yes"],
      {
        during: server(17_379, async () => {
          for (const command of [
            "set a b",
            "bgsave",
            "config set maxmemory 10mb",
            "bgrewriteaof",
            "info all",
          ])
            execFileSync("redis-cli", ["-p", "17379", ...command.split(" ")]);
          await sleep(300);
        }),
      },
    );
    expect(await missing(recording)).toEqual([]);
  });

  test("nginx: workers as another user, a reload, a log rotation", async () => {
    const root = join(folder, "nginx");
    mkdirSync(root);
    writeFileSync(
      join(root, "conf"),
      `user www-data; worker_processes 2; daemon off; pid ${root}/pid; error_log ${root}/error.log;
events {} http { access_log ${root}/access.log; client_body_temp_path ${root}/body; proxy_temp_path ${root}/proxy;
fastcgi_temp_path ${root}/fastcgi; uwsgi_temp_path ${root}/uwsgi; scgi_temp_path ${root}/scgi;
server { listen 127.0.0.1:18180; root /usr/share/nginx/html; } }`,
    );
    const nginx = (signal: string) =>
      execFileSync("/usr/sbin/nginx", ["-c", join(root, "conf"), "-s", signal]);
    const recording = await recordTree(["/usr/sbin/nginx", "-c", join(root, "conf")], {
      stop: "SIGQUIT",
      during: server(18_180, async () => {
        await fetch("http://127.0.0.1:18180/").then((response) => response.text());
        nginx("reload");
        await sleep(400);
        nginx("reopen");
        await fetch("http://127.0.0.1:18180/missing").then((response) => response.text());
      }),
    });
    expect(await missing(recording)).toEqual([]);
  });

  test("memcached", async () => {
    const argv = ["memcached", "-u", "nobody", "-p", "17211", "-l", "127.0.0.1"];
    expect(await missing(await recordTree(argv, { during: server(17_211) }))).toEqual([]);
  });

  test("lighttpd with modules and a user from the name service", async () => {
    const config = join(folder, "lighttpd.conf");
    writeFileSync(
      config,
      `server.port=18181\nserver.bind="127.0.0.1"\nserver.document-root="/usr/share/doc"\nserver.username="nobody"
server.modules=("mod_access","mod_rewrite","mod_redirect","mod_cgi","mod_accesslog")\naccesslog.filename="${folder}/lighttpd.log"\n`,
    );
    const recording = await recordTree(["lighttpd", "-D", "-f", config], {
      during: server(18_181, async () => {
        await fetch("http://127.0.0.1:18181/").then((response) => response.text());
      }),
    });
    expect(await missing(recording)).toEqual([]);
  });

  test("haproxy: master and worker, a reload", async () => {
    const config = join(folder, "haproxy.cfg");
    writeFileSync(
      config,
      `global\n  user nobody\ndefaults\n  mode http\n  timeout client 1s\n  timeout server 1s\n  timeout connect 1s
frontend f\n  bind 127.0.0.1:18182\n  default_backend b\nbackend b\n  server s 127.0.0.1:1\n`,
    );
    const recording = await recordTree(["haproxy", "-W", "-p", join(folder, "haproxy.pid"), "-f", config], {
      during: server(18_182, async () => {
        await fetch("http://127.0.0.1:18182/").then((response) => response.text());
        spawnSync("sh", ["-c", `kill -USR2 $(head -1 ${folder}/haproxy.pid)`]);
        await sleep(700);
      }),
    });
    expect(await missing(recording)).toEqual([]);
  });

  test("PostgreSQL: initdb, a server, VACUUM FULL, COPY TO PROGRAM", async () => {
    const bin = globSync("/usr/lib/postgresql/*/bin").at(-1)!;
    const data = join(folder, "pg");
    mkdirSync(data);
    spawnSync("chown", ["-R", "postgres", data]);
    const as = "setpriv --reuid=postgres --regid=postgres --clear-groups";
    const script = `${as} ${bin}/initdb -D ${data}/db -N && ${as} ${bin}/pg_ctl -D ${data}/db -o '-p 17432 -k ${data} -h 127.0.0.1' -w start
${as} psql -h ${data} -p 17432 postgres -c "create table t as select generate_series(1,50000) a" -c "vacuum full t" -c "copy (select 1) to program 'cat > /dev/null'" -c "create index on t(a)"
${as} ${bin}/pg_ctl -D ${data}/db -m fast -w stop`;
    expect(await missing(await recordTree(["sh", "-c", script]))).toEqual([]);
  });

  test("Python with its extensions", async () => {
    const script = `import socket,ssl,subprocess,threading,ctypes,os,json,hashlib,select,mmap,zlib,asyncio,pwd,tempfile
asyncio.run(asyncio.sleep(0.01)); socket.getaddrinfo("localhost",80); subprocess.run(["true"]); pwd.getpwnam("root")
tempfile.TemporaryFile().write(b"x"); t=threading.Thread(target=lambda: os.listdir("/")); t.start(); t.join()`;
    expect(await missing(await recordTree(["/usr/bin/python3", "-c", script]))).toEqual([]);
  });

  test("Perl with its extensions", async () => {
    const script =
      'use POSIX; use Socket; print POSIX::getpid(); system("true"); opendir(D,"/"); print getpwuid(0); print gethostbyname("localhost")';
    expect(await missing(await recordTree(["/usr/bin/perl", "-e", script]))).toEqual([]);
  });

  test("a static busybox, by several applets", async () => {
    const script =
      "busybox ls -l / | busybox head -2; busybox find /etc/apt | busybox wc; busybox id; busybox tar cf - /etc/apt | busybox gzip | busybox md5sum";
    expect(await missing(await recordTree(["sh", "-c", script]))).toEqual([]);
  });

  test("Go with C libraries: runc and podman", async () => {
    expect(await missing(await recordTree(["runc", "--root", join(folder, "runc"), "list"]))).toEqual([]);
    expect(await missing(await recordTree(["podman", "--version"]))).toEqual([]);
  });

  test("a static Go program", async () => {
    const tsc = globSync("node_modules/@typescript/typescript-linux-*/lib/tsc")[0]!;
    expect(await missing(await recordTree([join(process.cwd(), tsc), "--version"]))).toEqual([]);
  });

  test("C++ with exceptions: apt-cache", async () => {
    expect(await missing(await recordTree(["apt-cache", "policy", "bash"]))).toEqual([]);
  });

  test("a program of musl's", async () => {
    const source = join(folder, "hello.c");
    writeFileSync(
      source,
      `#include <stdio.h>\n#include <pwd.h>\n#include <pthread.h>\n#include <unistd.h>\n#include <sys/wait.h>\n#include <netdb.h>\n#include <dirent.h>
static void *run(void *a) { usleep(1000); return a; }
int main(void) { pthread_t t; pthread_create(&t, 0, run, 0); pthread_join(t, 0); if (!fork()) execlp("true", "true", (char *)0); wait(0);
struct passwd *p = getpwnam("root"); printf("%s\\n", p ? p->pw_dir : ""); DIR *d = opendir("/"); while (readdir(d)); closedir(d);
struct addrinfo *r; printf("%d\\n", getaddrinfo("localhost", "80", 0, &r)); setgid(0); setuid(0); return fflush(stdout); }\n`,
    );
    execFileSync("musl-gcc", ["-O2", "-o", join(folder, "dynamic"), source]);
    execFileSync("musl-gcc", ["-O2", "-static", "-o", join(folder, "static"), source]);
    // musl hands the numbers of setuid and its like to a function that it calls by pointer: a place that is listed.
    for (const name of ["dynamic", "static"]) {
      const path = join(folder, name);
      const lacking = await missing(await recordTree([path]));
      expect(lacking.filter((call) => call !== "setgid" && call !== "setuid")).toEqual([]);
      expect((await recall.analyze(path))!.unresolved.length).toBeGreaterThan(0);
    }
  });
});

const PROGRAMS: [packages: string[], proof: string][] = [
  [["redis-server", "redis-tools"], "/usr/bin/redis-server"],
  [["nginx-light"], "/usr/sbin/nginx"],
  [["sqlite3"], "/usr/bin/sqlite3"],
  [["memcached"], "/usr/bin/memcached"],
  [["lighttpd"], "/usr/sbin/lighttpd"],
  [["haproxy"], "/usr/sbin/haproxy"],
  [["python3-minimal"], "/usr/bin/python3"],
  [["perl"], "/usr/bin/perl"],
  [["busybox-static"], "/bin/busybox"],
  [["runc"], "/usr/sbin/runc"],
  [["podman"], "/usr/bin/podman"],
  [["musl-tools", "gcc"], "/usr/bin/musl-gcc"],
];
