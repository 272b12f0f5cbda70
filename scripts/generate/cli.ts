import { cliSchemas } from "../../src/cli/documents.ts";
import { FORMATS } from "../../src/cli/formats.ts";
import { type CommandHelp, commandHelps } from "../../src/cli/help.ts";
import { USAGES, buildTree } from "../../src/cli/tree.ts";
import type { Generated } from "./generated.ts";

/**
 * docs/cli.md, made from the command tree: what `--help` says, and what holds for every command; and the schemas of the
 * documents that only commands give.
 */
export function generateCliDocs(): Generated[] {
  const commands = commandHelps(buildTree("0.0.0"), USAGES);
  const content = [
    "# Commands\n",
    "<!-- Made from src/cli/tree.ts by `npm run generate`. -->\n",
    ...commands.map(({ name, brief }) => `- [\`cinch ${name}\`](#cinch-${name}): ${lower(brief)}`),
    `\n${COMMON}`,
    ...commands.map(section),
  ].join("\n");
  const schemas = Object.entries(cliSchemas()).map(([name, schema]) => ({
    path: `schemas/${name}`,
    content: `${JSON.stringify(schema, null, 2)}\n`,
  }));
  return [{ path: "docs/cli.md", content }, ...schemas];
}

const COMMON = `## What holds for every command

**Streams.** Standard output carries only what was asked for: the readable summary, or the one document of \`-o FORMAT\`
without a file. All talk goes to standard error; with \`-q\` only warnings and errors do. \`-o FORMAT=FILE\` can be given
several times; files are written whole or not at all, and the summary still appears.

**JSON documents** have \`$schema\`, \`schemaVersion\` and \`kind\`, and validate against the schemas in \`schemas/\`. Lists
are never null.

**Exit codes**

| code | meaning |
| --- | --- |
| 0 | fine, or nothing found |
| 1 | the check ran and found something: denied, differs |
| 2 | usage, failure, or runs that prove nothing |
| 3 | cannot run here; the message names what is missing |
| 125 | \`cinch run\` itself failed; any other code of it is the program's |
| 130 | interrupted: no half-written file, process, container or attached program is left |

**Environment.** Every option can be given as \`CINCH_\` and its name: \`CINCH_ENGINE=podman\`, \`CINCH_TIMEOUT=5m\`. The
command line wins over the environment, and the environment over \`cinch.yaml\`. \`NO_COLOR\`, \`FORCE_COLOR\` and
\`TERM=dumb\` are honoured.

**\`--\`** ends cinch's own options: what follows is the target's command line.
`;

function section({ name, brief, usage, description, arguments: places, groups }: CommandHelp): string {
  const lines = [
    `## cinch ${name}\n`,
    `${brief}.\n`,
    "```text",
    ...usage.map((text) => `cinch ${name} ${text}`.trimEnd()),
    "```\n",
  ];
  if (description !== "") lines.push(`${description}\n`);
  const formats: Readonly<Record<string, readonly string[]>> = FORMATS;
  const known = formats[name];
  if (known !== undefined)
    lines.push(`Formats of \`-o\`: ${known.map((format) => `\`${format}\``).join(", ")}.\n`);
  if (places.length > 0) {
    lines.push(
      "| argument | |",
      "| --- | --- |",
      ...places.map(({ name: place, brief: text }) => `| \`${place}\` | ${cell(text)} |`),
      "",
    );
  }
  for (const { title, options } of groups) {
    lines.push(
      `| ${lower(title)} | |`,
      "| --- | --- |",
      ...options.map(({ spelled, brief: text }) => `| \`${cell(spelled.trim())}\` | ${cell(text)} |`),
      "",
    );
  }
  return lines.join("\n");
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
