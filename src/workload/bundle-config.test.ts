import { expect, test } from "vitest";
import { type BundlePlan, bundleConfig } from "./bundle-config.ts";
import { bundleOptions } from "./bundle-options.ts";
import { allowAll } from "./container-body.ts";
import { parseEngineArgs } from "./engine-args.ts";

const PLAN: BundlePlan = {
  rootfs: "/tmp/rootfs",
  argv: ["serve"],
  env: ["A=1"],
  cwd: "/",
  user: { uid: 0, gid: 0, groups: [], home: "/root" },
  capabilities: ["CAP_CHOWN"],
  noNewPrivileges: true,
  readOnlyRoot: true,
  seccomp: allowAll("x64"),
  tmpfs: [{ path: "/run", options: "mode=0755" }],
  binds: [{ source: "/a", target: "/b", readOnly: true }],
  rlimits: [{ name: "nofile", soft: 1, hard: 2 }],
  hostname: "box",
  terminal: false,
};

interface Config {
  process: Record<string, unknown>;
  mounts: { destination: string; options: string[] }[];
  linux: { namespaces: { type: string }[]; maskedPaths: string[] };
}

test("root has the capabilities; another user has them only in its bounding set", () => {
  const of = (plan: BundlePlan) => (bundleConfig(plan) as unknown as Config).process["capabilities"];
  expect(of(PLAN)).toEqual({ bounding: ["CAP_CHOWN"], effective: ["CAP_CHOWN"], permitted: ["CAP_CHOWN"] });
  expect(of({ ...PLAN, user: { uid: 5, gid: 5, groups: [7], home: "/" } })).toEqual({
    bounding: ["CAP_CHOWN"],
  });
});

test("all of the plan is in the config", () => {
  const config = bundleConfig(PLAN) as unknown as Config;
  expect(config).toMatchObject({
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ["serve"],
      env: ["A=1"],
      noNewPrivileges: true,
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 1, hard: 2 }],
    },
    root: { path: "/tmp/rootfs", readonly: true },
    hostname: "box",
    linux: {
      seccomp: { defaultAction: "SCMP_ACT_ALLOW" },
      readonlyPaths: expect.arrayContaining(["/proc/sys"]) as string[],
    },
  });
  expect(config.mounts.find(({ destination }) => destination === "/run")?.options).toEqual([
    "noexec",
    "nosuid",
    "nodev",
    "mode=0755",
  ]);
  expect(config.mounts.at(-1)).toMatchObject({ destination: "/b", options: ["rbind", "rprivate", "ro"] });
  // No network namespace: what exercises the target finds it on the loopback interface.
  expect(config.linux.namespaces.map(({ type }) => type)).toEqual(["pid", "ipc", "uts", "mount"]);
  expect(config.linux.maskedPaths).toContain("/proc/kcore");
});

const options = (text: string) =>
  bundleOptions(parseEngineArgs(text.split(" "), { cwd: "/here", env: {} }), "runc");

test("of docker run's options a bundle takes those it can do", () => {
  expect(
    options(
      "-e A=1 -u 5 -w /x -v /a:/b:ro -v /anon --tmpfs /t --cap-add CHOWN --network host -p 80:80 --group-add 7 -it",
    ),
  ).toMatchObject({
    env: ["A=1"],
    user: "5",
    workingDir: "/x",
    binds: [{ source: "/a", target: "/b", readOnly: true }],
    tmpfs: [
      { path: "/t", options: "" },
      { path: "/anon", options: "exec" },
    ],
    capAdd: ["CHOWN"],
    groups: [7],
  });
});

test.each([
  ["--network none", /no network 'none'/],
  ["-p 8080:80", /no published ports/],
  ["-v vol:/v", /no volume 'vol'/],
  ["--group-add wheel", /no group 'wheel'/],
  ["--memory 1g", /no memory/],
  ["--add-host a:1.2.3.4", /no addHosts/],
  ["--link db", /no links/],
])("%s is refused with what has it", (text, message) => {
  expect(() => options(text)).toThrow(message);
  expect(() => options(text)).toThrowError(
    expect.objectContaining({ hint: "--engine docker has it" }) as Error,
  );
});
