import { expect, test } from "vitest";
import { silent } from "../base/index.ts";
import type { Target } from "../image/index.ts";
import { type Confinement, engineFor, prepareSubject } from "./index.ts";

const common = { text: "x", name: "x", env: {} };
const image: Target = { ...common, kind: "image", engine: "docker", image: "redis" };
const command: Target = { ...common, kind: "command", argv: ["true"], cwd: "/" };
const rootfs: Target = { ...common, kind: "rootfs", path: "/" };
const container: Target = { ...common, kind: "container", id: "abc" };

test("what starts a target where nothing is said, and what may", () => {
  expect(engineFor(image)).toBe("docker");
  expect(engineFor({ ...image, engine: "podman" })).toBe("podman");
  expect(engineFor(image, "runc")).toBe("runc");
  expect(engineFor(command)).toBe("local");
  expect(engineFor(rootfs)).toBe("runc");
  expect(engineFor(rootfs, "crun")).toBe("crun");
  expect(engineFor({ ...common, kind: "file", path: "/bin/true", root: "/", args: [] })).toBe("local");
  expect(engineFor({ ...common, kind: "file", path: "/r/bin/true", root: "/r", args: [] })).toBe("runc");
});

test("what cannot start it says why", () => {
  expect(() => engineFor(image, "local")).toThrow("an image needs a container engine");
  expect(() => engineFor(image, "podman")).toThrow("the image is docker's");
  expect(() => engineFor(command, "docker")).toThrow("a command runs on this machine");
  expect(() => engineFor(rootfs, "docker")).toThrow("a root folder runs as a bundle");
  expect(() => engineFor(container)).toThrow("runs already");
});

test("options that a process cannot have are refused, and so is the wrong kind of confinement", async () => {
  const prepare = (confinement: Confinement, ...engineArgs: string[]) =>
    prepareSubject(command, { confinement, engineArgs, talk: silent });
  await expect(prepare({ local: {} }, "-p", "80:80")).rejects.toThrow("a local process has no publish");
  await expect(prepare({ container: { seccomp: "allow-all" } })).rejects.toMatchObject({
    code: "unfit-engine",
  });
});

test("a local program: environment, folder, output, exit code", async () => {
  const target: Target = {
    ...common,
    kind: "command",
    argv: ["/bin/sh", "-c", 'echo "$A $B $PWD"; echo err >&2; exit 3'],
    cwd: "/usr",
    env: { A: "1", B: "x" },
  };
  await using subject = await prepareSubject(target, {
    confinement: { local: {} },
    engineArgs: ["-e", "B=2"],
    talk: silent,
  });
  expect(subject).toMatchObject({ engine: "local", runtime: "local", noNewPrivileges: false });
  const running = await subject.start();
  expect(await running.wait()).toEqual({ code: 3, signal: null });
  expect(running.output().split("\n").sort()).toEqual(["", "1 2 /usr", "err"]);
  expect(running.ended()).toEqual({ code: 3, signal: null });
  expect((await running.exec(["/bin/sh", "-c", "echo $A; pwd"])).output).toBe("1\n/usr\n");
});

test("the gate: nothing of the program runs before it opens", async () => {
  const target: Target = {
    ...common,
    kind: "command",
    argv: ["/bin/sh", "-c", "echo ran; exec sleep 60"],
    cwd: "/",
  };
  await using subject = await prepareSubject(target, { confinement: { local: {} }, talk: silent });
  const order: string[] = [];
  const running = await subject.start({ gate: async (pid) => void order.push(pid > 0 ? "gate" : "no pid") });
  await running.log.waitFor(/ran/, AbortSignal.timeout(10_000));
  expect(order).toEqual(["gate"]);
  expect(await running.stop("SIGTERM", 5000)).toEqual({ code: null, signal: "SIGTERM", killed: false });
});

test("a program that is not there did not start", async () => {
  const target: Target = { ...common, kind: "command", argv: ["/nonexistent/program"], cwd: "/" };
  await using subject = await prepareSubject(target, { confinement: { local: {} }, talk: silent });
  await expect(subject.start()).rejects.toMatchObject({ code: "no-program" });
});
