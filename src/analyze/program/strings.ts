import type { Module } from "../link/module.ts";

/** A name of a file or a command is shorter than a path may be. */
const MAX_STRING = 4096;

/** The NUL-terminated text at an address; undefined where there is none, or none of printable characters. */
export function stringAt(module: Module, address: number, limit = MAX_STRING): string | undefined {
  const section = module.sectionAt(address);
  if (section === undefined || !section.inFile) return undefined;
  const bytes = module.elf.bytesAt(address, Math.min(limit, section.end - address));
  if (bytes === undefined) return undefined;
  const end = bytes.indexOf(0);
  if (end <= 0) return undefined;
  for (let i = 0; i < end; i += 1)
    if (bytes[i]! < 0x20 && bytes[i] !== 9 && bytes[i] !== 10) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("latin1");
}

/** The longest name of a library that is looked for. */
const MAX_SONAME = 255;

/**
 * The text at an address if it may name a module: "libgcc_s.so.1", "/usr/lib/x/%s.so". Most addresses hold something
 * else, so this looks for the ".so" first.
 */
export function moduleNameAt(module: Module, address: number): string | undefined {
  const section = module.sectionAt(address);
  if (section === undefined || section.writable || !section.inFile) return undefined;
  const bytes = module.elf.bytesAt(address, Math.min(MAX_SONAME, section.end - address));
  if (bytes === undefined) return undefined;
  const end = bytes.indexOf(0);
  if (end < 4) return undefined;
  const at = bytes.subarray(0, end).lastIndexOf(DOT);
  if (at < 0) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("latin1");
  return /^[\w.+/%$-]*\.so(\.[\w.%]+)*$/.test(text) ? text : undefined;
}

const DOT = 0x2e;

/** Letters of a pattern besides its %s: fewer would match by chance. */
const MIN_LETTERS = 5;

/**
 * All of the given names that a module's read-only data holds as texts: whole, as what printf would make of them
 * ("mod_%s_plugin_init"), or by their beginning or end ("PyInit_", "_plugin_init").
 */
export function namesIn(module: Module, names: ReadonlySet<string>): string[] {
  const found = new Set<string>();
  const patterns = new Set<string>();
  for (const { start, end, inFile, isOwn } of module.data) {
    const bytes = inFile && isOwn ? module.elf.bytesAt(start, end - start) : undefined;
    if (bytes === undefined) continue;
    let from = 0;
    for (let i = 0; i <= bytes.length; i += 1) {
      const byte = bytes[i] ?? 0;
      if (isNamePart(byte)) continue;
      if (byte === 0 && i - from >= 3 && i - from <= MAX_SONAME) {
        const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, i - from).toString("latin1");
        if (names.has(text)) found.add(text);
        else if (isPattern(text)) patterns.add(text);
      }
      from = i + 1;
    }
  }
  for (const pattern of patterns) {
    const parts = pattern.replaceAll("%s", String.raw`\w+`);
    const matches = new RegExp(
      pattern.includes("%") ? `^${parts}$` : pattern.startsWith("_") ? `${parts}$` : `^${parts}`,
    );
    for (const name of names) if (matches.test(name)) found.add(name);
  }
  return [...found];
}

function isPattern(text: string): boolean {
  if (text.replaceAll(/%s|_/g, "").length < MIN_LETTERS || /%(?!s)/.test(text)) return false;
  return text.includes("%s") || /^_[a-z]/.test(text) || /[a-z]_$/i.test(text);
}

/** Letters, digits, the underscore, and the sign of a printf pattern. */
function isNamePart(byte: number): boolean {
  return (
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x5f ||
    byte === 0x25
  );
}

const contained = new WeakMap<Module, Map<string, boolean>>();

/** Whether a module's data holds the text. */
export function holds(module: Module, text: string): boolean {
  let known = contained.get(module);
  if (known === undefined) contained.set(module, (known = new Map<string, boolean>()));
  let answer = known.get(text);
  if (answer === undefined) {
    answer = module.data.some(({ start, end, inFile, writable }) => {
      const bytes = inFile && !writable ? module.elf.bytesAt(start, end - start) : undefined;
      return (
        bytes !== undefined &&
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(text, 0, "latin1")
      );
    });
    known.set(text, answer);
  }
  return answer;
}
