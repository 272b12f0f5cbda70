import { bit, bits, rd, rm, rn, rt2, signed } from "./words.ts";

/** An instruction that reads or writes memory. */
export interface Access {
  reads: boolean;
  writes: boolean;
  /** Of all that is read or written. */
  size: number;
  /** Number 31 is the stack pointer. */
  base: number;
  /** From the base; undefined: it depends on another register, or is not told. */
  offset: number | undefined;
  /** What the base is changed by; "unknown" for what depends on a register. */
  writeBack?: number | "unknown";
  /** General registers that are stored, in order, or undefined for vectors and what is not told. */
  stored?: readonly number[];
  /** General registers that memory is loaded to. */
  loaded?: readonly number[];
  /** How each of `loaded` is extended: by its sign, to so many bits. */
  sign?: 32 | 64;
  /** General registers that come to hold what is not told. */
  lost: readonly number[];
}

/** A literal: the address is the instruction's own plus a distance. */
export interface Literal {
  distance: number;
  size: number;
  /** A general register, or undefined for a vector or a prefetch. */
  to: number | undefined;
  signed: boolean;
}

/** LDR (literal), LDRSW, PRFM (C4.1.96, "Load register (literal)"). */
export function literalOf(word: number): Literal | undefined {
  if ((word & 0x3b00_0000) >>> 0 !== 0x1800_0000) return undefined;
  const isVector = bit(word, 26);
  const kind = word >>> 30;
  return {
    distance: signed(bits(word, 23, 5), 19) * 4,
    size: isVector ? 4 << kind : [4, 8, 4, 0][kind]!,
    to: isVector || kind === 3 ? undefined : rd(word),
    signed: !isVector && kind === 2,
  };
}

/**
 * What an instruction of the group "Loads and stores" does (Arm ARM, C4.1.96). Forms that are not followed in detail
 * lose every register that any of them may write.
 */
export function accessOf(word: number): Access {
  const kind = bits(word, 29, 27);
  if (kind === 0b101) return pair(word);
  if (kind === 0b111) return single(word);
  return special(word);
}

function pair(word: number): Access {
  const isVector = bit(word, 26);
  const reads = bit(word, 22);
  const opc = word >>> 30;
  const mode = bits(word, 24, 23);
  // STGP is the store of the form that LDPSW is the load of: it stores 64 bits each.
  const isDouble = opc === 2 || (opc === 1 && !reads);
  const size = 4 << (isVector ? opc : isDouble ? 1 : 0);
  const scale = !isVector && opc === 1 && !reads ? 16 : size;
  const distance = signed(bits(word, 21, 15), 7) * scale;
  const registers = [rd(word), rt2(word)];
  return {
    reads,
    writes: !reads,
    size: size * 2,
    base: rn(word),
    offset: mode === 1 ? 0 : distance,
    ...(mode === 1 || mode === 3 ? { writeBack: distance } : {}),
    ...(isVector ? {} : reads ? { loaded: registers } : { stored: registers }),
    ...(!isVector && reads && opc === 1 ? { sign: 64 as const } : {}),
    lost: [],
  };
}

function single(word: number): Access {
  const isUnsigned = bits(word, 25, 24) === 1;
  if (!isUnsigned && bits(word, 25, 24) !== 0) return special(word);
  const form = bits(word, 11, 10);
  if (!isUnsigned && bit(word, 21) && form !== 2) return form === 0 ? atomic(word) : authenticated(word);
  const isVector = bit(word, 26);
  const opc = bits(word, 23, 22);
  const scale = isVector ? ((opc >> 1) << 2) | (word >>> 30) : word >>> 30;
  const size = 1 << scale;
  // PRFM touches memory and changes nothing.
  if (!isVector && scale === 3 && opc === 2)
    return { reads: false, writes: false, size: 0, base: rn(word), offset: undefined, lost: [] };
  const reads = isVector ? (opc & 1) === 1 : opc !== 0;
  const common = {
    reads,
    writes: !reads,
    size,
    base: rn(word),
    ...(isVector ? {} : reads ? { loaded: [rd(word)] } : { stored: [rd(word)] }),
    ...(!isVector && opc >= 2 ? { sign: opc === 2 ? (64 as const) : (32 as const) } : {}),
    lost: [],
  };
  if (isUnsigned) return { ...common, offset: bits(word, 21, 10) * size };
  // With a register as offset.
  if (bit(word, 21)) return { ...common, offset: undefined };
  const distance = signed(bits(word, 20, 12), 9);
  if (form === 1) return { ...common, offset: 0, writeBack: distance };
  return { ...common, offset: distance, ...(form === 3 ? { writeBack: distance } : {}) };
}

/** LDADD, SWP and their kin; LDAPR. What was in memory comes to Rt. */
function atomic(word: number): Access {
  const isLoadOnly = bit(word, 15) && bits(word, 14, 12) === 0b100;
  return {
    reads: true,
    writes: !isLoadOnly,
    size: 1 << (word >>> 30),
    base: rn(word),
    offset: 0,
    lost: [rd(word)],
  };
}

/** LDRAA, LDRAB: through a signed pointer. */
function authenticated(word: number): Access {
  const distance = signed((bits(word, 22, 22) << 9) | bits(word, 20, 12), 10) * 8;
  return {
    reads: true,
    writes: false,
    size: 8,
    base: rn(word),
    offset: distance,
    ...(bit(word, 11) ? { writeBack: "unknown" as const } : {}),
    lost: [rd(word)],
  };
}

/** Exclusives, compare and swap, ordered, of vectors' structures, of tags, copies of memory. */
function special(word: number): Access {
  const kind = bits(word, 29, 24);
  // LD1 to ST4: a vector's structures; the base may go on.
  if (kind === 0b001100 || kind === 0b001101) {
    const reads = bit(word, 22);
    return {
      reads,
      writes: !reads,
      size: 64,
      base: rn(word),
      offset: 0,
      ...(bit(word, 23) ? { writeBack: "unknown" as const } : {}),
      lost: [],
    };
  }
  // LDAPUR, STLUR and their narrow and signed forms.
  if (kind === 0b011001 && !bit(word, 21) && bits(word, 11, 10) === 0) {
    const opc = bits(word, 23, 22);
    return {
      reads: opc !== 0,
      writes: opc === 0,
      size: 1 << (word >>> 30),
      base: rn(word),
      offset: signed(bits(word, 20, 12), 9),
      ...(opc === 0 ? { stored: [rd(word)] } : { loaded: [rd(word)] }),
      ...(opc >= 2 ? { sign: opc === 2 ? (64 as const) : (32 as const) } : {}),
      lost: [],
    };
  }
  // LDAR, STLR.
  if (kind === 0b001000 && bit(word, 23) && !bit(word, 21)) {
    const reads = bit(word, 22);
    return {
      reads,
      writes: !reads,
      size: 1 << (word >>> 30),
      base: rn(word),
      offset: 0,
      ...(reads ? { loaded: [rd(word)] } : { stored: [rd(word)] }),
      lost: [],
    };
  }
  const named = [rd(word), rt2(word), rm(word), (rm(word) + 1) & 31, (rd(word) + 1) & 31];
  return {
    reads: true,
    writes: true,
    size: 16,
    base: rn(word),
    offset: undefined,
    // Copies of memory (CPY, SET) change all three of their registers; of tags, the base may go on.
    ...(kind === 0b001000 ? {} : { writeBack: "unknown" as const }),
    lost: named,
  };
}
