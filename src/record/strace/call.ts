/** A call as strace printed it: each argument its text, the result taken apart. */
export interface Call {
  /** Without the mark that strace adds to x32's calls by their native number ("rt_sigaction#64"). */
  name: string;
  /** What stood behind #. */
  mark: string | undefined;
  args: string[];
  /** undefined: "?", the call did not return, or an address too large to be exact. */
  ret: number | undefined;
  /** "ENOENT" where it failed. */
  errno: string | undefined;
  /** -y: what stood in <> behind the result. */
  retAnnotation: string | undefined;
}

/** Named arguments ("flags=") and structures count as one: no call has more than six, but -v adds some. */
const MAX_ARGS = 32;
const NAME = /^([a-z_][a-z0-9_]*)(?:#(\w+))?\(/;
const RESULT = /^\s*= (\?|0x[0-9a-f]{1,16}|-?\d{1,20})/;
const ERRNO = /^ (?:(E[A-Z0-9_]{1,24})|\(errno (\d{1,5})\))/;

/** The call at the start of a text, which may be only its beginning: name alone. */
export function callName(text: string): { name: string; mark: string | undefined } | undefined {
  const match = NAME.exec(text);
  return match ? { name: match[1]!, mark: match[2] } : undefined;
}

/** Parses `name(arguments) = result`. undefined: it is none, or not whole. One pass, linear in the text's length. */
export function parseCall(text: string): Call | undefined {
  const head = NAME.exec(text);
  if (!head) return undefined;
  const end = head[0].length;
  const list = splitArguments(text, end);
  if (list === undefined) return undefined;
  const tail = text.slice(list.end);
  const result = RESULT.exec(tail);
  if (!result) return undefined;
  const rest = tail.slice(result[0].length);
  const value = result[1]!;
  const failed = value === "-1" || value === "?" ? ERRNO.exec(rest) : null;
  const number = value === "?" ? Number.NaN : Number(value);
  return {
    name: head[1]!,
    mark: head[2],
    args: list.args,
    ret: Number.isSafeInteger(number) ? number : undefined,
    errno: failed ? (failed[1] ?? `errno ${failed[2]}`) : undefined,
    retAnnotation: rest.startsWith("<") ? annotationAt(rest, 0)?.text : undefined,
  };
}

/** Cuts at the commas outside quotes, brackets, comments and -y's annotations, up to the bracket that ends the call. */
function splitArguments(text: string, start: number): { args: string[]; end: number } | undefined {
  const args: string[] = [];
  let depth = 0;
  let begin = start;
  for (let at = start; at < text.length; at++) {
    switch (text[at]) {
      case '"': {
        const close = endOfString(text, at);
        if (close === -1) return undefined;
        at = close;
        break;
      }
      case "/":
        if (text[at + 1] === "*") {
          const close = text.indexOf("*/", at + 2);
          if (close === -1) return undefined;
          at = close + 1;
        }
        break;
      case "<": {
        // An annotation follows a descriptor or AT_FDCWD; 1<<20 is a number.
        if (text[at + 1] === "<") at++;
        else if (/[0-9A-Z]/.test(text[at - 1]!)) {
          const annotation = annotationAt(text, at);
          if (annotation === undefined) return undefined;
          at = annotation.end - 1;
        }
        break;
      }
      case "(":
      case "[":
      case "{":
        depth++;
        break;
      case "]":
      case "}":
        depth--;
        break;
      case ")":
        if (depth-- > 0) break;
        if (args.length > 0 || text.slice(begin, at).trim() !== "") args.push(text.slice(begin, at).trim());
        return { args, end: at + 1 };
      case ",":
        if (depth > 0) break;
        if (args.length === MAX_ARGS) return undefined;
        args.push(text.slice(begin, at).trim());
        begin = at + 1;
        break;
      default:
    }
  }
  return undefined;
}

/** The place of the quote that ends the string beginning at `at`; -1 if none does. */
function endOfString(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i;
  }
  return -1;
}

/**
 * -y's `<…>` beginning at `at`: its text, and the place behind it. strace escapes < and > in paths; unescaped they
 * come in `->` between addresses and around a device's numbers (`</dev/null<char 1:3>>`).
 */
function annotationAt(text: string, at: number): { text: string; end: number } | undefined {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const char = text[i];
    if (char === "\\") i++;
    else if (char === '"') {
      const close = endOfString(text, i);
      if (close === -1) return undefined;
      i = close;
    } else if (char === "<") depth++;
    else if (char === ">" && text[i - 1] !== "-" && --depth === 0) {
      return { text: text.slice(at + 1, i), end: i + 1 };
    }
  }
  return undefined;
}

/** A descriptor argument: its number, and what -y says it is. AT_FDCWD is -100, however it was written. */
export function parseDescriptor(text: string): { fd: number; annotation: string | undefined } | undefined {
  const match = /^(AT_FDCWD|-?\d{1,10}|0xffffff9c)(?: \/\* AT_FDCWD \*\/)?(?=$|<)/.exec(text);
  if (!match) return undefined;
  const number = Number(match[1]);
  const fd = match[1] === "AT_FDCWD" || number === 0xffff_ff9c ? AT_FDCWD : number;
  return { fd, annotation: annotationAt(text, match[0].length)?.text };
}

export const AT_FDCWD = -100;

/** An annotation's path, unescaped; undefined for sockets, pipes and other things without one. */
export function annotatedPath(
  annotation: string | undefined,
): { path: string; isDevice: boolean } | undefined {
  if (annotation === undefined || !annotation.startsWith("/")) return undefined;
  const device = /<(?:char|block) [^<>]*>$/.exec(annotation);
  const text = device ? annotation.slice(0, device.index) : annotation;
  return { path: unescape(text).replace(/ \(deleted\)$/, ""), isDevice: device !== null };
}

/**
 * A string argument's value. `cut`: strace printed only its beginning. undefined: no string stands there but an address
 * (the memory could not be read) or NULL.
 */
export function parseString(text: string): { value: string; cut: boolean } | undefined {
  if (!text.startsWith('"')) return undefined;
  const end = endOfString(text, 0);
  if (end === -1) return undefined;
  return { value: unescape(text.slice(1, end)), cut: text.startsWith("...", end + 1) };
}

/** The bytes of a string argument; undefined where none stands. */
export function parseBytes(text: string): Buffer | undefined {
  const end = text.startsWith('"') ? endOfString(text, 0) : -1;
  return end === -1 ? undefined : bytesOf(text.slice(1, end));
}

const ESCAPES: Record<string, number> = { n: 10, t: 9, r: 13, v: 11, f: 12, a: 7, b: 8 };

/** The bytes are taken for UTF-8, as every path of a recording is. */
function unescape(text: string): string {
  return text.includes("\\") ? bytesOf(text).toString("utf8") : text;
}

/** C's escapes. */
function bytesOf(text: string): Buffer {
  const parts: Buffer[] = [];
  let plain = 0;
  for (const match of text.matchAll(/\\(?:([0-7]{1,3})|x([0-9a-f]{2})|(.))/gs)) {
    const [whole, octal, hex, letter] = match;
    parts.push(Buffer.from(text.slice(plain, match.index)));
    if (letter !== undefined)
      parts.push(ESCAPES[letter] === undefined ? Buffer.from(letter) : Buffer.of(ESCAPES[letter]));
    else
      parts.push(
        Buffer.of(octal === undefined ? Number.parseInt(hex!, 16) : Number.parseInt(octal, 8) & 0xff),
      );
    plain = match.index + whole.length;
  }
  parts.push(Buffer.from(text.slice(plain)));
  return Buffer.concat(parts);
}
