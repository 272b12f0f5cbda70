import { describe, expect, it } from "vitest";
import { conclude } from "./doctor.ts";
import type { Feature } from "../kernel/index.ts";

const features = (...names: string[]): Feature[] =>
  names.map((name) => ({ name, outcome: "yes", detail: "", needs: "" }));

const how = (list: Feature[]) => Object.fromEntries(conclude(list).ways.map((way) => [way.what, way.how]));

const KERNEL = [
  "koffi",
  "btf",
  "bpf-ring-buffer",
  "tp_btf",
  "tp_btf-cap_capable",
  "seccomp-filter",
  "seccomp-notify",
];

describe("conclude", () => {
  it("records everything as root with eBPF", () => {
    const all = how(features("root", ...KERNEL, "landlock", "docker", "crun"));
    expect(all).toMatchObject({
      "record a process": "by eBPF",
      "record a container": "by eBPF, with docker, crun",
      "record capabilities": "by the kernel's own checks",
      "verify and run a process": "under seccomp and Landlock",
    });
  });

  it("falls back to notification without root, and then not for containers", () => {
    const some = features(...KERNEL, "docker");
    expect(how(some)).toMatchObject({
      "record a process": "by seccomp user notification",
      "record a container": "",
    });
    expect(conclude(some).ok).toBe(true);
  });

  it("counts what could not be told as missing", () => {
    const unknown = features("root", ...KERNEL).map((feature) =>
      feature.name === "tp_btf" ? { ...feature, outcome: "unknown" as const } : feature,
    );
    expect(how(unknown)["record a process"]).toBe("by seccomp user notification");
  });

  it("is not ok where nothing can be recorded or nothing be held", () => {
    expect(conclude(features("koffi", "seccomp-filter")).ok).toBe(false);
    expect(conclude(features("koffi", "seccomp-notify")).ok).toBe(false);
    expect(conclude([]).ok).toBe(false);
  });
});
