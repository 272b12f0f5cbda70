import type { TreeEntry } from "../tree.ts";
import type { ByteFile } from "../blob/byte-file.ts";

/** Where a file's bytes are. */
export interface Content {
  file: ByteFile;
  offset: number;
}

/** One place in a tree of layers. Hard links to one file are nodes with the same `content`. */
export interface Node {
  kind: TreeEntry["kind"];
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Of a symlink. */
  target?: string;
  /** Of a file with bytes. */
  content?: Content;
  /** Of a directory. */
  children?: Map<string, Node>;
  /** A directory that no entry named: it is there because something in it is. */
  implied?: boolean;
  /** Of a directory in a layer: names that the layers below have no longer. */
  hidden?: Set<string>;
  /** Of a directory in a layer: nothing of the layers below is in it. */
  opaque?: boolean;
}

export function directory(implied: boolean): Node {
  return { kind: "directory", mode: 0o755, uid: 0, gid: 0, size: 0, children: new Map(), implied };
}
