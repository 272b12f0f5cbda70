import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { arm64 } from "../../src/analyze/machine/arm64/arm64.ts";
import { Coverage, ready } from "../support/coverage.ts";
import { disassembled, writtenBy } from "../support/objdump.ts";
import { ensurePackages } from "../support/packages.ts";
import { tier } from "../support/tier.ts";

/** As coverage.test.ts, for programs of Debian's arm64, which qemu's emulation of a process runs in a root of their own. */
tier("kernel")("arm64: no executed function and no call is outside", () => {
  let root: string;
  let coverage: Coverage;
  beforeAll(() => {
    ensurePackages(["mmdebstrap"], "/usr/bin/mmdebstrap");
    ensurePackages(["qemu-user-static"], "/usr/bin/qemu-aarch64-static");
    ensurePackages(["binutils-aarch64-linux-gnu"], "/usr/bin/aarch64-linux-gnu-objdump");
    ensurePackages(["redis-tools"], "/usr/bin/redis-cli");
    root = mkdtempSync(join(tmpdir(), "cinch-arm64-"));
    execFileSync(
      "mmdebstrap",
      ["--quiet", "--arch=arm64", "--variant=extract", `--include=${PACKAGES}`, "bookworm", root],
      {
        stdio: "pipe",
      },
    );
    copyFileSync("/usr/bin/qemu-aarch64-static", join(root, "usr/bin/qemu-aarch64-static"));
    // What configuring the packages would have made; only unpacked, they run no program of another machine.
    writeFileSync(
      join(root, "etc/passwd"),
      "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n",
    );
    writeFileSync(join(root, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
    writeFileSync(join(root, "etc/hosts"), "127.0.0.1 localhost\n");
    writeFileSync(join(root, "etc/nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n");
    mkdirSync(join(root, "work"));
    coverage = new Coverage(root, join(root, "cache"), { machine: "aarch64" });
  }, 600_000);
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  // What a decoder misses, an analysis does not see: ways and writers are held against binutils' words for the same code.
  for (const file of [
    "/lib/aarch64-linux-gnu/libc.so.6",
    "/usr/sbin/nginx",
    "/usr/lib/aarch64-linux-gnu/libcrypto.so.3",
  ])
    test(`${file} is read as binutils reads it`, () => {
      const wrong = new Set<string>();
      let count = 0;
      for (const shown of disassembled(join(root, file))) {
        const { address, word, mnemonic, operands } = shown;
        // Padding.
        if (word === 0) continue;
        count += 1;
        const code = Buffer.alloc(4);
        code.writeUInt32LE(word);
        const [insn] = arm64.lower(code, address);
        const { flow, target, effects } = insn!;
        const told = `${mnemonic} ${operands.join(", ")}`;
        const expected = FLOWS.find(([names]) => names.test(mnemonic))?.[1] ?? "next";
        if (flow !== expected) wrong.add(`${told}: ${flow}`);
        const aim = addressOf(operands.at(-1) ?? "");
        if (
          (flow === "branch" || flow === "jump" || flow === "call") &&
          target !== undefined &&
          target !== aim
        )
          wrong.add(`${told}: to ${target.toString(16)}`);
        if (/^adrp?$/.test(mnemonic) && /^x\d+$/.test(operands[0]!)) {
          const value = effects[0]?.value;
          if (value?.kind !== "address" || value.value !== aim)
            wrong.add(`${told}: ${JSON.stringify(value)}`);
        }
        if (mnemonic === "mov" && /^(x|w|sp)/.test(operands[0]!) && operands[1]?.startsWith("#") === true) {
          const value = BigInt.asIntN(
            64,
            BigInt(operands[1].slice(1).replace(/^-/, "")) * (operands[1][1] === "-" ? -1n : 1n),
          );
          const isWide = operands[0]!.startsWith("x") || operands[0] === "sp";
          const made = effects[0]?.value;
          const expected = isWide ? value : BigInt.asUintN(32, value);
          const isBeyond = expected > Number.MAX_SAFE_INTEGER || expected < Number.MIN_SAFE_INTEGER;
          if (effects.length > 0 && !isBeyond && (made?.kind !== "const" || BigInt(made.value) !== expected))
            wrong.add(`${told}: ${JSON.stringify(made)}`);
        }
        for (const register of writtenBy(shown))
          if (
            !effects.some(({ to }) => typeof to === "object" && "register" in to && to.register === register)
          )
            wrong.add(`${told}: does not write ${register}`);
      }
      expect([...wrong].slice(0, 40)).toEqual([]);
      expect(count).toBeGreaterThan(50_000);
    });

  test("sqlite3", async () => {
    const script =
      "create table t(a); insert into t values(1); select * from t order by a; .backup /work/b.db";
    expect(await coverage.outside(["/usr/bin/sqlite3", "/work/a.db", script])).toEqual([]);
  });

  test("bash", async () => {
    const script =
      'a=(1 2); echo ${a[@]} $((1+2)) ~root; printf "%s\\n" *; [[ x =~ y ]] || true; trap "echo" EXIT';
    expect(await coverage.outside(["/bin/bash", "-c", script])).toEqual([]);
  });

  test("id, by the name service", async () => {
    expect(await coverage.outside(["/usr/bin/id", "root"])).toEqual([]);
  });

  test("getent hosts, by the resolver", async () => {
    expect(await coverage.outside(["/usr/bin/getent", "ahosts", "localhost"])).toEqual([]);
  });

  test("Python with extensions", async () => {
    const script =
      "import json,socket,zlib,threading; socket.getaddrinfo('localhost',80); t=threading.Thread(target=print); t.start(); t.join()";
    expect(await coverage.outside(["/usr/bin/python3", "-c", script])).toEqual([]);
  });

  test("Perl", async () => {
    expect(
      await coverage.outside(["/usr/bin/perl", "-e", "print join ',', sort { $b <=> $a } 1..9, getpwuid(0)"]),
    ).toEqual([]);
  });

  test("C++: apt-cache", async () => {
    expect(await coverage.outside(["/usr/bin/apt-cache", "policy", "bash"])).toEqual([]);
  });

  test("a static busybox", async () => {
    expect(
      await coverage.outside([
        "/bin/busybox",
        "sh",
        "-c",
        "id; echo a | busybox sed s/a/b/; busybox ls -l /etc",
      ]),
    ).toEqual([]);
  });

  test("redis", async () => {
    const argv = [
      "/usr/bin/redis-server",
      "--port",
      "17589",
      "--dir",
      "/work",
      "--ignore-warnings",
      "ARM64-COW-BUG",
    ];
    const during = ready(17_589, async () => execFileSync("redis-cli", ["-p", "17589", "set", "a", "b"]));
    expect(await coverage.outside(argv, { during })).toEqual([]);
  });

  test("memcached", async () => {
    const argv = ["/usr/bin/memcached", "-u", "nobody", "-p", "17521", "-l", "127.0.0.1"];
    expect(await coverage.outside(argv, { during: ready(17_521) })).toEqual([]);
  });

  test("nginx with a module", async () => {
    writeFileSync(
      join(root, "work/nginx.conf"),
      `load_module /usr/lib/nginx/modules/ngx_http_echo_module.so; master_process off; daemon off; pid /work/pid;
error_log /work/error.log; events {} http { access_log /work/access.log; server { listen 127.0.0.1:18590; location / { echo hello; } } }`,
    );
    const during = ready(18_590, async () =>
      fetch("http://127.0.0.1:18590/").then((response) => response.text()),
    );
    expect(await coverage.outside(["/usr/sbin/nginx", "-c", "/work/nginx.conf"], { during })).toEqual([]);
  });

  test("lighttpd with modules", async () => {
    writeFileSync(
      join(root, "work/lighttpd.conf"),
      `server.port=18591\nserver.bind="127.0.0.1"\nserver.document-root="/work"\nserver.modules=("mod_access","mod_rewrite","mod_redirect","mod_cgi")\n`,
    );
    const during = ready(18_591, async () =>
      fetch("http://127.0.0.1:18591/").then((response) => response.text()),
    );
    expect(
      await coverage.outside(["/usr/sbin/lighttpd", "-D", "-f", "/work/lighttpd.conf"], { during }),
    ).toEqual([]);
  });

  test("a program of musl's", async () => {
    expect(
      await coverage.outside(["/lib/ld-musl-aarch64.so.1", "--list", "/lib/ld-musl-aarch64.so.1"]),
    ).toEqual([]);
  });
});

const FLOWS: readonly [RegExp, string][] = [
  [/^bl$/, "call"],
  [/^blr/, "call"],
  [/^b$/, "jump"],
  [/^br(aa|ab)?z?$/, "jump"],
  [/^(bc?\..*|cbn?z|tbn?z)$/, "branch"],
  [/^ret/, "return"],
  [/^svc$/, "syscall"],
  [/^(hvc|smc|eret|eretaa|eretab|drps|dcps.*)$/, "invalid"],
  [/^(brk|hlt|udf)$/, "stop"],
];

/** Data that is read as code leads below zero, which binutils writes in 64 bits. */
function addressOf(hex: string): number {
  return /^[0-9a-f]+$/.test(hex) ? Number(BigInt.asIntN(64, BigInt(`0x${hex}`))) : Number.NaN;
}

const PACKAGES =
  "bash,coreutils,libc-bin,redis-server,nginx-light,libnginx-mod-http-echo,sqlite3,memcached,lighttpd,busybox-static,python3-minimal,libpython3-stdlib,perl-base,apt,musl";
