import { CinchError } from "../../base/index.ts";
import type { Layer } from "./layer.ts";
import { type Node, directory } from "./node.ts";

/**
 * The tree that layers make, the first one lowest. A layer's whiteouts act on the layers below it only, wherever in the
 * layer they stand (OCI image-spec, layer.md, "Applying Changesets"). The layers' nodes become part of the tree.
 */
export function stackLayers(layers: readonly Layer[]): Node {
  const root = directory(true);
  for (const layer of layers) {
    for (const link of layer.lowerLinks) {
      const target = childAt(root, link.to);
      if (target === undefined || target.kind === "directory")
        throw new CinchError(
          "bad-layer",
          `${link.from}: a hard link to /${link.to.join("/")}, which ${target ? "is a folder" : "no layer has"}`,
        );
      Object.assign(link.node, target);
    }
    merge(root, layer.root);
  }
  return root;
}

function merge(below: Node, above: Node): void {
  const children = below.children!;
  if (above.opaque === true) children.clear();
  for (const name of above.hidden ?? []) children.delete(name);
  if (above.implied !== true) {
    below.mode = above.mode;
    below.uid = above.uid;
    below.gid = above.gid;
    below.implied = false;
  }
  for (const [name, node] of above.children!) {
    const old = children.get(name);
    if (old?.kind === "directory" && node.kind === "directory") merge(old, node);
    else children.set(name, settle(node));
  }
}

/** Whiteouts in a folder that nothing is below have nothing to hide. */
function settle(node: Node): Node {
  delete node.hidden;
  delete node.opaque;
  for (const child of node.children?.values() ?? []) if (child.kind === "directory") settle(child);
  return node;
}

function childAt(root: Node, path: readonly string[]): Node | undefined {
  let node: Node | undefined = root;
  for (const name of path) node = node?.children?.get(name);
  return node;
}
