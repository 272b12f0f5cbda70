import { describe, expect, test } from "vitest";
import { recording } from "../../../test/support/samples.ts";
import { type FileAccess, type Profile, type RecordedFile, derive, fits } from "../index.ts";

type Use = [path: string, access: FileAccess | FileAccess[], type?: RecordedFile["type"]];

/** The files of a profile made of runs that used these. */
function filesOf(...runs: Use[][]): Profile["filesystem"] {
  const recordings = runs.map((uses, i) => ({
    ...recording,
    kernel: `6.${i}`,
    executables: [],
    sockets: [],
    files: uses.map(([path, access, type]) => ({
      path,
      access: [access].flat(),
      ok: true,
      ...(type !== undefined && { type }),
    })),
  }));
  const { profile, evidence } = derive(recordings);
  for (const one of recordings) expect(fits(profile, one)).toEqual([]);
  const granted = new Set(evidence.grants.map(({ grant }) => grant));
  for (const kind of ["read", "write", "execute", "tmpfs"] as const)
    for (const path of profile.filesystem[kind]) expect(granted).toContain(`${kind}:${path}`);
  return profile.filesystem;
}

const files = (folder: string, n: number): Use[] =>
  Array.from({ length: n }, (_, i): Use => [`${folder}f${i}`, "read", "file"]);

describe("what is read", () => {
  test("a few files of a folder are listed, more of them stand for it", () => {
    expect(filesOf(files("/srv/app/", 3)).read).toEqual(["/srv/app/f0", "/srv/app/f1", "/srv/app/f2"]);
    expect(filesOf(files("/srv/app/", 4)).read).toEqual(["/srv/app/"]);
    expect(filesOf(files("/", 9)).read).toHaveLength(9);
  });

  test("folders of programs, libraries and the kernel's answers are read whole", () => {
    expect(
      filesOf([
        ["/usr/lib/x86_64-linux-gnu/libc.so.6", "read"],
        ["/lib64/ld.so", "read"],
        ["/proc/1234/status", "read"],
        ["/sys/devices/system/cpu/online", "read"],
      ]).read,
    ).toEqual(["/lib64/", "/proc/", "/sys/", "/usr/"]);
  });

  test("much below a folder stands for it, but not at the top", () => {
    const below = (folder: string, n: number): Use[] =>
      Array.from({ length: n }, (_, i): Use => [`${folder}m${i}/index.js`, "read"]);
    expect(filesOf(below("/app/node_modules/", 7)).read).toHaveLength(7);
    expect(filesOf(below("/app/node_modules/", 8)).read).toEqual(["/app/node_modules/"]);
    expect(filesOf(below("/var/", 8)).read).toHaveLength(8);
  });

  test("a folder that was listed is read whole; one that was only looked at is not", () => {
    expect(filesOf([["/etc/app", "read", "directory"]]).read).toEqual(["/etc/app/"]);
    expect(filesOf([["/etc/app", "stat", "directory"]]).read).toEqual([]);
    expect(filesOf([["/", "read", "directory"]]).read).toEqual([]);
  });

  test("what can be written can be read", () => {
    expect(
      filesOf([
        ["/var/lib/app/db", ["create", "read"]],
        ["/var/lib/app/old", "read"],
      ]),
    ).toMatchObject({
      read: [],
      write: ["/var/lib/app/"],
    });
  });
});

describe("what is written", () => {
  test("a folder where files come and go, else the file", () => {
    expect(
      filesOf([
        ["/data/new", "create"],
        ["/log/app.log", "write"],
        ["/spool/job", "delete"],
        ["/conf/dir", "chmod", "directory"],
      ]).write,
    ).toEqual(["/conf/dir/", "/data/", "/log/app.log", "/spool/"]);
  });

  test("many files of one folder stand for it; a folder covers what is below", () => {
    expect(filesOf(["a", "b", "c", "d"].map((name): Use => [`/log/${name}`, "write", "file"])).write).toEqual(
      ["/log/"],
    );
    expect(
      filesOf([
        ["/data/x", "create", "directory"],
        ["/data/x/y/z", "create"],
      ]).write,
    ).toEqual(["/data/"]);
  });

  test("much below a folder stands for it: the next run's names are others", () => {
    const uploads = Array.from({ length: 8 }, (_, i): Use => [`/data/up/2026-01-0${i}/x`, "create"]);
    expect(filesOf(uploads).write).toEqual(["/data/up/"]);
  });

  test("only what is made in / itself makes the root writable", () => {
    expect(filesOf([["/data", "create", "directory"]])).toMatchObject({ root: "writable", write: ["/"] });
    expect(
      filesOf([
        ["/dev/null", "write", "device"],
        ["/proc/self/oom_score_adj", "write"],
      ]),
    ).toMatchObject({
      root: "read-only",
      write: ["/dev/null", "/proc/"],
    });
  });

  test("terminals and shared memory have other names in each run", () => {
    expect(
      filesOf([
        ["/dev/pts/7", "write", "device"],
        ["/dev/shm/sem.x", "create"],
      ]).write,
    ).toEqual(["/dev/pts/", "/dev/shm/"]);
  });

  test("files without a place, and talk through sockets and fifos, are no writes", () => {
    expect(
      filesOf([
        ["/memfd:jit", ["read", "write"], "file"],
        ["/srv/db.sock", "write", "socket"],
        ["/srv/queue", "write", "fifo"],
      ]),
    ).toMatchObject({ write: [], root: "read-only" });
  });

  test("a file that open(O_TMPFILE) made is one that comes and goes", () => {
    expect(filesOf([["/data/#4711", ["read", "write"], "file"]]).write).toEqual(["/data/"]);
  });
});

describe("what may be empty at each start", () => {
  test("folders for files of one run", () => {
    expect(
      filesOf([
        ["/tmp/a1b2", ["create", "read"]],
        ["/run/app.pid", "create"],
      ]),
    ).toMatchObject({
      tmpfs: ["/run/", "/tmp/"],
      write: [],
    });
  });

  test("not if something is read there that the run did not make", () => {
    expect(
      filesOf([
        ["/tmp/a", "create"],
        ["/tmp/seed", "read", "file"],
      ]),
    ).toMatchObject({ tmpfs: [], write: ["/tmp/"] });
    // Not in one run only, either.
    expect(filesOf([["/tmp/seed", ["create", "read"]]], [["/tmp/seed", "read", "file"]])).toMatchObject({
      tmpfs: [],
      write: ["/tmp/"],
    });
  });

  test("and a run that needs something there does not fit", () => {
    const made = derive([
      { ...recording, files: [{ path: "/tmp/a", access: ["create"], ok: true }] },
    ]).profile;
    const seed: RecordedFile = { path: "/tmp/seed", access: ["read"], ok: true, type: "file" };
    const other = { ...recording, files: [seed] };
    expect(made.filesystem.tmpfs).toEqual(["/tmp/"]);
    expect(fits(made, other)).toEqual([
      { grant: "read:/tmp/seed", reason: "read, of what was there before; /tmp/ may be empty" },
    ]);
  });

  test("a folder that was there before is there again", () => {
    expect(filesOf([["/run/postgresql/.s.PGSQL.5432.lock", "create"]]).tmpfs).toEqual(["/run/postgresql/"]);
    expect(
      filesOf([
        ["/run/postgresql/x", "create"],
        ["/run/app.pid", "create"],
      ]).tmpfs,
    ).toEqual(["/run/", "/run/postgresql/"]);
    expect(
      filesOf([
        ["/run/app", "create", "directory"],
        ["/run/app/x", "create"],
      ]).tmpfs,
    ).toEqual(["/run/"]);
  });

  test("a part of it, where another part is needed", () => {
    expect(
      filesOf([
        ["/run/secrets/key", "read", "file"],
        ["/run/app/x.pid", "create"],
      ]),
    ).toMatchObject({ tmpfs: ["/run/app/"], read: ["/run/secrets/key"], write: [] });
  });

  test("not with a mount for each of many folders", () => {
    const made = Array.from({ length: 9 }, (_, i): Use => [`/tmp/d${i}/x`, "create"]);
    expect(filesOf(made)).toMatchObject({ tmpfs: [], write: ["/tmp/"] });
  });

  test("stale files that are only cleared away are no need", () => {
    expect(
      filesOf([
        ["/run/app.pid", ["delete", "stat"]],
        ["/run/new.pid", "create"],
      ]).tmpfs,
    ).toEqual(["/run/"]);
  });
});

describe("what is executed", () => {
  test("programs by name, with those that only the list of executables has", () => {
    const { profile } = derive([
      { ...recording, executables: ["/usr/bin/app", "/lib64/ld-linux-x86-64.so.2"] },
    ]);
    expect(profile.filesystem.execute).toEqual(["/lib64/ld-linux-x86-64.so.2", "/usr/bin/app"]);
  });

  test("a program or library that the run put there has another name next time", () => {
    expect(
      filesOf([
        ["/tmp/x1/run", ["create", "execute"]],
        ["/tmp/x1", "create", "directory"],
      ]).execute,
    ).toEqual(["/tmp/x1/"]);
    expect(filesOf([["/tmp/libnetty7.so", ["create", "read"]]])).toMatchObject({
      execute: ["/tmp/"],
      tmpfs: ["/tmp/"],
    });
  });
});
