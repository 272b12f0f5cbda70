import { createRequire } from "node:module";

type Iced = typeof import("iced-x86");

let loaded: Iced | undefined;

/** The decoder, loaded when the first code is read: a module whose summary is kept needs none, and it takes a while. */
export function iced(): Iced {
  loaded ??= createRequire(import.meta.url)("iced-x86") as Iced;
  return loaded;
}
