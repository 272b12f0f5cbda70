import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Coverage, ready } from "../support/coverage.ts";
import { ensurePackages } from "../support/packages.ts";
import type { RunOptions } from "../support/qemu-coverage.ts";
import { tier } from "../support/tier.ts";

/**
 * Soundness by another oracle than recordings: every instruction that a run executes lies in a function that the analysis
 * reaches. qemu's emulation of a process logs what is executed; it knows nothing of us.
 */
tier("kernel")("no executed function is outside the reachable set", () => {
  let folder: string;
  let coverage: Coverage;
  beforeAll(() => {
    for (const [packages, proof] of PROGRAMS) ensurePackages(packages, proof);
    folder = mkdtempSync(join(tmpdir(), "cinch-coverage-"));
    coverage = new Coverage("/", join(folder, "cache"));
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const outside = (argv: string[], options?: RunOptions): Promise<string[]> =>
    coverage.outside(argv, options);

  test("sqlite3", async () => {
    const script = "create table t(a); insert into t values(1); select * from t order by a; .backup b.db";
    expect(await outside(["/usr/bin/sqlite3", join(folder, "a.db"), script], { cwd: folder })).toEqual([]);
  });

  test("bash", async () => {
    expect(
      await outside([
        "/bin/bash",
        "-c",
        'a=(1 2); echo ${a[@]} $((1+2)) ~root; printf "%s\\n" *; [[ x =~ y ]] || true; trap "echo" EXIT',
      ]),
    ).toEqual([]);
  });

  test("id, by the name service", async () => {
    expect(await outside(["/usr/bin/id", "root"])).toEqual([]);
  });

  test("getent hosts, by the resolver", async () => {
    expect(await outside(["/usr/bin/getent", "ahosts", "localhost"])).toEqual([]);
  });

  test("Python with extensions", async () => {
    const script =
      "import json,socket,ssl,zlib,hashlib,threading,ctypes; socket.getaddrinfo('localhost',80); t=threading.Thread(target=print); t.start(); t.join()";
    expect(await outside(["/usr/bin/python3", "-c", script])).toEqual([]);
  });

  test("Perl with extensions", async () => {
    expect(
      await outside([
        "/usr/bin/perl",
        "-e",
        'use POSIX; use Socket; print strftime("%c", localtime), getpwuid(0)',
      ]),
    ).toEqual([]);
  });

  test("C++: apt-cache", async () => {
    expect(await outside(["/usr/bin/apt-cache", "policy", "bash"])).toEqual([]);
  });

  test("a static busybox", async () => {
    expect(
      await outside([
        "/bin/busybox",
        "sh",
        "-c",
        "ls -l /etc | head -3; find /etc/apt | wc; id; tar cf - /etc/apt | gzip | md5sum",
      ]),
    ).toEqual([]);
  });

  test("redis", async () => {
    const argv = ["/usr/bin/redis-server", "--port", "17579", "--dir", folder];
    const during = ready(17_579, async () => execFileSync("redis-cli", ["-p", "17579", "set", "a", "b"]));
    expect(await outside(argv, { during })).toEqual([]);
  });

  test("memcached", async () => {
    const argv = ["/usr/bin/memcached", "-u", "nobody", "-p", "17511", "-l", "127.0.0.1"];
    expect(await outside(argv, { during: ready(17_511) })).toEqual([]);
  });

  test("nginx with a module", async () => {
    const config = join(folder, "nginx.conf");
    writeFileSync(
      config,
      `load_module /usr/lib/nginx/modules/ngx_http_echo_module.so; master_process off; daemon off; pid ${folder}/pid;
error_log ${folder}/error.log; events {} http { access_log ${folder}/access.log; server { listen 127.0.0.1:18580; location / { echo hello; } } }`,
    );
    const during = ready(18_580, async () =>
      fetch("http://127.0.0.1:18580/").then((response) => response.text()),
    );
    expect(await outside(["/usr/sbin/nginx", "-c", config], { during })).toEqual([]);
  });

  test("lighttpd with modules", async () => {
    const config = join(folder, "lighttpd.conf");
    writeFileSync(
      config,
      `server.port=18581\nserver.bind="127.0.0.1"\nserver.document-root="/usr/share/doc"\nserver.modules=("mod_access","mod_rewrite","mod_redirect","mod_cgi")\n`,
    );
    const during = ready(18_581, async () =>
      fetch("http://127.0.0.1:18581/").then((response) => response.text()),
    );
    expect(await outside(["/usr/sbin/lighttpd", "-D", "-f", config], { during })).toEqual([]);
  });

  test("a program of musl's", async () => {
    const source = join(folder, "hello.c");
    writeFileSync(
      source,
      `#include <stdio.h>\n#include <stdlib.h>\n#include <pthread.h>\n#include <locale.h>\nstatic void *run(void *a) { return a; }
static int by(const void *a, const void *b) { return *(int *)a - *(int *)b; }
int main(void) { pthread_t t; pthread_create(&t, 0, run, 0); pthread_join(t, 0); int v[] = {3, 1, 2}; qsort(v, 3, sizeof *v, by);
printf("%d %f %s\\n", v[0], 1.5, setlocale(LC_ALL, "C")); return fflush(stdout); }\n`,
    );
    execFileSync("musl-gcc", ["-O2", "-static", "-s", "-o", join(folder, "static"), source]);
    expect(await outside([join(folder, "static")])).toEqual([]);
  });
});

const PROGRAMS: [packages: string[], proof: string][] = [
  [["qemu-user-static"], "/usr/bin/qemu-x86_64-static"],
  [["redis-server", "redis-tools"], "/usr/bin/redis-server"],
  [["nginx-light"], "/usr/sbin/nginx"],
  [["libnginx-mod-http-echo"], "/usr/lib/nginx/modules/ngx_http_echo_module.so"],
  [["sqlite3"], "/usr/bin/sqlite3"],
  [["memcached"], "/usr/bin/memcached"],
  [["lighttpd"], "/usr/sbin/lighttpd"],
  [["python3-minimal"], "/usr/bin/python3"],
  [["perl"], "/usr/bin/perl"],
  [["busybox-static"], "/bin/busybox"],
  [["musl-tools", "gcc"], "/usr/bin/musl-gcc"],
];
