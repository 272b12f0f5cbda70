import { groupOf } from "../linux/index.ts";

/** The line that allows a call, and what it would expose. */
export function suggestSyscall(name: string, args?: readonly { index: number; value: bigint }[]): string {
  const exposes = groupOf(name)?.exposes;
  const rule =
    args === undefined || args.length === 0
      ? name
      : `{ name: ${name}, args: [[${args.map(({ index, value }) => `{ index: ${index}, op: eq, value: ${value} }`).join(", ")}]] }`;
  return `under syscalls.allow: "- ${rule}"${exposes === undefined ? "" : ` (exposes: ${lower(exposes)})`}`;
}

export function suggestCapability(name: string): string {
  return `under capabilities: "- ${name}"`;
}

export function suggestPath(access: "read" | "write" | "execute", path: string): string {
  return `under filesystem.${access}: "- ${path}"`;
}

function lower(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, "");
}
