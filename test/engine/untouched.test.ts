import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerHost, ensureImage } from "../support/docker.ts";
import { tier } from "../support/tier.ts";

/**
 * What analysis is for: a profile made with a workload of seconds also holds when the program does what that workload never
 * touched. Files are what the short run must have shown, for no analysis tells them.
 */
tier("engine")("functions that no run took pass under the profile", () => {
  const repository = join(import.meta.dirname, "../..");
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "cinch-untouched-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function cinch(...argv: string[]): Promise<{ said: string; code: number | null }> {
    const child = spawn(join(repository, "cinch"), argv, {
      cwd: folder,
      env: { ...process.env, DOCKER_HOST: dockerHost(), NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    return { said, code };
  }

  const each = (commands: readonly string[]): string[] => commands.flatMap((command) => ["--exec", command]);

  test("redis: a rewritten log, replication, new limits, a slow log", async () => {
    const image = `docker:${await ensureImage("redis")}`;
    const ready = ["--ready", "tcp:6379", "--runs", "1"];
    const made = await cinch(
      "profile",
      image,
      ...ready,
      "--name",
      "redis",
      ...each(["redis-cli set a b", "redis-cli save"]),
    );
    expect(made.said).toContain("held: 1 of 1");
    const later = [
      "redis-cli bgrewriteaof",
      "redis-cli config set maxmemory 10mb",
      "redis-cli replicaof 127.0.0.1 6379",
      "redis-cli replicaof no one",
      "redis-cli slowlog get",
      "redis-cli memory doctor",
      "redis-cli client kill type normal skipme yes",
    ];
    const proven = await cinch("verify", "redis.profile.yaml", image, ...ready, ...each(later));
    expect(proven.said).toContain("held: 1 of 1");
    expect(proven.code).toBe(0);
  });

  test("PostgreSQL: VACUUM FULL, an index, a program that takes a copy, a crash and the recovery from it", async () => {
    const image = `docker:${await ensureImage("postgres")}`;
    const psql = (sql: string): string => `psql -h 127.0.0.1 postgres -v ON_ERROR_STOP=1 -c "${sql}"`;
    const ready = ["--ready", "log:ready to accept connections", "--runs", "1"];
    const made = await cinch("profile", image, ...ready, "--name", "postgres", "--exec", psql("select 1"));
    expect(made.said).toContain("held: 1 of 1");
    const later = [
      psql("create table t as select generate_series(1,20000) a"),
      psql("create index on t(a)"),
      psql("vacuum full t"),
      psql("copy (select 1) to program 'cat > /dev/null'"),
      psql(
        "set max_parallel_workers_per_gather=2; set min_parallel_table_scan_size=0; select count(*) from t",
      ),
      // A worker that is killed makes the server start all of them anew.
      "kill -9 $(psql -h 127.0.0.1 postgres -Atc 'select pg_backend_pid() from pg_sleep(0)' -c 'select pid from pg_stat_activity where backend_type = $$checkpointer$$' | tail -n 1)",
      "for i in 1 2 3 4 5 6 7 8 9 10; do psql -h 127.0.0.1 postgres -c 'select count(*) from t' && exit 0; sleep 1; done; exit 1",
    ];
    const proven = await cinch("verify", "postgres.profile.yaml", image, ...ready, ...each(later));
    expect(proven.said).toContain("held: 1 of 1");
    expect(proven.code).toBe(0);
  });

  test("nginx: a reload, a log rotation, a test of its configuration", async () => {
    const image = `docker:${await ensureImage("nginx")}`;
    const ready = ["--ready", "tcp:80", "--runs", "1"];
    const made = await cinch("profile", image, ...ready, "--name", "nginx", "--exec", "nginx -t");
    expect(made.said).toContain("held: 1 of 1");
    const proven = await cinch(
      "verify",
      "nginx.profile.yaml",
      image,
      ...ready,
      ...each(["nginx -s reload", "sleep 0.5", "nginx -s reopen", "sleep 0.2"]),
    );
    expect(proven.said).toContain("held: 1 of 1");
    expect(proven.code).toBe(0);
  });
});
