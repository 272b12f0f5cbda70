import type { Node } from "yaml";
import { messageOf, yaml } from "../base/index.ts";

/**
 * Text as a plain value, with whatever stands in the way of reading it. Documents come from anywhere, so what a reader
 * would guess about is refused: a member that is there twice, and YAML's aliases, ten lines of which can stand for
 * gigabytes.
 */
export type Reading =
  | { value: unknown; problems: readonly [] }
  | { value: undefined; problems: readonly string[] };

/**
 * YAML is for what people write, and its reader takes a hundred times as long as that of JSON, up to 16 s a MiB for what
 * is made to be slow. This is over twice a profile of 20,000 paths; beyond it a document has to be JSON.
 */
const MAX_YAML = 1024 * 1024;

/** Problems that are gathered: one wrong line can bring thousands. */
const MAX_PROBLEMS = 100;

/** JSON as JSON, which may be large; else YAML. */
export function readText(text: string): Reading {
  if (!/^\s*[{[]/.test(text)) return readYaml(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const yaml = readYaml(text);
    // YAML may begin with a brace too. What is neither was meant as JSON, if it also ends like it.
    const isJson = text.length > MAX_YAML || /[}\]]\s*$/.test(text);
    return yaml.problems.length > 0 && isJson ? failed([messageOf(error)]) : yaml;
  }
  // JSON.parse lets the last of two members win. YAML's reader, which takes JSON too, tells.
  const twice = isProfile(value) && text.length <= MAX_YAML ? readYaml(text, "twice").problems : [];
  return twice.length > 0 ? failed(twice) : { value, problems: [] };
}

/** What people edit as JSON, and where a member that vanishes is a grant that vanishes. */
function isProfile(value: unknown): boolean {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  const { kind } = value as { kind?: unknown };
  return kind === undefined || kind === "profile";
}

/** "twice": only members that are there twice are told. */
function readYaml(text: string, about: "all" | "twice" = "all"): Reading {
  if (text.length > MAX_YAML) {
    return failed([
      `it has ${text.length} characters, and as YAML at most ${MAX_YAML} are read; write it as JSON`,
    ]);
  }
  const { LineCounter, isScalar, parseDocument, visit } = yaml();
  const lines = new LineCounter();
  const problems: string[] = [];
  const tell = (problem: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(problem);
  };
  const at = (node: Node | { pos: readonly number[] }): string => {
    const offset = "pos" in node ? node.pos[0] : node.range?.[0];
    return offset === undefined ? "" : `line ${lines.linePos(offset).line}: `;
  };
  try {
    // Its own look for duplicates compares each member of a map with each other.
    const document = parseDocument(text, {
      uniqueKeys: false,
      lineCounter: lines,
      prettyErrors: false,
      // "silent" would take the first of several documents for the whole.
      logLevel: "error",
    });
    if (about === "all") for (const error of document.errors) tell(at(error) + sentence(error));
    visit(document, {
      Alias: (_, node) => {
        if (about === "all")
          tell(`${at(node)}an alias (*${node.source}) stands here; write out what it stands for`);
      },
      Map: (_, map) => {
        const seen = new Set<string>();
        for (const { key } of map.items) {
          if (!isScalar(key)) continue;
          // 1 and "1" are one member once they are JavaScript's.
          const name = String(key.value);
          if (seen.has(name)) tell(`${at(key)}the member ${JSON.stringify(name)} is there twice`);
          seen.add(name);
        }
      },
    });
    if (problems.length > 0) return failed(problems);
    const value: unknown = about === "all" ? document.toJS({ maxAliasCount: 0 }) : undefined;
    return { value, problems: [] };
  } catch (error) {
    return failed([sentence(error)]);
  }
}

/** The reader walks down by recursion, and gives up where the stack ends. */
function sentence(error: unknown): string {
  return error instanceof RangeError || /call stack/.test(messageOf(error))
    ? "it is nested too deeply to be read"
    : messageOf(error);
}

function failed(problems: readonly string[]): Reading {
  return { value: undefined, problems };
}
