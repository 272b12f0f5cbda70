import { expect, test } from "vitest";
import { AUDIT_ARCH, SECCOMP_RETURN, checkClassic, decodeClassic, runClassic } from "../bpf/index.ts";
import { notifyFilter } from "./index.ts";

const filter = decodeClassic(
  notifyFilter(AUDIT_ARCH.x86_64, [{ nr: 0 }, { nr: 44, nullArgument: 4 }, { nr: 202 }]),
);

function answer(nr: number, at4 = 0n, arch: number = AUDIT_ARCH.x86_64): string {
  const args = [1n, 2n, 3n, 0n, at4, 0n];
  const result = runClassic(filter, { nr, arch, instructionPointer: 0n, args });
  return result === SECCOMP_RETURN.allow ? "passes" : result === SECCOMP_RETURN.notify ? "notified" : "other";
}

test("only the hot calls pass a filter that notifies, and by the machine's own convention", () => {
  expect(checkClassic(filter)).toEqual([]);
  expect([answer(0), answer(202), answer(1)]).toEqual(["passes", "passes", "notified"]);
  // x32's read, i386's restart_syscall.
  expect([answer(0x4000_0000), answer(0, 0n, AUDIT_ARCH.i386)]).toEqual(["notified", "notified"]);
});

test("a call that is hot without an address is notified with one, whichever half of the pointer is set", () => {
  expect(answer(44)).toBe("passes");
  expect([answer(44, 0x10n), answer(44, 0x7f00_0000_0000n)]).toEqual(["notified", "notified"]);
});
