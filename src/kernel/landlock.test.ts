import { closeSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { landlockAbi, launch } from "./index.ts";
import { type LandlockRules, createRuleset } from "./landlock.ts";

const hasLandlock = landlockAbi() > 0;
if (!hasLandlock) process.stderr.write("SKIPPED: file rules: this kernel does not offer Landlock\n");

/** What any program needs to run. */
const SYSTEM = ["/usr/", "/lib/", "/lib64/", "/bin/", "/etc/ld.so.cache"].filter((path) => existsSync(path));

describe.skipIf(!hasLandlock)("Landlock rules", () => {
  let folder: string;
  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "cinch-landlock-")));
    mkdirSync(join(folder, "sub"));
    for (const name of ["a", "b", "sub/c"]) writeFileSync(join(folder, name), `${name}\n`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** What a script manages: a line for each word that it wrote, refusals left out. */
  async function under(rules: Partial<LandlockRules>, script: string): Promise<string[]> {
    let output = "";
    const { exited } = await launch(["/bin/sh", "-c", `cd ${folder}; exec 2> /dev/null; ${script}`], {
      confinement: {
        noNewPrivileges: true,
        landlock: {
          read: [...SYSTEM, ...(rules.read ?? [])],
          write: ["/dev/null", ...(rules.write ?? [])],
          execute: [...SYSTEM, ...(rules.execute ?? [])],
        },
      },
      onOutput: (chunk) => (output += String(chunk)),
    });
    await exited;
    return output.split("\n").filter((line) => line !== "");
  }

  const limitsOf = (rules: Partial<LandlockRules>): { skipped: string[]; limits: string[] } => {
    const { fd, skipped, limits } = createRuleset({ read: [], write: [], execute: [], ...rules });
    closeSync(fd);
    return { skipped, limits };
  };

  test("a file is a file: its neighbours and its folder's names stay closed", async () => {
    expect(await under({ read: [`${folder}/a`] }, "cat a; cat b; ls; echo x > a; cat a")).toEqual(["a", "a"]);
  });

  test("a folder with a slash is all below it; without one, its names alone", async () => {
    expect(await under({ read: [`${folder}/`] }, "cat a; cat sub/c; ls")).toEqual([
      "a",
      "sub/c",
      "a",
      "b",
      "sub",
    ]);
    expect(await under({ read: [folder] }, "cat a; ls")).toEqual(["a", "b", "sub"]);
    expect(limitsOf({ write: [folder] }).limits).toContainEqual(expect.stringContaining(`${folder}/`));
    expect(await under({ write: [folder] }, "touch new && echo made; echo x > a && echo written")).toEqual(
      [],
    );
  });

  test("what may be written may be made, read and removed", async () => {
    const script =
      "echo n > new && cat new && mv new sub/new && rm sub/new && mkdir d && rmdir d && echo done";
    expect(await under({ write: [`${folder}/`] }, script)).toEqual(["n", "done"]);
    // By its file alone it can be rewritten, but not removed.
    expect(await under({ write: [`${folder}/b`] }, "echo b > b && cat b; rm b || echo kept")).toEqual([
      "b",
      "kept",
    ]);
  });

  test("nothing is executed but what is listed", async () => {
    writeFileSync(join(folder, "script"), "#!/bin/sh\necho ran\n", { mode: 0o755 });
    expect(await under({ read: [`${folder}/`] }, "./script; echo $?")).toEqual(["126"]);
    expect(await under({ execute: [`${folder}/script`] }, "./script")).toEqual(["ran"]);
  });

  test("what is not there is told, and gives nothing", () => {
    const missing = join(folder, "missing");
    // A file is no folder either.
    expect(limitsOf({ read: [missing, `${folder}/a/`] }).skipped).toEqual([missing, `${folder}/a/`]);
  });

  test("a process's own folder in /proc is every process's", async () => {
    const read = ["/proc/self/status"];
    expect(await under({ read }, "grep -c Name: /proc/self/status /proc/$$/status")).toEqual([
      "/proc/self/status:1",
      expect.stringMatching(/^\/proc\/\d+\/status:1$/),
    ]);
    expect(limitsOf({ read }).limits).toContainEqual(expect.stringContaining("/proc/self/status"));
  });
});
