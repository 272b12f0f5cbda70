import { execFileSync } from "node:child_process";

/** One instruction as binutils shows it. */
export interface Shown {
  address: number;
  word: number;
  mnemonic: string;
  operands: string[];
}

/** All code of an arm64 file, disassembled by binutils (aarch64-linux-gnu-objdump), without what it cannot decode. */
export function* disassembled(path: string): Generator<Shown> {
  const text = execFileSync("aarch64-linux-gnu-objdump", ["-d", "-z", path], {
    encoding: "latin1",
    maxBuffer: 1 << 30,
  });
  for (const [, address, word, mnemonic, rest] of text.matchAll(
    /^ +([0-9a-f]+):\t([0-9a-f]{8}) +\t([a-z][\w.]*)(?:\t([^\n]*))?$/gm,
  )) {
    const operands = (rest ?? "")
      .replace(/\s*\/\/.*$/, "")
      .replace(/ <.*$/, "")
      .split(/, (?![^[]*\])/)
      .filter((one) => one !== "");
    yield {
      address: Number.parseInt(address!, 16),
      word: Number.parseInt(word!, 16),
      mnemonic: mnemonic!,
      operands,
    };
  }
}

/** Mnemonics whose first operand is no register that they write. */
const NO_DESTINATION =
  /^(b|bl|br|blr|ret|cbn?z|tbn?z|b\..*|st.*|cmp|cmn|tst|ccmp|ccmn|prfu?m|msr|nop|hint|svc|brk|hlt|udf|dmb|dsb|isb|sb|clrex|yield|bti|paci.*|auti.*|xpaclri|dc|ic|at|tlbi|sys|fcmpe?|fccmpe?|\.inst|wfe|wfi|sev|sevl|esb|csdb|psb|tsb|eret|drps|dgh|cfinv|axflag|xaflag|rmif|setf8|setf16|hvc|smc|sysp|smstart|smstop)$/;

/** The general registers that an instruction writes, as its text says: numbers, 31 for the stack pointer. */
export function writtenBy({ mnemonic, operands }: Shown): number[] {
  const numbers: number[] = [];
  const take = (operand: string | undefined): void => {
    const name = /^([xw])(\d+)$/.exec(operand ?? "");
    if (name !== null) numbers.push(Number(name[2]));
    else if (operand === "sp" || operand === "wsp") numbers.push(31);
  };
  if (!NO_DESTINATION.test(mnemonic)) {
    take(operands[0]);
    if (/^(ldp|ldpsw|ldnp|ldxp|ldaxp|casp.*)$/.test(mnemonic)) take(operands[1]);
    // LDADD, SWP and their kin: what was in memory comes to the second.
    if (/^(ld(add|clr|eor|set|smax|smin|umax|umin)|swp)/.test(mnemonic)) {
      numbers.length = 0;
      take(operands[1]);
    }
  }
  // STXR: whether it was stored.
  if (/^st(l)?x[rp]/.test(mnemonic)) take(operands[0]);
  const memory = operands.find((one) => one.startsWith("["));
  const base = /^\[(x\d+|sp)/.exec(memory ?? "")?.[1];
  if (base !== undefined && (memory!.endsWith("!") || !operands.at(-1)!.startsWith("["))) take(base);
  return numbers;
}
