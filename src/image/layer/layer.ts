import { CinchError } from "../../base/index.ts";
import type { TarEntry, TarKind } from "../tar/reader.ts";
import { MAX_LINKS } from "../tree.ts";
import { type Content, type Node, directory } from "./node.ts";
import { entryPath } from "./path.ts";

/** Names that begin so take something of the layers below away (OCI image-spec, layer.md, "Whiteouts"). */
const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** AUFS kept its own files under such names. They are no part of the image. */
const AUFS = ".wh..wh.";
/** An image of three million files is known (anchore/grype#1509). Beyond, it is a bomb. */
const MAX_ENTRIES = 8_000_000;

const KINDS: Readonly<Record<Exclude<TarKind, "hardlink">, Node["kind"]>> = {
  file: "file",
  symlink: "symlink",
  directory: "directory",
  character: "device",
  block: "device",
  fifo: "fifo",
};

/**
 * One layer, entry by entry: what it adds, and what it takes away from the layers below. An entry below a link of the
 * same layer lands where the link leads, as it does when an engine unpacks it; below a link of another layer, a folder
 * takes the link's place (overlayfs). Throws `path-escape`, `link-escape`, `bad-layer`.
 */
export class Layer {
  readonly root = directory(true);
  readonly name: string;
  /** Hard links to files of the layers below: made once those are known. */
  readonly lowerLinks: { node: Node; to: string[]; from: string }[] = [];
  #count = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** `content`: where the bytes of a file are. */
  add(entry: TarEntry, content: (entry: TarEntry) => Content): void {
    this.#count += 1;
    if (this.#count > MAX_ENTRIES)
      throw new CinchError("too-large", `${this.name} has more than ${MAX_ENTRIES} entries`);
    const where = `${this.name}, ${entry.name}`;
    const parts = entryPath(entry.name, where);
    const name = parts.pop();
    if (name === undefined) {
      if (entry.kind !== "directory") throw new CinchError("bad-layer", `${where}: the root is no folder`);
      describe(this.root, entry);
      return;
    }
    const mark = [...parts, name].find((part) => part.startsWith(WHITEOUT));
    if (mark?.startsWith(AUFS) === true && mark !== OPAQUE) return;
    if (mark !== undefined && mark !== name)
      throw new CinchError("bad-layer", `${where}: an entry below a whiteout`);
    const folder = this.#folder(parts, where);
    if (name.startsWith(WHITEOUT)) hide(folder, name, where);
    else this.#place(folder, name, entry, content, where);
  }

  #place(
    folder: Node,
    name: string,
    entry: TarEntry,
    content: (entry: TarEntry) => Content,
    where: string,
  ): void {
    const before = folder.children!.get(name);
    if (entry.kind === "directory" && before?.kind === "directory") {
      describe(before, entry);
      return;
    }
    if (before !== undefined)
      throw new CinchError("bad-layer", `${where}: the layer has this path twice`, {
        hint: "which of them counts would depend on the reader (OCI image-spec, layer.md: no duplicate entries)",
      });
    folder.children!.set(name, this.#node(entry, content, where));
  }

  #node(entry: TarEntry, content: (entry: TarEntry) => Content, where: string): Node {
    if (entry.kind === "hardlink") return this.#hardlink(entry, where);
    const node = entry.kind === "directory" ? directory(false) : plain(KINDS[entry.kind]);
    describe(node, entry);
    if (entry.kind === "symlink") {
      if (entry.link === "" || entry.link.includes("\0"))
        throw new CinchError("bad-layer", `${where}: a link to nowhere`);
      node.target = entry.link;
    }
    if (entry.kind === "file" && entry.size > 0) node.content = content(entry);
    return node;
  }

  #hardlink(entry: TarEntry, where: string): Node {
    const to = entryPath(entry.link, `${where}, a hard link`);
    const name = to.at(-1);
    if (name === undefined) throw new CinchError("bad-layer", `${where}: a hard link to the root`);
    const target = this.#existing(to, where);
    if (target === undefined) {
      const node = plain("file");
      this.lowerLinks.push({ node, to, from: where });
      return node;
    }
    if (target.kind === "directory")
      throw new CinchError("bad-layer", `${where}: a hard link to the folder ${entry.link}`);
    return target;
  }

  /** What this layer has at a path so far; links of the layer are followed on the way. */
  #existing(parts: readonly string[], where: string): Node | undefined {
    const folder = this.#follow(parts.slice(0, -1), where, () => undefined);
    return folder?.children!.get(parts.at(-1)!);
  }

  /** The folder at a path of this layer, made where it is missing. */
  #folder(parts: readonly string[], where: string): Node {
    return this.#follow(parts, where, (folder, name) => {
      const made = directory(true);
      folder.children!.set(name, made);
      return made;
    })!;
  }

  #follow(
    parts: readonly string[],
    where: string,
    missing: (folder: Node, name: string) => Node | undefined,
  ): Node | undefined {
    const way: Node[] = [this.root];
    const todo = [...parts].reverse();
    let links = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === "..") {
        way.pop();
        if (way.length === 0)
          throw new CinchError("link-escape", `${where}: a link on the way leads out of the root`);
        continue;
      }
      const folder = way.at(-1)!;
      const next = folder.children!.get(name) ?? missing(folder, name);
      if (next === undefined) return undefined;
      if (next.kind === "symlink") {
        links += 1;
        if (links > MAX_LINKS)
          throw new CinchError("tree-loop", `${where}: more than ${MAX_LINKS} links on the way`);
        if (next.target!.startsWith("/")) way.length = 1;
        todo.push(
          ...next
            .target!.split("/")
            .filter((part) => part !== "" && part !== ".")
            .reverse(),
        );
      } else if (next.kind === "directory") way.push(next);
      else throw new CinchError("bad-layer", `${where}: ${name} on the way is a ${next.kind}, no folder`);
    }
    return way.at(-1)!;
  }
}

function hide(folder: Node, name: string, where: string): void {
  if (name === OPAQUE) {
    folder.opaque = true;
    return;
  }
  const hidden = name.slice(WHITEOUT.length);
  if (hidden === "" || hidden === "." || hidden === "..")
    throw new CinchError("bad-layer", `${where}: a whiteout that names no file`);
  (folder.hidden ??= new Set()).add(hidden);
}

function plain(kind: Node["kind"]): Node {
  return { kind, mode: 0, uid: 0, gid: 0, size: 0 };
}

function describe(node: Node, entry: TarEntry): void {
  node.mode = entry.mode;
  node.uid = entry.uid;
  node.gid = entry.gid;
  if (entry.kind === "file") node.size = entry.size;
  if (node.kind === "directory") node.implied = false;
}
