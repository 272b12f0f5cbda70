import { CinchError } from "../../base/index.ts";
import { nameOf } from "./header.ts";

/** What a pax record may say of the entry after it, beyond the header's own fields. */
export interface PaxFields {
  name?: string;
  link?: string;
  size?: number;
  uid?: number;
  gid?: number;
}

/**
 * The records of a pax extended header: "LENGTH KEY=VALUE\n" (POSIX.1-2001, pax, "pax Extended Header"). Records that say
 * nothing of a file's place or content (times, attributes) are passed over. Throws `bad-tar`, and `sparse-tar` for
 * records that say that a file's holes were left out.
 */
export function parsePax(bytes: Buffer, where: string): PaxFields {
  const fields: PaxFields = {};
  let at = 0;
  while (at < bytes.length) {
    const blank = bytes.indexOf(0x20, at);
    const digits = blank === -1 ? "" : bytes.toString("latin1", at, blank);
    const length = /^[1-9]\d{0,8}$/.test(digits) ? Number(digits) : 0;
    const equals = bytes.indexOf(0x3d, blank);
    const end = at + length;
    if (length === 0 || end > bytes.length || equals === -1 || equals >= end - 1 || bytes[end - 1] !== 0x0a)
      throw new CinchError("bad-tar", `${where}: a pax record at byte ${at} has no length, key or end`);
    take(fields, bytes.toString("utf8", blank + 1, equals), bytes.subarray(equals + 1, end - 1), where);
    at = end;
  }
  return fields;
}

function take(fields: PaxFields, key: string, value: Buffer, where: string): void {
  switch (key) {
    case "path":
      fields.name = nameOf(value);
      return;
    case "linkpath":
      fields.link = nameOf(value);
      return;
    case "size":
    case "uid":
    case "gid":
      fields[key] = decimal(value.toString("latin1"), key, where);
      return;
    default:
      if (key.startsWith("GNU.sparse."))
        throw new CinchError("sparse-tar", `${where}: a file is stored with holes (${key})`, {
          hint: "layers are written without: make the archive again without --sparse",
        });
  }
}

function decimal(text: string, key: string, where: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new CinchError("bad-tar", `${where}: pax ${key} '${text.slice(0, 40)}' is not a number of a file`);
}
