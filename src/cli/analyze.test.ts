import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { imageOf, layoutFiles, writeFiles } from "../../test/support/image-layout.ts";
import { folder, symlink, tarOf } from "../../test/support/tar-archive.ts";
import type { Analysis, Profile } from "../profile/index.ts";
import { resolveTarget } from "../image/index.ts";
import { changedCode } from "./changed.ts";
import { Session } from "./session.ts";
import { Interrupt } from "./context.ts";
import { Place, published } from "./testing.ts";

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => place[Symbol.dispose]());

const run = (argv: string[]) => place.run(argv, { XDG_CACHE_HOME: place.path("cache") });

/** A program of one instruction sequence: mov w, NUMBER; syscall; mov w, 60; syscall. Static, for x86-64. */
function program(number: number): Buffer {
  const code = Buffer.from([0xb8, number, 0, 0, 0, 0x0f, 0x05, 0xb8, 60, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x0b]);
  const header = Buffer.alloc(64 + 56);
  header.write("\x7fELF\x02\x01\x01", 0, "latin1");
  header.writeUInt16LE(2, 16); // ET_EXEC
  header.writeUInt16LE(62, 18); // EM_X86_64
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(0x400078n, 24); // e_entry
  header.writeBigUInt64LE(64n, 32); // e_phoff
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt16LE(64, 58);
  header.writeUInt32LE(1, 64); // PT_LOAD
  header.writeUInt32LE(5, 68); // R and X
  header.writeBigUInt64LE(0x400000n, 80);
  header.writeBigUInt64LE(0x400000n, 88);
  header.writeBigUInt64LE(BigInt(120 + code.length), 96);
  header.writeBigUInt64LE(BigInt(120 + code.length), 104);
  header.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([header, code]);
}

const names = (stdout: string): string[] =>
  (JSON.parse(stdout) as Analysis).syscalls.map(({ name }) => name).sort();

describe("cinch analyze", () => {
  it("one executable: a document that its schema takes, the same from the cache", async () => {
    writeFileSync(place.path("getpid"), program(39));
    const first = await run(["analyze", "file:getpid", "-o", "json"]);
    expect(first.code).toBe(0);
    expect(published(first.stdout)["kind"]).toBe("analysis");
    expect(names(first.stdout)).toEqual(["exit", "getpid", "restart_syscall", "rt_sigreturn"]);
    expect((await run(["analyze", "file:getpid", "-o", "json"])).stdout).toBe(first.stdout);
    writeFileSync(place.path("getpid"), program(110));
    expect(names((await run(["analyze", "file:getpid", "-o", "json"])).stdout)).toContain("getppid");
  });

  it("an image that no engine has, from its entrypoint, by its layers", async () => {
    const layers = [
      tarOf([folder("bin"), { name: "bin/app", content: program(39), mode: 0o755 }]),
      tarOf([
        { name: "bin/.wh.app" },
        { name: "opt/app", content: program(102), mode: 0o755 },
        symlink("bin/run", "/opt/app"),
      ]),
    ];
    const image = imageOf(layers, { config: { Entrypoint: ["/bin/run"] } });
    writeFiles(place.path("layout"), layoutFiles([image.manifest.descriptor], image.blobs));
    for (const round of ["cold", "warm"]) {
      const { code, stdout } = await run(["analyze", "oci-dir:layout", "-o", "json"]);
      expect({ round, code }).toEqual({ round, code: 0 });
      expect(names(stdout)).toContain("getuid");
      expect(names(stdout)).not.toContain("getpid");
    }
    const other = await run(["analyze", "oci-dir:layout", "--platform", "linux/arm64"]);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain("is for linux/amd64, not for linux/arm64");
    // The second time nothing but the manifest was needed.
    for (const { descriptor } of image.layers)
      writeFileSync(place.path(`layout/blobs/${descriptor.digest.replace(":", "/")}`), "");
    expect((await run(["analyze", "oci-dir:layout", "-q"])).code).toBe(0);
    const refused = await run(["analyze", "oci-dir:layout", "--mode", "tight"]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("bytes were announced");
  });

  it("every executable on PATH, with --all; without a command nothing else is asked for", async () => {
    mkdirSync(place.path("root/bin"), { recursive: true });
    writeFileSync(place.path("root/bin/one"), program(39), { mode: 0o755 });
    writeFileSync(place.path("root/bin/two"), program(102), { mode: 0o755 });
    writeFileSync(place.path("root/bin/data"), program(110));
    const found = names((await run(["analyze", "rootfs:root", "--all", "-o", "json"])).stdout);
    expect(found).toEqual(expect.arrayContaining(["getpid", "getuid"]));
    expect(found).not.toContain("getppid");
    expect(names((await run(["analyze", "rootfs:root", "-o", "json", "--", "one"])).stdout)).not.toContain(
      "getuid",
    );
  });

  it("says what can be switched, what is not there, and what cannot be run", async () => {
    const unknown = await run(["analyze", "file:/bin/true", "--assume", "nothing"]);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain("no assumption 'nothing'");
    expect(unknown.stderr).toContain("configured-modules");
    expect((await run(["analyze", "registry:Bad Name"])).stderr).toContain("is not the name of an image");
    const stored = await run(["record", "registry:redis"]);
    expect(stored.code).toBe(2);
    expect(stored.stderr).toContain("hint: docker pull REF");
    mkdirSync(place.path("root"));
    expect((await run(["analyze", "rootfs:root", "--", "/bin/none"])).code).toBe(2);
  });
});

describe("code that changed since the profile", () => {
  async function notes(digest: string): Promise<string[]> {
    using session = new Session(
      {
        process: { stdout: { write: () => true }, stderr: { write: () => true }, env: {} },
        cwd: place.folder,
        command: undefined,
        interrupt: new Interrupt(),
        outcome: 0,
      },
      {},
      [],
    );
    const profile = { analyzed: [{ path: "/app", digest }] } as Profile;
    const target = await resolveTarget("rootfs:root", { cwd: place.folder });
    return (await changedCode(session, profile, target)).map(({ code, text }) => `${code}: ${text}`);
  }

  it("is told with its paths, and nothing where all is the same", async () => {
    mkdirSync(place.path("root"));
    writeFileSync(place.path("app"), program(39));
    copyFileSync(place.path("app"), join(place.path("root"), "app"));
    const digest = `sha256:${createHash("sha256")
      .update(readFileSync(place.path("app")))
      .digest("hex")}`;
    expect(await notes(digest)).toEqual([]);
    expect(await notes(`sha256:${"0".repeat(64)}`)).toEqual([
      expect.stringMatching(/^image-changed: .*\/app changed since.*cinch profile rootfs:root/),
    ]);
  });
});
