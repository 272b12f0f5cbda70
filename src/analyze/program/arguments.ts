import type { ReachableArgument } from "../../profile/index.ts";
import type { Module } from "../link/module.ts";
import type { Resolver } from "../resolve/resolver.ts";

interface Decisive {
  name: string;
  index: ReachableArgument["index"];
  /** The bits that matter. */
  mask: number;
}

const WORD = 0xffff_ffff;
const one = (name: string, index: Decisive["index"], mask = WORD): Decisive => ({ name, index, mask });

/** Arguments that decide what a call may do, as recordings name them. */
const DECISIVE: Readonly<Record<string, readonly Decisive[]>> = {
  socket: [one("domain", 0), one("type", 1), one("protocol", 2)],
  socketpair: [one("domain", 0), one("type", 1), one("protocol", 2)],
  // The low byte of clone's flags is the signal sent at exit.
  clone: [one("flags", 0, 0xffff_ff00)],
  unshare: [one("flags", 0)],
  setns: [one("type", 1)],
  personality: [one("persona", 0)],
  prctl: [one("option", 0)],
  arch_prctl: [one("code", 0)],
  ioctl: [one("request", 1)],
  fcntl: [one("command", 1)],
  // PROT_READ, PROT_WRITE and PROT_EXEC.
  mmap: [one("protection", 2, 7)],
  mprotect: [one("protection", 2, 7)],
  pkey_mprotect: [one("protection", 2, 7)],
  keyctl: [one("operation", 0)],
  bpf: [one("command", 0)],
  ptrace: [one("request", 0)],
  seccomp: [one("operation", 0)],
};

/** Values of one argument that are listed at most; more are not told apart by any filter. */
const MAX_LISTED = 256;

/** The values of a call's decisive arguments, collected over the places that make it. */
export class ArgumentValues {
  #resolver: Resolver;
  #found = new Map<string, { values: Set<number>; closed: boolean }[]>();

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }

  /** Takes in the values at one place. */
  add(name: string, module: Module, site: number): void {
    const decisive = DECISIVE[name];
    if (decisive === undefined) return;
    let found = this.#found.get(name);
    if (found === undefined)
      this.#found.set(name, (found = decisive.map(() => ({ values: new Set<number>(), closed: true }))));
    for (const [i, { index, mask }] of decisive.entries()) {
      const into = found[i]!;
      // One place that may hand over anything decides; what others hand over does not matter then.
      if (!into.closed) continue;
      const { constants, addresses, open } = this.#resolver.valuesAt(module, site, {
        register: module.machine.callArguments[index]!,
      });
      for (const value of constants)
        into.values.add(Number(BigInt.asUintN(32, BigInt(value) & BigInt(mask))));
      if (addresses.length > 0 || open.length > 0 || into.values.size > MAX_LISTED) into.closed = false;
    }
  }

  of(name: string): ReachableArgument[] | undefined {
    const found = this.#found.get(name);
    if (found === undefined) return undefined;
    return DECISIVE[name]!.map(({ name: argument, index }, i) => ({
      index,
      name: argument,
      values: [...found[i]!.values].sort((a, b) => a - b).slice(0, MAX_LISTED),
      closed: found[i]!.closed,
    }));
  }
}
