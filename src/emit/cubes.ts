/**
 * Sets of argument values as seccomp can test them: a cube holds the values whose bits under `mask` are those of
 * `value`, which is SCMP_CMP_MASKED_EQ. Intersections of cubes are cubes, and differences are a few of them, so every
 * limit that a profile states can be turned into tests of this one kind.
 */
export interface Cube {
  mask: bigint;
  /** Only bits under the mask. */
  value: bigint;
}

/** One cube an argument, by index; arguments without one may have any value. */
export type Box = ReadonlyMap<number, Cube>;

const ANY: Cube = { mask: 0n, value: 0n };

export function cubeAt(box: Box, index: number): Cube {
  return box.get(index) ?? ANY;
}

/** The values in both; undefined if there are none. */
export function intersect(a: Cube, b: Cube): Cube | undefined {
  if (((a.value ^ b.value) & a.mask & b.mask) !== 0n) return undefined;
  return { mask: a.mask | b.mask, value: a.value | b.value };
}

/** Whether every value of `inner` is in `outer`. */
export function includes(outer: Cube, inner: Cube): boolean {
  return (outer.mask & ~inner.mask) === 0n && ((outer.value ^ inner.value) & outer.mask) === 0n;
}

/** From `low` to `high`, both in, as few cubes as there can be with fixed upper bits; `bits` is the width of a value. */
export function range(low: bigint, high: bigint, bits: number): Cube[] {
  const all = (1n << BigInt(bits)) - 1n;
  const cubes: Cube[] = [];
  for (let from = low; from <= high;) {
    // The largest aligned block that starts here and does not end too far.
    let size = from === 0n ? 1n << BigInt(bits) : from & -from;
    while (from + size - 1n > high) size >>= 1n;
    cubes.push({ mask: all & ~(size - 1n), value: from });
    from += size;
  }
  return cubes;
}

/** The part of a box that is outside of another one, as boxes without overlap. */
export function subtract(box: Box, minus: Box): Box[] {
  for (const [index, cube] of minus) {
    if (intersect(cubeAt(box, index), cube) === undefined) return [box];
  }
  const rest: Box[] = [];
  let inside = box;
  for (const [index, cube] of minus) {
    // Bit by bit: what differs in this one, and agrees in those before it.
    let open = cube.mask & ~cubeAt(inside, index).mask;
    while (open !== 0n) {
      const bit = 1n << BigInt(open.toString(2).length - 1);
      const { mask, value } = cubeAt(inside, index);
      const agreeing = cube.value & bit;
      rest.push(new Map(inside).set(index, { mask: mask | bit, value: value | (agreeing ^ bit) }));
      inside = new Map(inside).set(index, { mask: mask | bit, value: value | agreeing });
      open ^= bit;
    }
  }
  return rest;
}

/** The boxes without those that lie inside another one. */
export function withoutIncluded(boxes: readonly Box[]): Box[] {
  const contains = (outer: Box, inner: Box): boolean =>
    [...outer].every(([index, cube]) => includes(cube, cubeAt(inner, index)));
  return boxes.filter((box, i) =>
    boxes.every((other, j) => i === j || !contains(other, box) || (i < j && contains(box, other))),
  );
}
