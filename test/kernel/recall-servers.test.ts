import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ready } from "../support/coverage.ts";
import { ensurePackages } from "../support/packages.ts";
import { Recall } from "../support/recall.ts";
import { tier } from "../support/tier.ts";
import { recordTree } from "../support/tree-recording.ts";

/** As recall.test.ts, for servers that are large: databases, web servers with modules, interpreters that make code. */
tier("kernel")("an analysis holds what large servers do", () => {
  let folder: string;
  let recall: Recall;
  beforeAll(() => {
    for (const [packages, proof] of PROGRAMS) ensurePackages(packages, proof);
    folder = mkdtempSync(join(tmpdir(), "cinch-servers-"));
    chmodSync(folder, 0o777);
    recall = new Recall(join(folder, "cache"));
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("MariaDB: a new database, tables, a flush, an alteration", async () => {
    const data = join(folder, "mariadb");
    mkdirSync(data);
    execFileSync("chown", ["mysql", data]);
    const socket = join(data, "sock");
    const script = `mariadb-install-db --no-defaults --user=mysql --datadir=${data}/db --skip-test-db >/dev/null
exec mariadbd --no-defaults --user=mysql --datadir=${data}/db --socket=${socket} --port=17306 --bind-address=127.0.0.1`;
    const sql =
      "create database d; use d; create table t(a int) engine=innodb; insert into t values(1),(2); alter table t add b text; optimize table t; flush logs; select sleep(0.1); select * from t order by a";
    const recording = await recordTree(["sh", "-c", script], {
      during: ready(
        17_306,
        () => void execFileSync("mariadb", ["--no-defaults", "-uroot", "-S", socket, "-e", sql]),
      ),
    });
    expect(await recall.missing(recording)).toEqual([]);
  });

  test("Apache: processes and threads, modules, a graceful restart", async () => {
    const root = join(folder, "apache");
    mkdirSync(root);
    const modules = [
      "mpm_event",
      "authz_core",
      "dir",
      "mime",
      "cgid",
      "rewrite",
      "proxy",
      "proxy_fcgi",
      "deflate",
      "status",
    ];
    writeFileSync(
      join(root, "conf"),
      `ServerName localhost\nServerRoot ${root}\nDefaultRuntimeDir ${root}\nPidFile ${root}/pid\nListen 127.0.0.1:18183\nErrorLog ${root}/error.log\nUser www-data\nGroup www-data
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join("\n")}
DocumentRoot /usr/share/doc\nTypesConfig ${root}/mime\n<Directory />\nRequire all granted\n</Directory>\n`,
    );
    writeFileSync(join(root, "mime"), "text/plain txt\n");
    const recording = await recordTree(["apache2", "-DFOREGROUND", "-f", join(root, "conf")], {
      during: ready(18_183, async () => {
        await fetch("http://127.0.0.1:18183/").then((response) => response.text());
        execFileSync("apache2", ["-f", join(root, "conf"), "-k", "graceful"]);
        await sleep(700);
        await fetch("http://127.0.0.1:18183/missing").then((response) => response.text());
      }),
    });
    expect(await recall.missing(recording)).toEqual([]);
  });

  test("PHP: workers that run scripts, with extensions", async () => {
    const root = join(folder, "php");
    mkdirSync(root);
    writeFileSync(
      join(root, "conf"),
      `[global]\nerror_log = ${root}/error.log\ndaemonize = no\n[www]\nuser = www-data\ngroup = www-data\nlisten = 127.0.0.1:17900\npm = dynamic\npm.max_children = 3\npm.start_servers = 1\npm.min_spare_servers = 1\npm.max_spare_servers = 2\n`,
    );
    const script = join(folder, "page.php");
    writeFileSync(
      script,
      "<?php echo json_encode(getrusage()), gethostbyname('localhost'), shell_exec('id'); preg_match('/a+/', 'aa'); file_put_contents(tempnam('/tmp', 'x'), 'y'); session_start(); usleep(1000);",
    );
    chmodSync(script, 0o644);
    const request = (): void => {
      execFileSync("cgi-fcgi", ["-bind", "-connect", "127.0.0.1:17900"], {
        env: { PATH: "/usr/bin", SCRIPT_FILENAME: script, REQUEST_METHOD: "GET", QUERY_STRING: "" },
      });
    };
    const recording = await recordTree(["php-fpm8.2", "-F", "-y", join(root, "conf")], {
      during: ready(17_900, request),
    });
    expect(await recall.missing(recording)).toEqual([]);
  });

  test("Node: a server, threads, processes, a compiled module", async () => {
    const script = `const http = require("http"), fs = require("fs"), { Worker } = require("worker_threads"), { execSync } = require("child_process");
http.createServer(async (asked, answer) => {
  execSync("true"); fs.readdirSync("/"); require("zlib").gzipSync("x".repeat(9999)); require("crypto").scryptSync("a", "b", 32);
  await new Promise((done) => new Worker("1", { eval: true }).on("exit", done));
  require("dns").lookup("localhost", () => answer.end("ok"));
}).listen(17980, "127.0.0.1"); fs.watch(${JSON.stringify(folder)}, () => {});`;
    const during = ready(17_980, () => fetch("http://127.0.0.1:17980/").then((response) => response.text()));
    const node = join(process.cwd(), "node_modules/node/bin/node");
    expect(await recall.missing(await recordTree([node, "-e", script], { during }))).toEqual([]);
  });

  test("Rust: sccache, a server with threads that starts compilers", async () => {
    const source = join(folder, "a.c");
    writeFileSync(source, "int main(void) { return 0; }\n");
    const env = `SCCACHE_NO_DAEMON=1 SCCACHE_START_SERVER=1 SCCACHE_SERVER_PORT=17226 SCCACHE_DIR=${folder}/sccache`;
    const during = ready(17_226, () => {
      execFileSync("sccache", ["gcc", "-c", source, "-o", join(folder, "a.o")], {
        env: { PATH: "/usr/bin:/bin", HOME: folder, SCCACHE_SERVER_PORT: "17226" },
      });
    });
    const recording = await recordTree(["sh", "-c", `exec env ${env} sccache`], { during });
    expect(recording.executables.some((path) => path.endsWith("/sccache"))).toBe(true);
    expect(await recall.missing(recording)).toEqual([]);
  });
});

const PROGRAMS: [packages: string[], proof: string][] = [
  [["mariadb-server"], "/usr/sbin/mariadbd"],
  [["apache2"], "/usr/sbin/apache2"],
  [["php8.2-fpm"], "/usr/sbin/php-fpm8.2"],
  [["libfcgi-bin"], "/usr/bin/cgi-fcgi"],
  [["sccache", "gcc"], "/usr/bin/sccache"],
];
