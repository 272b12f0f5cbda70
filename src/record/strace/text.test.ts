import { describe, expect, it } from "vitest";
import { annotatedPath, parseCall, parseDescriptor, parseString } from "./call.ts";
import { parseLine } from "./line.ts";
import { parseAddress } from "./sockets.ts";
import { evaluate, hasFlag } from "./values.ts";

describe("lines", () => {
  it.each([
    ["getpid() = 7", undefined],
    ["[pid  1234] getpid() = 7", 1234],
    ["[pid 1234<sh>] getpid() = 7", 1234],
    ["1234  getpid() = 7", 1234],
    ["1234<a b> getpid() = 7", 1234],
    ["1234 12:34:56 getpid() = 7", 1234],
    ["[pid 1234] 12:34:56.000001 getpid() = 7", 1234],
    ["12:34:56 getpid() = 7", undefined],
    ["1700000000.123456 getpid() = 7", undefined],
    ["     0.000123 getpid() = 7", undefined],
    ["1234      0.000123 [  39] [00007f89e996aad7] getpid() = 7", 1234],
    ["12:34:56 (+     0.000123) getpid() = 7", undefined],
    ["[????????????????] getpid() = 7", undefined],
  ])("%s", (text, pid) => {
    expect(parseLine(text)).toMatchObject({ kind: "call", pid, text: "getpid() = 7" });
  });

  it.each([
    ["7 read(3,  <unfinished ...>", { kind: "unfinished", pid: 7, text: "read(3, " }],
    ["7 read(3, <ptrace(SYSCALL):No such process>", { kind: "unfinished", text: "read(3," }],
    ['[pid 7] <... read resumed>"x", 1) = 1', { kind: "resumed", pid: 7, name: "read", text: '"x", 1) = 1' }],
    ["7 <... read resumed> ) = 1", { kind: "resumed", name: "read", text: ") = 1" }],
    ["7 +++ exited with 0 +++", { kind: "ended", pid: 7 }],
    ["+++ killed by SIGSEGV (core dumped) +++", { kind: "ended" }],
    ["7 +++ superseded by execve in pid 9 +++", { kind: "superseded", pid: 7, by: 9 }],
    ["strace: Process 9 attached", { kind: "attached", child: 9, before: "" }],
    ["/usr/bin/strace: Process 9 attached", { kind: "attached", child: 9, before: "" }],
    ["[pid 7] vfork(strace: Process 9 attached", { kind: "attached", child: 9, before: "vfork(", pid: 7 }],
    ["[ Process PID=9 runs in 32 bit mode. ]", { kind: "mode", process: 9, abi: "i386" }],
    ["7 [ Process PID=9 runs in 64 bit mode. ]", { kind: "mode", process: 9, abi: "native" }],
    ["strace: [ Process PID=9 runs in x32 mode. ]", { kind: "mode", process: 9, abi: "x32" }],
    ["7 --- SIGCHLD {si_signo=SIGCHLD} ---", { kind: "aside" }],
    [" > /usr/lib/libc.so.6(read+0x1) [0x2]", { kind: "aside" }],
    ["% time     seconds  usecs/call     calls    errors syscall", { kind: "aside" }],
    ["------ ----------- ----------- --------- --------- ----------------", { kind: "aside" }],
    ["  1.26    0.000022          22         1         1 access", { kind: "aside" }],
    ["", { kind: "aside" }],
    ["Hello, world", { kind: "unknown" }],
    ["+++ what +++", { kind: "unknown" }],
  ])("%s", (text, line) => expect(parseLine(text)).toMatchObject(line));
});

describe("calls", () => {
  it.each([
    ["getpid()                                = 7", [], 7, undefined],
    ["exit_group(0)                           = ?", ["0"], undefined, undefined],
    ["brk(NULL) = 0x55c14771f000", ["NULL"], 0x55c1_4771_f000, undefined],
    [
      "mmap(NULL, 1, PROT_READ|PROT_WRITE) = 0xffffffffffffffff",
      ["NULL", "1", "PROT_READ|PROT_WRITE"],
      undefined,
      undefined,
    ],
    ['access("/x", R_OK) = -1 ENOENT (No such file or directory) <0.000027>', ['"/x"', "R_OK"], -1, "ENOENT"],
    ["x(1) = -1 (errno 999)", ["1"], -1, "errno 999"],
    ["pause() = ? ERESTARTNOHAND (To be restarted if no handler)", [], undefined, "ERESTARTNOHAND"],
    [
      "poll([{fd=3, events=POLLIN}], 1, -1) = 1 ([{fd=3, revents=POLLIN}])",
      ["[{fd=3, events=POLLIN}]", "1", "-1"],
      1,
      undefined,
    ],
    ['write(1, ") = 3, \\"", 9) = 9', ["1", '") = 3, \\""', "9"], 9, undefined],
    [
      "wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 5",
      ["-1", "[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]", "0", "NULL"],
      5,
      undefined,
    ],
    [
      'execve("/x", ["x"], 0x7 /* 3 vars, (no) */) = 0',
      ['"/x"', '["x"]', "0x7 /* 3 vars, (no) */"],
      0,
      undefined,
    ],
    ["close(3<TCP:[1.2.3.4:5->6.7.8.9:10]>) = 0", ["3<TCP:[1.2.3.4:5->6.7.8.9:10]>"], 0, undefined],
    ["close(3</dev/null<char 1:3>>) = 0", ["3</dev/null<char 1:3>>"], 0, undefined],
    ['read(3</a, b) \\"c>, NULL, 1<<20) = 0', ['3</a, b) \\"c>', "NULL", "1<<20"], 0, undefined],
    ["f(1) = -1 ENOSYS (Function not implemented) (INJECTED)", ["1"], -1, "ENOSYS"],
  ])("%s", (text, args, ret, errno) => expect(parseCall(text)).toMatchObject({ args, ret, errno }));

  it.each([
    "",
    "read",
    "read(",
    "read(3",
    "read(3)",
    "read(3) =",
    'read("',
    "Read(3) = 1",
    "read(3</x) = 1",
    "read(3] = 1",
  ])("%s is none", (text) => expect(parseCall(text)).toBeUndefined());

  it("knows x32's native numbers by their mark, and what a result stands for", () => {
    expect(parseCall("rt_sigaction#64(0) = 0")).toMatchObject({ name: "rt_sigaction", mark: "64" });
    expect(parseCall('open("x", 0) = 3</real/x>')?.retAnnotation).toBe("/real/x");
  });
});

describe("arguments", () => {
  it("reads strings with C's escapes, as UTF-8", () => {
    expect(parseString('"a\\"b\\\\c\\n\\t\\0011\\x41\\303\\244"')).toEqual({
      value: 'a"b\\c\n\t\u000111\u0041ä'.replace("11", "1"),
      cut: false,
    });
    expect(parseString('"abc"...')).toEqual({ value: "abc", cut: true });
    expect(parseString("0x7ffe")).toBeUndefined();
    expect(parseString('"abc')).toBeUndefined();
  });

  it("reads descriptors, however they are written", () => {
    expect(parseDescriptor("3")).toEqual({ fd: 3, annotation: undefined });
    expect(parseDescriptor("AT_FDCWD</a b>")).toEqual({ fd: -100, annotation: "/a b" });
    expect(parseDescriptor("-100 /* AT_FDCWD */")?.fd).toBe(-100);
    expect(parseDescriptor("0xffffff9c")?.fd).toBe(-100);
    expect(parseDescriptor("NULL")).toBeUndefined();
    expect(annotatedPath("/dev/null<char 1:3>")).toEqual({ path: "/dev/null", isDevice: true });
    expect(annotatedPath("/a\\76b")).toEqual({ path: "/a>b", isDevice: false });
    expect(annotatedPath("pipe:[7]")).toBeUndefined();
  });

  it.each([
    ["AF_INET", 2n],
    ["SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK", 0o2004001n],
    ["0x80000 /* O_CLOEXEC */", 0x8_0000n],
    ["htons(ETH_P_ALL)", 0x300n],
    ["_IOC(_IOC_READ|_IOC_WRITE, 0x54, 0x2a, 0x10)", 0xc010_542an],
    ["SNDCTL_TMR_TIMEBASE or TCGETS", 0x5401n],
    ["1<<7|0644", 0o644n | 128n],
    ["-1", 0xffff_ffffn],
    ["PROT_NONE", 0n],
    ["AF_NO_SUCH", undefined],
    ["AF_INET|AF_NO_SUCH", undefined],
    ["", undefined],
    ["AF_INET, SOCK_STREAM", undefined],
    ["constructor", undefined],
    ["1|".repeat(70), undefined],
    ["/*".repeat(5000), undefined],
  ])("%s is %s", (text, value) =>
    expect(evaluate(text, ["AF", "SOCK", "ioctl", "ethertype", "prot"])).toBe(value),
  );

  it("finds flags in names and numbers", () => {
    expect(hasFlag("O_RDONLY|O_CLOEXEC", 0x8_0000n)).toBe(true);
    expect(hasFlag("0x80000", 0x8_0000n)).toBe(true);
    expect(hasFlag("O_RDONLY", 0x8_0000n)).toBe(false);
    expect(hasFlag(undefined, 0x8_0000n)).toBe(false);
  });
});

describe("addresses", () => {
  it.each([
    ['{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}', "AF_INET", "127.0.0.1:80"],
    ['{sa_family=0x2, sin_port="\\x00\\x50", sin_addr="\\x7f\\x00\\x00\\x01"}', "AF_INET", "127.0.0.1:80"],
    [
      '{sa_family=AF_INET6, sin6_port=htons(9), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "fe80::1:0:2", &sin6_addr), sin6_scope_id=0}',
      "AF_INET6",
      "[fe80::1:0:2]:9",
    ],
    [
      '{sa_family=AF_INET6, sin6_port=htons(9), inet_pton(AF_INET6, "::ffff:1.2.3.4", &sin6_addr)}',
      "AF_INET6",
      "[::ffff:1.2.3.4]:9",
    ],
    ['{sa_family=AF_INET6, sin6_port=htons(9), inet_pton(AF_INET6, "::", &sin6_addr)}', "AF_INET6", "[::]:9"],
    ['{sa_family=AF_UNIX, sun_path="/run/a, {b}"}', "AF_UNIX", "/run/a, {b}"],
    ['{sa_family=AF_UNIX, sun_path=@"abstract"}', "AF_UNIX", "@abstract"],
    ["{sa_family=AF_UNIX}", "AF_UNIX", ""],
    ["{sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}", "AF_NETLINK", ""],
    [
      '{msg_name={sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("8.8.8.8")}, msg_namelen=16}',
      "AF_INET",
      "8.8.8.8:53",
    ],
    ['{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("999.0.0.1")}', "AF_INET", ""],
  ])("%s", (text, domain, address) => expect(parseAddress(text)).toEqual({ domain, address }));

  it("is none of NULL and of a message without a name", () => {
    expect(parseAddress("NULL")).toBeUndefined();
    expect(parseAddress("{msg_name=NULL, msg_namelen=0}")).toBeUndefined();
  });
});
