/** What a place in code does with the address it refers to. */
export const REF = {
  call: 0,
  jump: 1,
  branch: 2,
  /** Comes to be a value: lea, adrp + add. */
  address: 3,
  load: 4,
  callThrough: 5,
  jumpThrough: 6,
  store: 7,
  /** Where an exception that passes the function goes on: a landing pad in another one, a personality routine. */
  unwind: 8,
} as const;

/** Places in code and what they refer to, sorted by place. Addresses are the module's own. */
export interface Refs {
  sites: Uint32Array;
  targets: Uint32Array;
  kinds: Uint8Array;
  /** Bytes of a load or store, 255 for more. */
  sizes: Uint8Array;
}

/** References as they are found. */
export class RefBuilder {
  length = 0;
  #sites = new Uint32Array(4096);
  #targets = new Uint32Array(4096);
  #kinds = new Uint8Array(4096);
  #sizes = new Uint8Array(4096);

  add(site: number, target: number, kind: number, size: number): void {
    // No module reaches above 4 GiB (the survey refuses those), so such a target is data read as code.
    if (target < 0 || target > 0xffff_ffff) return;
    const at = this.length;
    if (at === this.#sites.length) this.#grow();
    this.#sites[at] = site;
    this.#targets[at] = target;
    this.#kinds[at] = kind;
    this.#sizes[at] = Math.min(size, 255);
    this.length = at + 1;
  }

  target(index: number): number {
    return this.#targets[index]!;
  }

  kind(index: number): number {
    return this.#kinds[index]!;
  }

  /** The given runs of references, one after the other. */
  pick(runs: readonly { from: number; to: number }[]): Refs {
    const total = runs.reduce((sum, { from, to }) => sum + to - from, 0);
    const refs: Refs = {
      sites: new Uint32Array(total),
      targets: new Uint32Array(total),
      kinds: new Uint8Array(total),
      sizes: new Uint8Array(total),
    };
    let at = 0;
    for (const { from, to } of runs) {
      refs.sites.set(this.#sites.subarray(from, to), at);
      refs.targets.set(this.#targets.subarray(from, to), at);
      refs.kinds.set(this.#kinds.subarray(from, to), at);
      refs.sizes.set(this.#sizes.subarray(from, to), at);
      at += to - from;
    }
    return refs;
  }

  #grow(): void {
    const size = this.#sites.length * 2;
    this.#sites = grown(this.#sites, new Uint32Array(size));
    this.#targets = grown(this.#targets, new Uint32Array(size));
    this.#kinds = grown(this.#kinds, new Uint8Array(size));
    this.#sizes = grown(this.#sizes, new Uint8Array(size));
  }
}

function grown<T extends Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** The index of the first value of a sorted array that is not below `value`; its length if there is none. */
export function lowerBound(sorted: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
