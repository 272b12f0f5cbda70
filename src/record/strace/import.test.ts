import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type RecordedFile,
  type RecordedSyscall,
  type Recording,
  parseRecording,
} from "../../profile/index.ts";
import { syscallNumber } from "../../linux/index.ts";
import { importStrace } from "./index.ts";

const read = (name: string): string =>
  readFileSync(join(import.meta.dirname, "testdata", `${name}.strace`), "utf8");
const options = { target: "walk", arch: "x86_64" } as const;
const load = (name: string): Recording => importStrace(read(name), options);
const lines = (...text: string[]): Recording => importStrace(`${text.join("\n")}\n`, options);
const START = 'execve("/bin/x", ["x"], 0x7ffe /* 1 var */) = 0';

function call(recording: Recording, name: string, abi = "native"): RecordedSyscall | undefined {
  return recording.phases.find((phase) => phase.abi === abi)?.syscalls.find((each) => each.name === name);
}

function file(recording: Recording, path: string, ok = true): RecordedFile | undefined {
  return recording.files.find((each) => each.path === path && each.ok === ok);
}

const notes = (recording: Recording): string[] => recording.notes.map(({ code }) => code);

const LOGS = ["walk.terminal", "walk.file", "walk.annotated", "walk.raw", "walk.strace7"];

describe("one program, logged in five ways", () => {
  // What the log of -yy and -y calls real is also what the others lead to by chdir, dup and fork.
  it.each(LOGS)("%s gives the same calls, files and sockets as the others", (name) => {
    // That /dev/null is a device only -yy tells.
    const comparable = ({ files, phases, sockets, executables, lost }: Recording): object => ({
      files: files.map(({ path, access, ok, errnos }) => ({ path, access, ok, errnos })),
      phases,
      sockets,
      executables,
      lost,
    });
    expect(comparable(load(name))).toEqual(comparable(load(LOGS[0]!)));
  });

  // Independent of the importer: in a file of -o each line begins a call, ends one, or is neither.
  it("counts each call of the log once", () => {
    const counts = new Map<string, number>();
    for (const line of read("walk.file").split("\n")) {
      const name = /^\d+ [\d:.]+ ([a-z_0-9]+)\(/
        .exec(line)?.[1]
        ?.replace("syscall_0x1d8", "fchroot")
        .replace("0x3e7", "999");
      if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const recorded = new Map(load("walk.file").phases[0]!.syscalls.map(({ name, count }) => [name, count]));
    expect(recorded).toEqual(counts);
  });

  it("has numbers, errors, and the values of arguments that matter", () => {
    const recording = load("walk.terminal");
    expect(recording.phases.map(({ name, abi }) => `${name} ${abi}`)).toEqual(["app native"]);
    for (const { name, nr } of recording.phases[0]!.syscalls) {
      expect(nr).toBe(name === "syscall_999" ? 999 : syscallNumber("x86_64", name));
    }
    expect(call(recording, "openat")).toMatchObject({
      nr: 257,
      count: 8,
      errnos: ["EBADF", "EFAULT", "ENOENT"],
    });
    expect(call(recording, "fchroot")).toMatchObject({ nr: 472, errnos: ["ENOSYS"] });
    expect(call(recording, "tgkill")).toMatchObject({ count: 1, errnos: [] });
    expect(call(recording, "socket")?.args).toEqual({
      names: ["domain", "type", "protocol"],
      values: [
        [1, 2, 0],
        [2, 1, 0],
        [2, 0o2000001, 6],
        [16, 3, 15],
        [38, 5, 0],
      ],
      closed: true,
    });
    // CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID, without the signal; and clone3's, which are in memory.
    expect(call(recording, "clone")?.args).toEqual({
      names: ["flags"],
      values: [[0x120_0000]],
      closed: true,
    });
    expect(call(recording, "clone3")?.args).toEqual({
      names: ["flags"],
      values: [[0x3d_0f00]],
      closed: true,
    });
    expect(call(recording, "mprotect")?.args?.values).toEqual([[1], [3], [5]]);
    expect(call(recording, "ioctl")?.args?.values).toEqual([[0x5401], [0x5421]]);
    expect(call(recording, "personality")?.args?.values).toEqual([[0xffff_ffff]]);
    expect(call(recording, "prctl")?.args?.values).toEqual([[38]]);
    expect(call(recording, "fcntl")?.args?.values).toEqual([[1]]);
  });

  it("follows folders and descriptors through chdir, fchdir, dup3, fork and execve", () => {
    const recording = load("walk.terminal");
    expect(
      recording.files.map(
        ({ path, access, ok, errnos }) => `${ok ? "" : "!"}${path} ${access.join()} ${errnos?.join() ?? ""}`,
      ),
    ).toEqual([
      "/dev/null read,write ",
      "/proc/self/exe readlink ",
      "!/tmp/no-such-program execute ENOENT",
      "/tmp/walk execute ",
      "/tmp/walk.d create,delete,stat ",
      "/tmp/walk.d/after-exec create,delete,write ",
      "/tmp/walk.d/hard chmod,create,delete ",
      "!/tmp/walk.d/missing stat ENOENT",
      "!/tmp/walk.d/missing/too create,read,write ENOENT",
      "/tmp/walk.d/sub create,delete,read ",
      "/tmp/walk.d/sub/childs create,delete,write ",
      "/tmp/walk.d/sub/file create,rename,write ",
      "/tmp/walk.d/sub/link create,delete,readlink ",
      "!/tmp/walk.d/sub/none write ENOENT",
      '/tmp/walk.d/sub/renamed "<x>"\n create,delete,link ',
      "/tmp/walk.d/sub/socket create,delete ",
    ]);
    expect(file(recording, "/tmp/walk.d/sub")?.type).toBe("directory");
    expect(file(recording, "/tmp/walk.d/sub/socket")?.type).toBe("socket");
    expect(recording.executables).toEqual(["/tmp/walk"]);
  });

  it("has sockets with their addresses", () => {
    const seen = load("walk.annotated").sockets.map(
      (each) => `${each.op} ${each.domain} ${each.type} ${each.protocol} ${each.address}`,
    );
    expect(seen).toEqual([
      "accept AF_INET SOCK_STREAM 6 ",
      "bind AF_INET SOCK_STREAM 6 127.0.0.1:46137",
      "bind AF_UNIX SOCK_DGRAM 0 sub/socket",
      "connect AF_INET SOCK_STREAM 6 127.0.0.1:46137",
      "connect AF_UNIX SOCK_DGRAM 0 sub/none",
      "create AF_INET SOCK_STREAM 0 ",
      "create AF_INET SOCK_STREAM 6 ",
      "create AF_NETLINK SOCK_RAW 15 ",
      "create AF_UNIX SOCK_DGRAM 0 ",
      "listen AF_INET SOCK_STREAM 6 127.0.0.1:46137",
    ]);
  });

  it("takes start and length from the times, where the log has them", () => {
    expect(load("walk.annotated")).toMatchObject({ startedAt: "2026-11-25T02:58:46.432Z", seconds: 0.031 });
    expect(load("walk.file")).toMatchObject({ startedAt: "1970-01-01T00:00:00.000Z", seconds: 0.017 });
    expect(load("walk.terminal").seconds).toBe(0);
    expect(lines(`23:59:59.5 ${START}`, "00:00:01.25 exit(0) = ?").seconds).toBe(1.75);
  });

  it("is never complete, because a log shows no capabilities, and says so", () => {
    const recording = load("walk.terminal");
    expect(recording).toMatchObject({
      complete: false,
      method: "import",
      capabilities: [],
      lost: { strings: 0 },
    });
    expect(notes(recording)).toEqual([
      "capabilities-unseen",
      "interpreters-unseen",
      "links-not-followed",
      "unknown-calls",
    ]);
    // -yy: what was opened is known with links followed, but not what was only named.
    expect(notes(load("walk.annotated"))).toContain("links-not-followed");
  });
});

it.each([...LOGS, "i386.terminal", "x32.file"])("%s makes a recording by the schema", (name) => {
  const recording = load(name);
  expect(parseRecording(JSON.stringify(recording), name)).toEqual(recording);
});

describe("other conventions", () => {
  it("follows what strace says about 32-bit programs", () => {
    const recording = load("i386.terminal");
    expect(recording.phases.map(({ abi }) => abi)).toEqual(["native", "i386"]);
    expect(call(recording, "execve")?.count).toBe(2);
    expect(call(recording, "open", "i386")).toMatchObject({ nr: 5, count: 1 });
    expect(call(recording, "getpid", "i386")?.nr).toBe(20);
    expect(call(recording, "getpid")).toBeUndefined();
    expect(call(recording, "syscall_999", "i386")?.nr).toBe(999);
    // accept has no number of its own on i386; socket has, but a libc of old takes the other way.
    expect(call(recording, "accept", "i386")).toBeUndefined();
    expect(call(recording, "socketcall", "i386")).toMatchObject({
      nr: 102,
      count: 1,
      args: { values: [], closed: false },
    });
    expect(call(recording, "socket", "i386")).toMatchObject({
      nr: 359,
      args: { values: [[2, 1, 0]], closed: true },
    });
    expect(call(recording, "ipc", "i386")).toMatchObject({ nr: 117, assumed: true });
    expect(notes(recording)).toContain("multiplexer-assumed");
    expect(notes(recording)).not.toContain("abi-guessed");
    expect(file(recording, "/etc/passwd")?.access).toEqual(["stat"]);
    expect(recording.lost).toEqual({ strings: 1 });
  });

  it("tells by the names, where -o left the mode out", () => {
    const text = read("i386.terminal").replace(/^\[ Process.*\n/m, "");
    const recording = importStrace(text, options);
    expect(call(recording, "getpid", "i386")?.nr).toBe(20);
    expect(call(recording, "brk")?.count).toBe(1);
    expect(call(recording, "getpid")).toBeUndefined();
    expect(notes(recording)).toContain("abi-guessed");
  });

  it.each(["x32.terminal", "x32.file"])(
    "%s: x32's calls, with the native number where strace marks it",
    (name) => {
      const recording = load(name);
      expect(call(recording, "open", "x32")).toMatchObject({ nr: 2, errnos: ["ENOSYS"] });
      expect(call(recording, "rt_sigaction", "x32")).toMatchObject({ nr: 512, count: 2 });
      expect(call(recording, "execve")?.nr).toBe(59);
      expect(recording.lost).toEqual({ strings: 0 });
      // Only standard error has "runs in 64 bit mode".
      expect(call(recording, "fchroot", name === "x32.terminal" ? "native" : "x32")?.nr).toBe(472);
      expect(notes(recording).includes("abi-guessed")).toBe(name === "x32.file");
    },
  );

  it("says which calls the machine cannot have made", () => {
    const recording = importStrace(`${START}\nopen("/x", O_RDONLY) = 3\n`, { target: "x", arch: "aarch64" });
    expect(call(recording, "open")).toBeUndefined();
    expect(recording.lost).toEqual({ strings: 0, calls: 1 });
    expect(recording.notes).toContainEqual({
      code: "foreign-calls",
      text: "aarch64 has no such calls: open",
    });
  });
});

describe("what is not whole", () => {
  it("counts a call whose line is broken, and the line as lost", () => {
    const recording = lines(
      START,
      'write(2, "\\n", 1',
      ")           = 1",
      'read(3, "abc = 3',
      "hello (world)",
      "[pid x] y",
    );
    expect(call(recording, "write")).toMatchObject({ count: 1, errnos: [] });
    expect(call(recording, "read")).toMatchObject({ count: 1 });
    expect(recording.lost).toEqual({ strings: 0, lines: 5 });
    expect(notes(recording)).toContain("lost-lines");
  });

  it("has no closed values of a call it could not read", () => {
    expect(call(lines(START, "socket(AF_INET, SOCK_STREAM"), "socket")?.args).toMatchObject({
      values: [],
      closed: false,
    });
    expect(call(lines(START, "socket(AF_WHAT, SOCK_STREAM, 0) = 3"), "socket")?.args?.closed).toBe(false);
    const many = Array.from({ length: 65 }, (_, at) => `prctl(${at + 1000}, 0) = 0`);
    expect(call(lines(START, ...many), "prctl")?.args).toMatchObject({ closed: false });
    expect(call(lines(START, ...many), "prctl")?.args?.values).toHaveLength(64);
    expect(call(lines(START, ...many.slice(1)), "prctl")?.args?.closed).toBe(true);
  });

  it("counts calls that never returned, without a loss", () => {
    const recording = lines(
      `7 ${START}`,
      "7 pause( <unfinished ...>",
      "7 <... pause resumed>) = ? ERESTARTNOHAND (To be restarted if no handler)",
      "7 read(3,  <unfinished ...>",
      "7 +++ killed by SIGKILL +++",
    );
    expect(call(recording, "pause")).toMatchObject({ count: 1, errnos: ["ERESTARTNOHAND"] });
    expect(call(recording, "read")).toMatchObject({ count: 1, errnos: [] });
    expect(recording.lost).toEqual({ strings: 0 });
  });

  it("says that the start is missing when strace was attached, and the end when it let go", () => {
    const recording = lines(
      "strace: Process 9 attached",
      "restart_syscall(<... resuming interrupted read ...>) = 1",
      "read(0,  <detached ...>",
    );
    expect(call(recording, "read")?.count).toBe(1);
    expect(notes(recording)).toEqual(expect.arrayContaining(["start-missed", "interrupted"]));
  });

  it("leaves out a relative path whose folder it does not know, and counts it", () => {
    const recording = lines(
      START,
      'open("a", O_RDONLY) = 3',
      'openat(7, "b", O_RDONLY) = 4',
      'stat("/c"..., 0x1) = 0',
    );
    expect(recording.files.map(({ path }) => path)).toEqual(["/bin/x"]);
    expect(recording.lost.strings).toBe(3);
    expect(notes(recording)).toContain("paths-unknown");
  });

  it("learns the first folder from getcwd, also for what came before it", () => {
    const recording = lines(
      START,
      'open("a", O_RDONLY) = 3',
      'chdir("..") = 0',
      'getcwd("/srv", 4096) = 5',
      'open("b", O_RDONLY) = 3',
    );
    expect(file(recording, "/srv/b")?.access).toEqual(["read"]);
    // It moved before it said where it was: where it began stays unknown.
    expect(recording.lost.strings).toBe(2);
    const early = lines(
      START,
      'open("a", O_RDONLY) = 3',
      'getcwd("/srv", 4096) = 5',
      'chdir("..") = 0',
      'open("b", O_RDONLY) = 3',
    );
    expect(early.files.map(({ path }) => path)).toEqual(["/", "/b", "/bin/x", "/srv/a"]);
    expect(early.lost.strings).toBe(0);
  });

  it("takes the folder it is told", () => {
    const recording = importStrace(`${START}\nopen("../a", O_RDONLY) = 3\n`, { ...options, cwd: "/srv/x" });
    expect(file(recording, "/srv/a")).toBeDefined();
  });
});

describe("processes", () => {
  it("gives threads one folder and one table of descriptors, and children their own", () => {
    const recording = lines(
      `7 ${START}`,
      '7 chdir("/a") = 0',
      "7 clone(child_stack=0x1, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD, child_tidptr=0x2) = 8",
      '8 chdir("thread") = 0',
      '8 open("d", O_RDONLY|O_DIRECTORY) = 3',
      "7 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x2) = 9",
      '9 chdir("/child") = 0',
      '9 openat(3, "inherited", O_RDONLY) = 4',
      "9 close(3) = 0",
      '7 open("here", O_RDONLY) = 4',
      '7 openat(3, "shared", O_RDONLY) = 5',
    );
    expect(recording.files.map(({ path }) => path)).toEqual([
      "/a",
      "/a/thread",
      "/a/thread/d",
      "/a/thread/d/inherited",
      "/a/thread/d/shared",
      "/a/thread/here",
      "/bin/x",
      "/child",
    ]);
  });

  it("finds a child's parent among several that are in clone at once", () => {
    const recording = lines(
      `7 ${START}`,
      "7 fork() = 8",
      '7 chdir("/seven") = 0',
      '8 chdir("/eight") = 0',
      "7 fork( <unfinished ...>",
      "8 fork( <unfinished ...>",
      '10 open("of-eight", O_RDONLY) = 3',
      '9 open("of-seven", O_RDONLY) = 3',
      "8 <... fork resumed>) = 10",
      "7 <... fork resumed>) = 9",
    );
    expect(file(recording, "/eight/of-eight")).toBeDefined();
    expect(file(recording, "/seven/of-seven")).toBeDefined();
  });

  it("goes on under the process's id when a thread calls execve", () => {
    const recording = lines(
      `7 ${START}`,
      "7 clone(child_stack=0x1, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD, child_tidptr=0x2) = 8",
      '8 chdir("/a") = 0',
      '8 execve("/bin/y", ["y"], 0x1 /* 1 var */ <unfinished ...>',
      "7 +++ superseded by execve in pid 8 +++",
      "7 <... execve resumed>) = 0",
      '7 open("b", O_RDONLY) = 3',
    );
    expect(recording.executables).toEqual(["/bin/x", "/bin/y"]);
    expect(file(recording, "/a/b")).toBeDefined();
    expect(recording.lost).toEqual({ strings: 0 });
  });

  it("puts the paths of a chroot below its root, and does not let .. out", () => {
    const recording = lines(
      START,
      'chroot("/jail") = 0',
      'chdir("/") = 0',
      'open("../../etc/x", O_RDONLY) = 3',
      'open("/../y", O_RDONLY) = 4',
    );
    expect(file(recording, "/jail/y")).toBeDefined();
    expect(file(recording, "/jail/etc/x")).toBeDefined();
  });
});

describe("with the target's files at hand", () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "cinch-import-"));
    for (const folder of ["bin", "usr", "usr/lib"]) mkdirSync(join(root, folder));
    writeFileSync(join(root, "bin/script"), "#! /bin/tool -x\n");
    writeFileSync(join(root, "usr/tool"), "#!/usr/deep\n");
    writeFileSync(join(root, "usr/deep"), "no script, no ELF");
    writeFileSync(join(root, "usr/lib/libx.so.1.2"), "");
    // Absolute links mean the target's root, not ours.
    symlinkSync("/usr/tool", join(root, "bin/tool"));
    symlinkSync("usr/lib", join(root, "lib"));
    symlinkSync("libx.so.1.2", join(root, "usr/lib/libx.so.1"));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it("follows links, the last one too where a call does, and finds interpreters", () => {
    const text = [
      'execve("/bin/script", ["script"], 0x7ffe /* 1 var */) = 0',
      'open("/lib/libx.so.1", O_RDONLY) = 3',
      'lstat("/lib/libx.so.1", 0x7) = 0',
      'open("/lib/libx.so.2", O_RDONLY) = -1 ENOENT (No such file or directory)',
    ].join("\n");
    const recording = importStrace(text, { ...options, root });
    expect(recording.executables).toEqual(["/bin/script", "/usr/deep", "/usr/tool"]);
    expect(recording.files.map(({ path, access, ok }) => `${ok ? "" : "!"}${path} ${access.join()}`)).toEqual(
      [
        "/bin/script execute",
        "/usr/deep execute,read",
        "/usr/lib/libx.so.1 stat",
        "/usr/lib/libx.so.1.2 read",
        "!/usr/lib/libx.so.2 read",
        "/usr/tool execute,read",
      ],
    );
    expect(notes(recording)).toEqual(["capabilities-unseen"]);
  });
});
