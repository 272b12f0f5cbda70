import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CinchError } from "../base/index.ts";
import { emptyOptions, parseEngineArgs } from "./engine-args.ts";

let cwd: string;
beforeAll(() => void (cwd = mkdtempSync(join(tmpdir(), "cinch-args-"))));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const parse = (...args: string[]) => parseEngineArgs(args, { cwd, env: { HOST_ONLY: "h" } });

test("nothing asked for is nothing set", () => {
  expect(parse()).toEqual(emptyOptions());
});

test("the usual options, in all the ways they are written", () => {
  const options = parse(
    "-p", "8080:80", "-p127.0.0.1:5353:53/udp", "--publish=443", "-p", "[::1]:1:2",
    "-e", "A=1=2", "--env=B", "-eC=", "--env", "HOST_ONLY",
    "-v", "/data:/var/lib:ro,z", "-v", "./rel:/rel", "--volume", "named:/n", "-v", "/anon",
    "--mount", "type=bind,src=x,dst=/x,readonly",
    "--net", "host", "-u", "101:101", "-w/srv", "-h", "box", "-it", "--rm", "-d",
    "--tmpfs", "/run:mode=0755,size=1m", "--tmpfs", "/tmp",
    "--cap-add", "NET_ADMIN,CHOWN", "--cap-drop=ALL", "--entrypoint", "/bin/x", "--add-host", "db:10.0.0.1",
    "--link", "db", "--name", "n", "--ulimit", "nofile=1024:2048", "--ulimit", "nproc=7", "-m", "512m",
    "--cpus", "1.5", "--pids-limit", "-1", "--shm-size", "1g", "--security-opt", "no-new-privileges",
    "--security-opt=apparmor=unconfined", "--read-only", "--init=false", "--sysctl", "net.core.somaxconn=1",
    "--label", "a=b", "--health-cmd", "curl x", "--health-interval", "5s", "--runtime", "crun",
  ); // prettier-ignore
  expect(options).toEqual({
    ...emptyOptions(),
    publish: [
      { hostIp: "", hostPort: "8080", port: "80/tcp" },
      { hostIp: "127.0.0.1", hostPort: "5353", port: "53/udp" },
      { hostIp: "", hostPort: "", port: "443/tcp" },
      { hostIp: "::1", hostPort: "1", port: "2/tcp" },
    ],
    env: ["A=1=2", "C=", "HOST_ONLY=h"],
    mounts: [
      { type: "bind", source: "/data", target: "/var/lib", readOnly: true, options: ["z"] },
      { type: "bind", source: join(cwd, "rel"), target: "/rel", readOnly: false, options: [] },
      { type: "volume", source: "named", target: "/n", readOnly: false, options: [] },
      { type: "volume", source: "", target: "/anon", readOnly: false, options: [] },
      { type: "bind", source: join(cwd, "x"), target: "/x", readOnly: true, options: [] },
    ],
    network: "host",
    user: "101:101",
    workingDir: "/srv",
    hostname: "box",
    interactive: true,
    tty: true,
    tmpfs: [
      { path: "/run", options: "mode=0755,size=1m" },
      { path: "/tmp", options: "" },
    ],
    capAdd: ["NET_ADMIN", "CHOWN"],
    capDrop: ["ALL"],
    entrypoint: ["/bin/x"],
    addHosts: ["db:10.0.0.1"],
    links: ["db"],
    name: "n",
    ulimits: [
      { name: "nofile", soft: 1024, hard: 2048 },
      { name: "nproc", soft: 7, hard: 7 },
    ],
    memory: 512 * 1024 ** 2,
    cpus: 1.5,
    pidsLimit: -1,
    shmSize: 1024 ** 3,
    noNewPrivileges: true,
    securityOptions: ["apparmor=unconfined"],
    readOnly: true,
    sysctls: { "net.core.somaxconn": "1" },
    labels: { a: "b" },
    health: { test: ["CMD-SHELL", "curl x"], interval: 5000 },
    runtime: "crun",
  });
});

test("one shell-quoted string is split", () => {
  expect(parse("-e 'A=b c' --network none")).toMatchObject({ env: ["A=b c"], network: "none" });
  expect(parse("-e", "A=b c")).toMatchObject({ env: ["A=b c"] });
});

test("a file of variables", () => {
  writeFileSync(join(cwd, "vars"), "# comment\nA=1\n\nHOST_ONLY\nNOT_SET\nB=x y\r\n");
  expect(parse("--env-file", "vars").env).toEqual(["A=1", "HOST_ONLY=h", "B=x y"]);
  expect(() => parse("--env-file", "missing")).toThrow(/ENOENT/);
});

test.each([
  ["--privileged", /no confinement that could be fitted/],
  ["--gpus=all", /--gpus is not supported/],
  ["-Z", /-Z is not supported/],
  ["redis:7", /'redis:7' is no option/],
  ["--security-opt=seccomp=unconfined", /the filter is what cinch fits/],
  ["--publish=80-90:80-90", /not \[\[HOSTIP:\]HOSTPORT:\]PORT/],
  ["--volume=a:b:c:d", /not \[SOURCE:\]TARGET/],
  ["--volume=/a:relative", /not an absolute path/],
  ["--memory=much", /not a size/],
  ["--ulimit=nofile", /not NAME=SOFT/],
  ["--env==x", /names no variable/],
  ["--env", /--env needs a value/],
  ["--read-only=perhaps", /neither true nor false/],
  ["--constructor=x", /--constructor is not supported/],
  ["--mount=type=npipe,dst=/x", /type=npipe is not supported/],
])("%s is refused, not passed over", (arg, message) => {
  expect(() => parse(arg)).toThrow(message);
});

test("any words give options or bad-engine-args", () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "-p",
      "-e",
      "-v",
      "--mount",
      "--ulimit",
      "-it",
      "--tmpfs",
      "--security-opt",
      "1:2",
      "a=b",
      "type=bind,",
    ),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (args) => {
      try {
        parseEngineArgs(args, { cwd: "/", env: {} });
      } catch (error) {
        expect(error).toBeInstanceOf(CinchError);
      }
    }),
  );
});
