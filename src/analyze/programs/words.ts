import { type SyntaxNode, forEachChild, parse } from "unbash";

/** What a shell script says: the names it starts, and every other word, which may be one too. */
export interface ShellWords {
  /** Words where a command's name stands, as far as they are literal. */
  commands: { text: string; line: number }[];
  /** All other literal words: arguments, values of variables, patterns of loops. */
  words: { text: string; line: number }[];
  /** Places where the name of a command is made at run time. */
  open: { text: string; line: number }[];
  /** What could not be read. */
  errors: { text: string; line: number }[];
}

/** A longer script is data. */
const MAX_SCRIPT = 1 << 20;

/** The arguments of the script itself: what it is started with, which is known. */
const OWN_ARGUMENTS = /^"?\$(@|\*|\{@\}|\{\*\}|[0-9]|\{[0-9]\})"?$/;

/** Reads a shell script (POSIX sh and bash) into its words. Pure; never throws, whatever the text is. */
export function shellWords(script: string): ShellWords {
  const found: ShellWords = { commands: [], words: [], open: [], errors: [] };
  if (script.length > MAX_SCRIPT) {
    found.errors.push({ text: `longer than ${MAX_SCRIPT} characters`, line: 1 });
    return found;
  }
  const lineAt = lineFinder(script);
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(script);
  } catch (error) {
    found.errors.push({ text: error instanceof Error ? error.message : String(error), line: 1 });
    return scan(script, found);
  }
  for (const { message, pos } of parsed.errors ?? []) found.errors.push({ text: message, line: lineAt(pos) });
  visit(parsed, found, lineAt);
  return found.errors.length > 0 ? scan(script, found) : found;
}

function visit(root: SyntaxNode, found: ShellWords, lineAt: (position: number) => number): void {
  // By hand, not by recursion: how deep a script nests is its author's choice.
  const stack: SyntaxNode[] = [root];
  const names = new Set<unknown>();
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.type === "Command" && node.name !== undefined) {
      names.add(node.name);
      take(node.name, true);
    } else if (node.type === "Word" && !names.has(node)) take(node, false);
    forEachChild(node, (child) => {
      stack.push(child);
    });
  }

  function take(
    word: { text: string; value: string; pos: number; parts?: readonly { type: string }[] | undefined },
    isName: boolean,
  ): void {
    const line = lineAt(word.pos);
    const isOpen = /[$`]/.test(word.value);
    if (!isOpen) (isName ? found.commands : found.words).push({ text: word.value, line });
    else if (isName && !OWN_ARGUMENTS.test(word.text)) found.open.push({ text: word.text, line });
    // "$dir/bin/tool", "/path/$version": the literal pieces may still tell.
    else if (!isName && !/^\S*[$`]/.test(word.value)) found.words.push({ text: word.value, line });
  }
}

/** Without a grammar: everything between blanks and the shell's own signs. */
function scan(script: string, found: ShellWords): ShellWords {
  for (const [i, line] of script.split("\n").entries())
    for (const text of line.replace(/(^|\s)#.*/, "$1").split(/[\s;|&()<>"'`=]+/))
      if (text !== "") found.words.push({ text, line: i + 1 });
  return found;
}

function lineFinder(text: string): (position: number) => number {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (position) => {
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
