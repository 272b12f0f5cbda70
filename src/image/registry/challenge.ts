/** One way of logging in that a server offers (RFC 9110, 11.6.1). */
export interface Challenge {
  /** In lower case: "bearer", "basic". */
  scheme: string;
  /** Names in lower case. */
  parameters: Record<string, string>;
}

/** Longer ones are nobody's. */
const MAX_LENGTH = 16 * 1024;

/** The challenges of WWW-Authenticate. What cannot be understood ends the list: it is never guessed. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
  const parameter = new RegExp(`[\\s,]*(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))`, "y");
  const scheme = new RegExp(`[\\s,]*(${token})(?=\\s|,|$)`, "y");
  const text = header.slice(0, MAX_LENGTH);
  let at = 0;
  while (at < text.length) {
    parameter.lastIndex = at;
    const pair = challenges.length > 0 ? parameter.exec(text) : null;
    if (pair !== null) {
      const value = pair[2] === undefined ? pair[3]! : pair[2].replaceAll(/\\(.)/gs, "$1");
      challenges.at(-1)!.parameters[pair[1]!.toLowerCase()] = value;
      at = parameter.lastIndex;
      continue;
    }
    scheme.lastIndex = at;
    const next = scheme.exec(text);
    if (next === null) break;
    challenges.push({ scheme: next[1]!.toLowerCase(), parameters: {} });
    at = scheme.lastIndex;
  }
  return challenges;
}
