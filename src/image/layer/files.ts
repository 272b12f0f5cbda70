import { CinchError } from "../../base/index.ts";
import { type FileTree, MAX_FILE_BYTES, MAX_LINKS, type TreeEntry } from "../tree.ts";
import type { Node } from "./node.ts";

interface Place {
  path: string;
  node: Node;
}

/** The files of an image: its layers put on each other. `close` ends what holds their bytes. */
export class LayerTree implements FileTree {
  readonly name: string;
  #root: Node;
  #close: () => void;

  constructor(root: Node, name: string, close: () => void) {
    this.#root = root;
    this.name = name;
    this.#close = close;
  }

  lookup(path: string): TreeEntry | undefined {
    const place = this.#find(path, false);
    return place && entryOf(place);
  }

  resolve(path: string): TreeEntry | undefined {
    const place = this.#find(path, true);
    return place && entryOf(place);
  }

  list(path: string): string[] {
    return [...(this.#find(path, true)?.node.children?.keys() ?? [])].sort();
  }

  read(path: string, limit = MAX_FILE_BYTES): Uint8Array | undefined {
    const place = this.#find(path, true);
    if (place?.node.kind !== "file") return undefined;
    const { size, content } = place.node;
    if (size > limit)
      throw new CinchError(
        "too-large",
        `${this.name}: ${place.path} has ${size} bytes; at most ${limit} are read`,
      );
    return content === undefined ? new Uint8Array() : content.file.read(content.offset, size);
  }

  *walk(): Iterable<TreeEntry> {
    const todo: Place[] = [{ path: "/", node: this.#root }];
    for (let place = todo.pop(); place !== undefined; place = todo.pop()) {
      const { path, node } = place;
      if (path !== "/") yield entryOf(place);
      const names = [...(node.children?.keys() ?? [])].sort().reverse();
      for (const name of names)
        todo.push({ path: path === "/" ? `/${name}` : `${path}/${name}`, node: node.children!.get(name)! });
    }
  }

  [Symbol.dispose](): void {
    this.#close();
  }

  #find(path: string, last: boolean): Place | undefined {
    const names: string[] = [];
    const nodes: Node[] = [this.#root];
    const todo = partsOf(path).reverse();
    let links = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === "..") {
        if (names.pop() !== undefined) nodes.pop();
        continue;
      }
      const node = nodes.at(-1)!.children?.get(name);
      if (node === undefined) return undefined;
      if (node.kind === "symlink" && (last || todo.length > 0)) {
        links += 1;
        if (links > MAX_LINKS)
          throw new CinchError(
            "tree-loop",
            `${this.name}: ${path} leads through more than ${MAX_LINKS} links`,
          );
        if (node.target!.startsWith("/")) {
          names.length = 0;
          nodes.length = 1;
        }
        todo.push(...partsOf(node.target!).reverse());
        continue;
      }
      if (todo.length > 0 && node.kind !== "directory") return undefined;
      names.push(name);
      nodes.push(node);
    }
    return { path: `/${names.join("/")}`, node: nodes.at(-1)! };
  }
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function entryOf({ path, node }: Place): TreeEntry {
  return {
    path,
    kind: node.kind,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    size: node.size,
    ...(node.kind === "symlink" && { target: node.target ?? "" }),
  };
}
