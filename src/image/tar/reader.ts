import { CinchError } from "../../base/index.ts";
import { BLOCK, TYPES, type TarHeader, nameOf, parseHeader } from "./header.ts";
import { type PaxFields, parsePax } from "./pax.ts";

/** A long name or a pax header; PATH_MAX is 4 KiB, attributes of real files stay below 64 KiB. */
const MAX_EXTENSION = 1 << 20;

export type TarKind = "file" | "hardlink" | "symlink" | "character" | "block" | "directory" | "fifo";

/** One entry of an archive. Where its content is, is told; the content itself is not read. */
export interface TarEntry {
  /** As written. */
  name: string;
  kind: TarKind;
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of a file; 0 for all else. */
  size: number;
  /** Where the content begins in the archive (uncompressed). */
  offset: number;
  /** Of links: as written. */
  link: string;
}

const KINDS: Readonly<Record<string, TarKind>> = {
  [TYPES.file]: "file",
  [TYPES.contiguous]: "file",
  [TYPES.hardlink]: "hardlink",
  [TYPES.symlink]: "symlink",
  [TYPES.character]: "character",
  [TYPES.block]: "block",
  [TYPES.directory]: "directory",
  [TYPES.fifo]: "fifo",
};

/** What the extensions before an entry are kept as: by the type of the header they came in. */
type Extension = typeof TYPES.paxNext | typeof TYPES.paxGlobal | typeof TYPES.gnuName | typeof TYPES.gnuLink;

/**
 * Reads a tar archive that arrives in pieces: POSIX ustar and pax, GNU long names and numbers. Memory is one header
 * block and one extension, whatever the archive's size. Throws `bad-tar`, `sparse-tar`, and `truncated` at the end.
 */
export class TarReader {
  #what: string;
  #entry: (entry: TarEntry) => void;
  /** Bytes that came before what is read now. */
  #at = 0;
  #skip = 0;
  #block = Buffer.alloc(BLOCK);
  #filled = 0;
  #extension: { type: Extension; bytes: Buffer; filled: number } | undefined;
  #pax: PaxFields = {};
  #gnu: { name?: string; link?: string } = {};
  #ended = false;

  /** `what` names the archive in messages; `entry` is called for each entry, once its header was read. */
  constructor(what: string, entry: (entry: TarEntry) => void) {
    this.#what = what;
    this.#entry = entry;
  }

  push(chunk: Uint8Array): void {
    let from = 0;
    while (from < chunk.length && !this.#ended) {
      if (this.#skip > 0) {
        const count = Math.min(this.#skip, chunk.length - from);
        this.#skip -= count;
        from += count;
      } else if (this.#extension !== undefined) {
        from += this.#fillExtension(chunk, from);
      } else {
        from += this.#fillBlock(chunk, from);
      }
    }
  }

  /** How many of the next bytes are content that is not looked at: whoever can may leave them out by `leaveOut`. */
  get ignored(): number {
    return this.#ended ? Infinity : this.#skip;
  }

  /** Instead of pushing them. */
  leaveOut(count: number): void {
    if (!this.#ended) this.#skip -= count;
  }

  /** After the last piece. An archive may end without its two blocks of zeros, but not inside an entry. */
  end(): void {
    if (this.#ended) return;
    if (this.#filled > 0 || this.#skip > 0 || this.#extension !== undefined || this.#isExtended())
      throw new CinchError("truncated", `${this.#what} ends inside an entry, at byte ${this.#at}`, {
        hint: "was it copied or downloaded whole?",
      });
  }

  #where(): string {
    return `${this.#what}, byte ${this.#at}`;
  }

  #isExtended(): boolean {
    return Object.keys(this.#pax).length > 0 || Object.keys(this.#gnu).length > 0;
  }

  #fillBlock(chunk: Uint8Array, from: number): number {
    const count = Math.min(BLOCK - this.#filled, chunk.length - from);
    this.#block.set(chunk.subarray(from, from + count), this.#filled);
    this.#filled += count;
    if (this.#filled === BLOCK) {
      this.#filled = 0;
      this.#header();
    }
    return count;
  }

  #header(): void {
    const header = parseHeader(this.#block, this.#where());
    if (header === undefined) {
      if (this.#isExtended())
        throw new CinchError(
          "bad-tar",
          `${this.#where()}: the archive ends after a long name, without its entry`,
        );
      this.#ended = true;
      return;
    }
    this.#at += BLOCK;
    if (isExtension(header.type)) this.#beginExtension(header, header.type);
    else this.#tell(header);
  }

  #beginExtension({ size }: TarHeader, type: Extension): void {
    if (size > MAX_EXTENSION)
      throw new CinchError(
        "bad-tar",
        `${this.#where()}: a name or pax header of ${size} bytes; at most ${MAX_EXTENSION} are read`,
      );
    this.#extension = { type, bytes: Buffer.alloc(size), filled: 0 };
    if (size === 0) this.#endExtension();
  }

  #fillExtension(chunk: Uint8Array, from: number): number {
    const extension = this.#extension!;
    const count = Math.min(extension.bytes.length - extension.filled, chunk.length - from);
    extension.bytes.set(chunk.subarray(from, from + count), extension.filled);
    extension.filled += count;
    if (extension.filled === extension.bytes.length) this.#endExtension();
    return count;
  }

  #endExtension(): void {
    const { type, bytes } = this.#extension!;
    this.#extension = undefined;
    const where = this.#where();
    const end = bytes.indexOf(0);
    const name = (): string => nameOf(end === -1 ? bytes : bytes.subarray(0, end));
    if (type === TYPES.gnuName) this.#gnu.name = name();
    else if (type === TYPES.gnuLink) this.#gnu.link = name();
    else {
      const fields = parsePax(bytes, where);
      if (type === TYPES.paxNext) this.#pax = fields;
      else if (Object.keys(fields).length > 0)
        throw new CinchError(
          "bad-tar",
          `${where}: a global pax header says what each entry has to say itself`,
        );
    }
    this.#advance(bytes.length);
  }

  /** Past content of `size` bytes and its padding. */
  #advance(size: number): void {
    const padding = (BLOCK - (size % BLOCK)) % BLOCK;
    // What an extension holds came already; only its padding is still to come.
    this.#at += size + padding;
    this.#skip = padding;
  }

  #tell(header: TarHeader): void {
    const where = this.#where();
    const { name = this.#gnu.name ?? header.name, link = this.#gnu.link ?? header.link } = this.#pax;
    const { size = header.size, uid = header.uid, gid = header.gid } = this.#pax;
    this.#pax = {};
    this.#gnu = {};
    const kind = KINDS[header.type];
    if (kind === undefined) throw unknownType(header.type, name, where);
    // Entries that are no files have no content, whatever their headers say (as Go's archive/tar, which engines use).
    const content = kind === "file" ? size : 0;
    this.#entry({ name, link, kind, mode: header.mode, uid, gid, size: content, offset: this.#at });
    this.#advance(content);
    this.#skip += content;
  }
}

function isExtension(type: string): type is Extension {
  return (
    type === TYPES.paxNext || type === TYPES.paxGlobal || type === TYPES.gnuName || type === TYPES.gnuLink
  );
}

function unknownType(type: string, name: string, where: string): CinchError {
  if (type === "S")
    return new CinchError("sparse-tar", `${where}: ${name} is stored with holes (GNU sparse)`, {
      hint: "layers are written without: make the archive again without --sparse",
    });
  return new CinchError("bad-tar", `${where}: ${name} has the type '${type}', which no layer has`);
}
