import type { OciSeccomp } from "../linux/index.ts";

/** Of lines full of names. */
const WIDTH = 110;
/** A rule with two limited arguments fits such a line, and a table of rules is easier to read than a page of braces. */
const RULE_WIDTH = 240;

/**
 * A seccomp profile as JSON that people can read: a rule's names fill lines, each of its arguments is one line. Stable:
 * the same profile gives the same bytes.
 */
export function stringifySeccomp({ syscalls, ...head }: OciSeccomp): string {
  const members = Object.entries(head).map(([key, value]) => `  ${JSON.stringify(key)}: ${inline(value)}`);
  const rules = syscalls.map(({ names, args, ...rest }) => {
    const lines = [
      `"names": ${names.length < 4 ? inline(names) : `[\n${fill(names, "        ")}\n      ]`}`,
      ...Object.entries(rest).map(([key, value]) => `${JSON.stringify(key)}: ${inline(value)}`),
      ...(args === undefined ? [] : [`"args": [${args.map((arg) => inline(arg)).join(", ")}]`]),
    ];
    const line = `{ ${lines.join(", ")} }`;
    return line.includes("\n") || line.length > RULE_WIDTH
      ? `    {\n      ${lines.join(",\n      ")}\n    }`
      : `    ${line}`;
  });
  members.push(rules.length === 0 ? '  "syscalls": []' : `  "syscalls": [\n${rules.join(",\n")}\n  ]`);
  return `{\n${members.join(",\n")}\n}\n`;
}

/** One line, with the spaces that make it readable. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    return `{ ${Object.entries(value)
      .map(([key, member]) => `${JSON.stringify(key)}: ${inline(member)}`)
      .join(", ")} }`;
  }
  return JSON.stringify(value);
}

/** The words in lines that are as long as they may be. */
function fill(words: readonly string[], indent: string): string {
  const lines: string[] = [];
  let line = indent;
  for (const [i, word] of words.entries()) {
    const text = `${JSON.stringify(word)}${i < words.length - 1 ? "," : ""}`;
    if (line !== indent && line.length + text.length + 1 > WIDTH) {
      lines.push(line);
      line = indent;
    }
    line += line === indent ? text : ` ${text}`;
  }
  return [...lines, line].join("\n");
}
