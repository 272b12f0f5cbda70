import type { LoadedFile } from "./loader.ts";

export interface LinkedFile {
  file: LoadedFile;
  neededBy: string;
}

/** What a file is loaded with. */
export interface Linkage {
  /** In the order of loading, without the file itself and its interpreter. */
  files: LinkedFile[];
  missing: { name: string; neededBy: string }[];
  interpreter?: LoadedFile;
}

export interface Libraries {
  /** `within`: the executable that loads the file. */
  of(file: LoadedFile, within?: LoadedFile): Linkage;
}
