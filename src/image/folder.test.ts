import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openFolder } from "./folder.ts";

describe("openFolder", () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "cinch-tree-"));
    mkdirSync(join(root, "usr/bin"), { recursive: true });
    mkdirSync(join(root, "etc"));
    writeFileSync(join(root, "usr/bin/tool"), "inside", { mode: 0o755 });
    writeFileSync(join(root, "etc/hostname"), "of the tree");
    symlinkSync("usr/bin", join(root, "bin"));
    symlinkSync("/etc/hostname", join(root, "absolute"));
    symlinkSync("../../../../etc/hostname", join(root, "usr/bin/climbing"));
    symlinkSync("loop", join(root, "loop"));
    symlinkSync("nowhere", join(root, "dangling"));
    execFileSync("mkfifo", [join(root, "pipe")]);
  });
  afterAll(() => rmSync(root, { recursive: true }));

  const text = (path: string): string | undefined => {
    const bytes = openFolder(root).read(path);
    return bytes && Buffer.from(bytes).toString();
  };

  it("follows links inside the folder only", () => {
    expect(text("/bin/tool")).toBe("inside");
    expect(text("/absolute")).toBe("of the tree");
    expect(text("/usr/bin/climbing")).toBe("of the tree");
    expect(text("/../../etc/hostname")).toBe("of the tree");
    expect(openFolder(root).resolve("/bin/tool")).toMatchObject({
      path: "/usr/bin/tool",
      mode: 0o755,
      kind: "file",
    });
  });

  it("tells links, loops and nothing apart", () => {
    const tree = openFolder(root);
    expect(tree.lookup("/bin")).toMatchObject({ kind: "symlink", target: "usr/bin" });
    expect(tree.resolve("/dangling")).toBeUndefined();
    expect(tree.lookup("/dangling")).toMatchObject({ kind: "symlink" });
    expect(() => tree.resolve("/loop")).toThrow(expect.objectContaining({ code: "tree-loop" }));
    expect(tree.resolve("/usr/bin/tool/x")).toBeUndefined();
    expect(tree.read("/pipe")).toBeUndefined();
    expect(tree.read("/nothing")).toBeUndefined();
  });

  it("reads no more than it is told to", () => {
    expect(() => openFolder(root).read("/etc/hostname", 4)).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
  });

  it("walks everything once, folders before what is in them", () => {
    const paths = [...openFolder(root).walk()].map(({ path }) => path);
    expect(paths).toEqual([...new Set(paths)]);
    expect(paths.indexOf("/usr/bin")).toBeLessThan(paths.indexOf("/usr/bin/tool"));
    expect(paths).toContain("/loop");
    expect(paths).not.toContain("/bin/tool");
  });
});
