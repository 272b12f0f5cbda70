/** What marks a whole address in a set, beside the halves that ADRP makes. */
const WHOLE = 2 ** 48;

/** Half of an address, that something is still to be added to. */
export function isPage(held: number): boolean {
  return held < WHOLE;
}

/** The address that an entry of a set stands for. */
export function addressOf(held: number): number {
  return held < WHOLE ? held : held - WHOLE;
}

/** A whole address, as an entry of a set. */
export function whole(address: number): number {
  return address + WHOLE;
}

/**
 * Whole addresses in one register that go on as bases: the address of a section's anchor is the only one there. A register
 * with many is a pointer to one of many things, which are told by their own addresses.
 */
const MAX_WHOLE = 8;

/** A set of pages and addresses, made once for each combination; number 0 is the empty one. */
export class PageSets {
  #sets: (readonly number[])[] = [[]];
  /** By set: it has lost its whole addresses, and takes in no more. */
  #isMany: boolean[] = [false];
  #known = new Map<string | number, number>([["", 0]]);
  #unions = new Map<number, number>();

  pages(set: number): readonly number[] {
    return this.#sets[set]!;
  }

  of(pages: readonly number[], isMany = false): number {
    const key = pages.length === 1 && !isMany ? pages[0]! : `${pages.join(" ")}${isMany ? " many" : ""}`;
    let set = this.#known.get(key);
    if (set === undefined) {
      this.#known.set(key, (set = this.#sets.length));
      this.#sets.push(pages);
      this.#isMany.push(isMany);
    }
    return set;
  }

  union(a: number, b: number): number {
    if (a === b || b === 0) return a;
    if (a === 0) return b;
    const key = Math.min(a, b) * 2 ** 26 + Math.max(a, b);
    let set = this.#unions.get(key);
    if (set === undefined) this.#unions.set(key, (set = this.#unite(a, b)));
    return set;
  }

  #unite(a: number, b: number): number {
    const both = [...new Set([...this.#sets[a]!, ...this.#sets[b]!])].sort((x, y) => x - y);
    const pages = both.filter(isPage);
    const isMany = this.#isMany[a]! || this.#isMany[b]! || both.length - pages.length > MAX_WHOLE;
    return this.of(isMany ? pages : both, isMany);
  }
}
