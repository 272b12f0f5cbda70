import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

// What a newcomer types first: `./cinch profile examples/guestbook`. Root or not, it must end with a verdict.

const repository = join(import.meta.dirname, "../..");
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

/** Whether a user without privilege may read the checkout (not below /root, say). */
const isReadable =
  isRoot &&
  spawnSync("test", ["-r", join(repository, "src/cli/main.ts")], { uid: NOBODY, gid: NOBODY }).status === 0;

let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "cinch-first-"));
  cpSync(join(repository, "examples/guestbook"), folder, {
    recursive: true,
    filter: (path) => !/\/(?:data|security)$/.test(path),
  });
  // The example's port may be somebody's on this machine.
  const file = join(folder, "cinch.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replaceAll("8080", String(await freePort())));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function profile(id?: number): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const user = id === undefined ? {} : { uid: id, gid: id };
  if (id !== undefined) spawnSync("chown", ["-R", `${id}:${id}`, folder]);
  const child = spawn(join(repository, "cinch"), ["profile", folder, "--runs", "1"], {
    ...user,
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: folder, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

describe("the first command", () => {
  it("profiles the guestbook as whoever runs the tests", async () => {
    const { code, stdout, stderr } = await profile();
    expect(stderr + stdout).toContain("held: 1 of 1");
    expect(code).toBe(0);
    expect(stderr).toMatch(
      isRoot && existsSync("/sys/kernel/btf/vmlinux") ? /by eBPF/ : /by seccomp user notification/,
    );
    const text = readFileSync(join(folder, "security/guestbook.profile.yaml"), "utf8");
    expect(text).toMatch(/^ +- listen$/m);
    expect(text).not.toMatch(/- (?:mount|ptrace|bpf|init_module)$/m);
    // What it leaves behind is what it says: the profile and its evidence, the entries, nothing that runs.
    expect(existsSync(join(folder, "security/guestbook.evidence.json"))).toBe(true);
  });

  it.runIf(isReadable)("profiles it as a user without privilege, by notification", async () => {
    const { code, stdout, stderr } = await profile(NOBODY);
    expect(stderr + stdout).toContain("held: 1 of 1");
    expect(code).toBe(0);
    expect(stderr).toMatch(/by seccomp user notification/);
  });
});
