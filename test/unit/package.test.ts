import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const repository = join(import.meta.dirname, "../..");
const manifest = createRequire(import.meta.url)("../../package.json") as {
  version: string;
  bin: Record<string, string>;
  files: string[];
};

describe("the package as npm would install it", () => {
  let folder: string;
  beforeAll(() => {
    // Node strips no types below node_modules: what works here works as JavaScript.
    folder = join(mkdtempSync(join(tmpdir(), "cinch-package-")), "node_modules/cinch");
    mkdirSync(folder, { recursive: true });
    const tsc = join(repository, "node_modules/.bin/tsc");
    const built = spawnSync(tsc, ["-p", "tsconfig.build.json", "--outDir", join(folder, "dist")], {
      cwd: repository,
      encoding: "utf8",
    });
    expect(built.stdout).toBe("");
    copyFileSync(join(repository, "package.json"), join(folder, "package.json"));
    symlinkSync(join(repository, "node_modules"), join(folder, "node_modules"));
    for (const name of manifest.files.filter((file) => file !== "dist"))
      cpSync(join(repository, name), join(folder, name), { recursive: true });
  });
  afterAll(() => rmSync(join(folder, "../.."), { recursive: true, force: true }));

  const cinch = (...args: string[]): { stdout: string; stderr: string; status: number | null } =>
    spawnSync(process.execPath, [join(folder, manifest.bin["cinch"]!), ...args], { encoding: "utf8" });

  it("has a command that starts, and says what it is", () => {
    expect(cinch("--version")).toMatchObject({ status: 0, stdout: `${manifest.version}\n`, stderr: "" });
    const help = cinch("--help");
    expect(help).toMatchObject({ status: 0, stderr: "" });
    expect(help.stdout).toContain("profile");
  });

  it("runs a command that loads the rooms", () => {
    const doctor = cinch("doctor", "-q", "-o", "json");
    expect(doctor.stderr).toBe("");
    expect(JSON.parse(doctor.stdout)).toMatchObject({ kind: "doctor" });
  });

  it("holds no tests", () => {
    expect(globSync("dist/**/*{.test,testing}*", { cwd: folder })).toEqual([]);
    expect(manifest.files.every((name) => name === "dist" || existsSync(join(repository, name)))).toBe(true);
  });
});

describe("docker cinch", () => {
  const plugin = join(repository, "integrations/docker-cinch");

  it("tells Docker what it is, in the form of Docker's plugins", () => {
    const { stdout, status } = spawnSync(plugin, ["docker-cli-plugin-metadata"], { encoding: "utf8" });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ SchemaVersion: "0.1.0", Version: manifest.version });
    expect((JSON.parse(stdout) as { Vendor: string }).Vendor).not.toBe("");
  });

  it("is the checkout's cinch, also through the link in Docker's folder", () => {
    const folder = mkdtempSync(join(tmpdir(), "cinch plugin "));
    const link = join(folder, "docker-cinch");
    symlinkSync(plugin, link);
    // As Docker calls it: its own name as the first word.
    const result = spawnSync(link, ["cinch", "--version"], { encoding: "utf8" });
    rmSync(folder, { recursive: true });
    expect(result).toMatchObject({ status: 0, stdout: `${manifest.version}\n` });
  });
});
