import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import {
  type TarMember,
  file,
  folder,
  hardlink,
  pax,
  symlink,
  tarOf,
} from "../../../test/support/tar-archive.ts";
import type { ByteFile } from "../blob/byte-file.ts";
import { TarReader } from "../tar/reader.ts";
import type { FileTree } from "../tree.ts";
import { LayerTree } from "./files.ts";
import { Layer } from "./layer.ts";
import { stackLayers } from "./stack.ts";

function layerOf(members: readonly TarMember[], i = 0): Layer {
  const archive = tarOf(members);
  const bytes: ByteFile = { read: (at, size) => archive.subarray(at, at + size), close() {} };
  const layer = new Layer(`layer ${i}`);
  const reader = new TarReader(`layer ${i}`, (entry) =>
    layer.add(entry, ({ offset }) => ({ file: bytes, offset })),
  );
  reader.push(archive);
  reader.end();
  return layer;
}

function stack(...layers: TarMember[][]): FileTree {
  return new LayerTree(stackLayers(layers.map(layerOf)), "the image", () => {});
}

const paths = (tree: FileTree): string[] => [...tree.walk()].map(({ path }) => path);
const text = (tree: FileTree, path: string): string | undefined => {
  const bytes = tree.read(path);
  return bytes && Buffer.from(bytes).toString();
};
const failure = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as unknown;

describe("layers on each other (OCI image-spec, layer.md)", () => {
  it("adds, replaces and keeps", () => {
    const tree = stack(
      [folder("etc/", 0o700), file("etc/a", "1"), file("etc/b", "1"), file("opt/x/deep", "1")],
      [file("./etc/a", "2"), folder("opt", 0o711)],
    );
    expect(paths(tree)).toEqual(["/etc", "/etc/a", "/etc/b", "/opt", "/opt/x", "/opt/x/deep"]);
    expect(text(tree, "/etc/a")).toBe("2");
    expect(text(tree, "/etc/b")).toBe("1");
    // A folder that the upper layer does not name keeps what the lower one said of it.
    expect(tree.lookup("/etc")).toMatchObject({ mode: 0o700 });
    expect(tree.lookup("/opt")).toMatchObject({ mode: 0o711 });
  });

  it("takes away what whiteouts name, in the layers below only", () => {
    const below = [file("etc/a"), file("etc/b"), file("var/log/x/1"), file("var/lib/y")];
    const tree = stack(below, [
      file("etc/.wh.a"),
      file("etc/b", "new"),
      file("etc/.wh.b"),
      file("var/.wh.log"),
      file("var/log/z"),
    ]);
    expect(paths(tree)).toEqual([
      "/etc",
      "/etc/b",
      "/var",
      "/var/lib",
      "/var/lib/y",
      "/var/log",
      "/var/log/z",
    ]);
    expect(text(tree, "/etc/b")).toBe("new");
  });

  it("an opaque folder hides what was in it, wherever in the layer that is said", () => {
    const below = [file("srv/old/1"), file("srv/2")];
    for (const members of [
      [file("srv/.wh..wh..opq"), file("srv/new")],
      [file("srv/new"), file("srv/.wh..wh..opq")],
    ])
      expect(paths(stack(below, members))).toEqual(["/srv", "/srv/new"]);
  });

  it("whiteouts of the lowest layer, and AUFS's own files, are no files", () => {
    expect(paths(stack([file(".wh.x"), file("a/.wh..wh..opq"), file(".wh..wh.plnk/1")]))).toEqual(["/a"]);
    expect(paths(stack([file("a/.wh.b"), file("a/b")], []))).toEqual(["/a", "/a/b"]);
  });

  it("lets kinds change from layer to layer", () => {
    const tree = stack(
      [file("a/b"), file("c"), symlink("bin", "usr/bin"), file("usr/bin/id")],
      [file("a", "file now"), file("c/d"), file("bin/own")],
    );
    expect(text(tree, "/a")).toBe("file now");
    expect(tree.lookup("/c")).toMatchObject({ kind: "directory" });
    // overlayfs: a folder of an upper layer takes the place of a link.
    expect(tree.list("/bin")).toEqual(["own"]);
  });

  it("an entry below a link of its own layer lands where the link leads", () => {
    const tree = stack([
      symlink("lib", "usr/lib"),
      file("usr/lib/a"),
      file("lib/b"),
      symlink("usr/up", "../opt"),
      file("usr/up/c"),
      symlink("var", "/opt"),
      file("var/d"),
    ]);
    expect(tree.list("/usr/lib")).toEqual(["a", "b"]);
    expect(tree.list("/opt")).toEqual(["c", "d"]);
  });

  it("hard links: the file of this layer, or of one below as it was", () => {
    const tree = stack(
      [file("bin/busybox", "applets", 0o755), hardlink("bin/ls", "/bin/busybox")],
      [hardlink("bin/cat", "bin/busybox"), file(".wh.x")],
      [file("bin/busybox", "another"), hardlink("bin/vi", "bin/ls")],
    );
    for (const name of ["ls", "cat", "vi"]) expect(text(tree, `/bin/${name}`)).toBe("applets");
    expect(text(tree, "/bin/busybox")).toBe("another");
    expect(tree.lookup("/bin/vi")).toMatchObject({ kind: "file", mode: 0o755, size: 7 });
  });

  it("reads no more than it is told to, nothing of empty files, and links inside only", () => {
    const tree = stack([
      file("big", "12345"),
      file("none"),
      symlink("out", "../../../big"),
      symlink("loop", "loop"),
    ]);
    expect(() => tree.read("/big", 4)).toThrow(failure("too-large", /5 bytes; at most 4/));
    expect(tree.read("/none")).toHaveLength(0);
    expect(text(tree, "/out")).toBe("12345");
    expect(tree.read("/")).toBeUndefined();
    expect(() => tree.resolve("/loop")).toThrow(failure("tree-loop", /40 links/));
    expect(tree.lookup("/loop")).toMatchObject({ kind: "symlink", target: "loop" });
    expect(tree.resolve("/big/x")).toBeUndefined();
  });
});

describe("hostile layers", () => {
  const refused: [string, TarMember[], string, RegExp][] = [
    ["a path that climbs", [file("../etc/passwd")], "path-escape", /climbs/],
    ["one that climbs later", [file("a/b/../../../x")], "path-escape", /climbs/],
    ["one that only seems to", [pax({ path: "/../x" }), file("x")], "path-escape", /climbs/],
    ["a hard link that climbs", [hardlink("x", "../../etc/shadow")], "path-escape", /climbs/],
    [
      "a link that leads out, with an entry below",
      [symlink("a", "../.."), file("a/x")],
      "link-escape",
      /out of the root/,
    ],
    [
      "links in a circle, with an entry below",
      [symlink("a", "b"), symlink("b", "a"), file("a/x")],
      "tree-loop",
      /40/,
    ],
    ["a hard link to nothing", [hardlink("x", "nothing")], "bad-layer", /no layer has/],
    ["a hard link to a folder", [folder("d"), hardlink("x", "d")], "bad-layer", /folder/],
    ["a file twice", [file("x", "1"), file("./x", "2")], "bad-layer", /twice/],
    ["a folder that is a file too", [file("d/x"), file("d")], "bad-layer", /twice/],
    ["an entry below a file", [file("d"), file("d/x")], "bad-layer", /no folder/],
    ["a root that is a file", [file(".")], "bad-layer", /root/],
    ["a whiteout of nothing", [file("a/.wh.")], "bad-layer", /names no file/],
    ["an entry below a whiteout", [file(".wh.a/b")], "bad-layer", /below a whiteout/],
    ["a whiteout that climbs", [file("a/.wh...")], "bad-layer", /names no file/],
    ["a name with a NUL", [pax({ path: "a\0b" }), file("x")], "bad-layer", /NUL/],
    ["a name that no file system takes", [pax({ path: "n".repeat(300) }), file("x")], "bad-layer", /255/],
    ["a path that no call takes", [pax({ path: "p/".repeat(3000) }), file("x")], "bad-layer", /4096/],
    ["a file larger than any disk", [{ ...file("x"), size: 2 ** 33 - 1 }], "truncated", /ends inside/],
  ];
  for (const [name, members, code, message] of refused)
    it(`${name} is refused`, () => {
      expect(() => stack(members)).toThrow(failure(code, message));
    });

  it("a link that leads out is kept as what it is, and followed inside", () => {
    const tree = stack([symlink("passwd", "../../../etc/passwd"), file("etc/passwd", "of the image")]);
    expect(text(tree, "/passwd")).toBe("of the image");
  });
});

// What overlayfs would show, by the plainest means: a map of paths.
function byMap(layers: TarMember[][]): string[] {
  let files = new Map<string, string>();
  for (const [i, members] of layers.entries()) {
    const next = new Map(files);
    for (const { name } of members) {
      const at = name.lastIndexOf("/.wh.") + 1;
      if (!name.includes(".wh.")) continue;
      const hidden = name.endsWith(".wh..wh..opq")
        ? name.slice(0, at)
        : `${name.slice(0, at)}${name.slice(at + 4)}`;
      for (const path of files.keys())
        if (hidden.endsWith("/") ? path.startsWith(hidden) : path === hidden || path.startsWith(`${hidden}/`))
          next.delete(path);
    }
    for (const { name } of members) if (!name.includes(".wh.")) next.set(name, `${i}`);
    files = next;
  }
  return [...files].map(([path, layer]) => `${path} ${layer}`).sort();
}

const name = fc.constantFrom("a", "b", "c");
// Files lie three deep, so that no file is another's folder.
const member = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(name, name, name).map((parts) => parts.join("/")) },
  { weight: 1, arbitrary: fc.tuple(name, name, name).map(([x, y, z]) => `${x}/${y}/.wh.${z}`) },
  { weight: 1, arbitrary: fc.tuple(name, name).map(([x, y]) => `${x}/.wh.${y}`) },
  { weight: 1, arbitrary: fc.tuple(name, name).map(([x, y]) => `${x}/${y}/.wh..wh..opq`) },
  { weight: 1, arbitrary: name.map((x) => `${x}/.wh..wh..opq`) },
);
property.prop([fc.array(fc.uniqueArray(member, { maxLength: 8 }), { maxLength: 5 })])(
  "files and whiteouts in any order give what a plain model gives",
  (names) => {
    const layers = names.map((list, i) => list.map((one) => file(one, one.includes(".wh.") ? "" : `${i}`)));
    const tree = stack(...layers);
    const found = [...tree.walk()]
      .filter(({ kind }) => kind === "file")
      .map(({ path }) => `${path.slice(1)} ${text(tree, path)}`);
    expect(found.sort()).toEqual(byMap(layers));
  },
);
