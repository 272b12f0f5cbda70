import { expect, test } from "vitest";
import { plainConfig } from "../image/index.ts";
import { type ContainerPlan, allowAll, containerBody, tmpfsMounts } from "./container-body.ts";
import { emptyOptions, parseEngineArgs } from "./engine-args.ts";

function body(args: string, more: Partial<ContainerPlan> = {}) {
  return containerBody({
    image: "shop:1",
    config: { ...plainConfig, command: ["serve"] },
    env: ["OWN=1"],
    options: args === "" ? emptyOptions() : parseEngineArgs([`${args} `], { cwd: "/here", env: {} }),
    confinement: { seccomp: "allow-all" },
    seccomp: "{}",
    labels: { mine: "1" },
    stdin: false,
    tty: false,
    ...more,
  }) as Record<string, unknown> & { HostConfig: Record<string, unknown> };
}

test("a container that asks for nothing has the engine's defaults, the filter and our label", () => {
  const plain = body("");
  expect(plain).toMatchObject({ Image: "shop:1", Env: ["OWN=1"], Labels: { mine: "1" }, Tty: false });
  for (const name of ["Cmd", "Entrypoint", "User", "WorkingDir"]) expect(plain).not.toHaveProperty(name);
  expect(plain.HostConfig).toMatchObject({
    SecurityOpt: ["seccomp={}"],
    CapAdd: [],
    CapDrop: [],
    ReadonlyRootfs: false,
  });
  expect(plain.HostConfig).not.toHaveProperty("NetworkMode");
});

test("a profile's confinement: all capabilities dropped but its own, read-only root, tmpfs, user", () => {
  const { HostConfig, User } = body("--read-only=false", {
    confinement: {
      seccomp: "allow-all",
      capabilities: ["CAP_CHOWN", "CAP_SETUID"],
      noNewPrivileges: true,
      readOnlyRoot: true,
      tmpfs: ["/tmp/", "/run:mode=0755"],
      user: "101:101",
    },
  });
  expect(HostConfig).toMatchObject({
    SecurityOpt: ["seccomp={}", "no-new-privileges"],
    CapAdd: ["CHOWN", "SETUID"],
    CapDrop: ["ALL"],
    ReadonlyRootfs: true,
    Tmpfs: { "/tmp": "", "/run": "mode=0755" },
  });
  expect(User).toBe("101:101");
});

test("a profile without capabilities drops all", () => {
  expect(body("", { confinement: { seccomp: "allow-all", capabilities: [] } }).HostConfig).toMatchObject({
    CapAdd: [],
    CapDrop: ["ALL"],
  });
});

test("the command line's options become the API's", () => {
  const { HostConfig, ...rest } = body(
    "-p 8080:80 -p 9090:80 --expose 9000 -v /a:/b:ro -v vol:/v -v /anon --mount type=tmpfs,dst=/t --network net --network-alias web --cpus 0.5 --ulimit nofile=10 --device /dev/fuse --entrypoint /bin/x --health-interval 2s --init",
  );
  expect(rest).toMatchObject({
    ExposedPorts: { "80/tcp": {}, "9000/tcp": {} },
    Volumes: { "/anon": {} },
    Entrypoint: ["/bin/x"],
    // A new entrypoint does away with the image's command.
    Cmd: [],
    Healthcheck: { Interval: 2_000_000_000 },
    NetworkingConfig: { EndpointsConfig: { net: { Aliases: ["web"] } } },
  });
  expect(HostConfig).toMatchObject({
    PortBindings: {
      "80/tcp": [
        { HostIp: "", HostPort: "8080" },
        { HostIp: "", HostPort: "9090" },
      ],
    },
    Binds: ["/a:/b:ro", "vol:/v"],
    Mounts: [{ Type: "tmpfs", Target: "/t", ReadOnly: false }],
    NetworkMode: "net",
    NanoCpus: 500_000_000,
    Ulimits: [{ Name: "nofile", Soft: 10, Hard: 10 }],
    Devices: [{ PathOnHost: "/dev/fuse", PathInContainer: "/dev/fuse", CgroupPermissions: "rwm" }],
    Init: true,
  });
});

test("what is mounted already is not covered by a tmpfs of the profile", () => {
  const options = parseEngineArgs(["-v", "/data:/var/cache/", "--tmpfs", "/run:size=1m"], {
    cwd: "/",
    env: {},
  });
  const confinement = { seccomp: "allow-all" as const, tmpfs: ["/run", "/var/cache", "/tmp"] };
  expect(tmpfsMounts(confinement, options)).toEqual([
    { path: "/run", options: "size=1m" },
    { path: "/tmp", options: "" },
  ]);
});

test("the filter that allows all names every architecture, or libseccomp kills the others' calls", () => {
  expect(allowAll("x64").architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
  expect(allowAll("arm64").architectures).toEqual(["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
  expect(allowAll("x64")).toMatchObject({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [] });
});
