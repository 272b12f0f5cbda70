import { describe, expect, it } from "vitest";
import type { Target } from "../image/index.ts";
import { mountedFolders } from "./mounted.ts";

const target: Target = {
  kind: "image",
  engine: "docker",
  image: "app",
  text: "docker:app",
  name: "app",
  env: {},
};

describe("mountedFolders", () => {
  it.each([
    [["-v", "data:/var/lib/x"], ["/var/lib/x"]],
    [
      ["-v/srv:/data:ro", "--volume=/cache"],
      ["/data", "/cache"],
    ],
    [
      ["--tmpfs", "/run:mode=755", "--tmpfs=/tmp"],
      ["/run", "/tmp"],
    ],
    [
      ["--mount", "type=volume,src=a,target=/a", "--mount=type=tmpfs,dst=/b"],
      ["/a", "/b"],
    ],
    [["-e", "A=/x", "--network", "host", "--volumes-from", "other"], []],
  ])("reads %j", (args, folders) => {
    expect(mountedFolders(target, args)).toEqual(folders);
  });
});
