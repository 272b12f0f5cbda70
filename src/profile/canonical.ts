import { createHash } from "node:crypto";

/** JSON with members sorted by name and without white space: the same value gives the same bytes (as RFC 8785 has it for what documents hold). */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  });
}

/** "sha256:…" of a document's canonical form. `$schema` is an address, not content, and does not count. */
export function digestOf(document: object): string {
  const { $schema: _, ...content } = document as { $schema?: string };
  return `sha256:${createHash("sha256").update(canonicalJson(content)).digest("hex")}`;
}

/** Sorted, each value once. */
export function sortedSet<T extends string>(values: Iterable<T>): T[] {
  return [...new Set(values)].sort();
}
