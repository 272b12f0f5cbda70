/** An entry of an archive to be made. `type` is the flag of its header. */
export interface TarMember {
  name: string;
  type?: string;
  content?: string | Uint8Array;
  link?: string;
  mode?: number;
  uid?: number;
  /** The size that the header states, where it is not the content's. */
  size?: number;
  /** Written instead of the right one. */
  checksum?: number;
}

/** A tar archive in the ustar format, well formed or not, for tests. */
export function tarOf(members: readonly TarMember[], { ends = true } = {}): Buffer {
  const blocks = members.flatMap((member) => {
    const content = Buffer.from(member.content ?? "");
    const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
    return [headerOf(member, member.size ?? content.length), content, padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(ends ? 1024 : 0)]);
}

export function folder(name: string, mode = 0o755): TarMember {
  return { name, type: "5", mode };
}

export function file(name: string, content: string | Uint8Array = "", mode = 0o644): TarMember {
  return { name, content, mode };
}

export function symlink(name: string, link: string): TarMember {
  return { name, type: "2", link, mode: 0o777 };
}

export function hardlink(name: string, link: string): TarMember {
  return { name, type: "1", link };
}

/** A pax header for the entry after it. */
export function pax(records: Readonly<Record<string, string>>, type = "x"): TarMember {
  return { name: "PaxHeaders/0", type, content: Object.entries(records).map(paxRecord).join("") };
}

function paxRecord([key, value]: [string, string]): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  // The length counts its own digits.
  let length = bytes + 1;
  while (String(length).length + bytes !== length) length = bytes + String(length).length;
  return `${length}${rest}`;
}

function headerOf(member: TarMember, size: number): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  };
  block.write(member.name, 0, 100);
  octal(member.mode ?? 0o644, 100, 8);
  octal(member.uid ?? 0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write(member.type ?? "0", 156, "latin1");
  block.write(member.link ?? "", 157, 100);
  block.write("ustar\x0000", 257, "latin1");
  block.fill(" ", 148, 156);
  octal(member.checksum ?? block.reduce((sum, byte) => sum + byte, 0), 148, 7);
  return block;
}
