import fc from "fast-check";
import { expect, test } from "vitest";
import { OutputLog } from "./output.ts";

const never = new AbortController().signal;

test("little output is kept whole", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (pieces) => {
      const log = new OutputLog();
      for (const piece of pieces) log.write(Buffer.from(piece));
      expect(log.text()).toBe(pieces.join(""));
    }),
  );
});

test("of much, the beginning and the end, with what was left out counted", () => {
  const log = new OutputLog();
  for (let i = 0; i < 100_000; i += 1) log.write(Buffer.from(`line ${i}\n`));
  const text = log.text();
  expect(text.length).toBeLessThan(300 * 1024);
  expect(text.startsWith("line 0\nline 1\n")).toBe(true);
  expect(text.endsWith("line 99998\nline 99999\n")).toBe(true);
  const dropped = Number(/\[(\d+) bytes left out\]/.exec(text)?.[1]);
  expect(dropped + text.length - `\n[${dropped} bytes left out]\n`.length).toBe(1_088_890);
  expect(log.lastLines(2)).toBe("line 99998\nline 99999");
});

test("one huge piece is bounded too", () => {
  const log = new OutputLog();
  log.write(Buffer.alloc(5 * 1024 * 1024, "x"));
  expect(log.text().length).toBeLessThan(300 * 1024);
});

test("a line is found whether it came before, comes later, or comes in pieces", async () => {
  const log = new OutputLog();
  log.write(Buffer.from("starting\nrea"));
  await log.waitFor(/^starting$/, never);
  const ready = log.waitFor(/^ready now$/g, never);
  log.write(Buffer.from("dy"));
  log.write(Buffer.from("noise\nready"), "stderr");
  log.write(Buffer.from(" now\n"));
  await expect(ready).resolves.toBeUndefined();
});

test("a character cut in two is put together", async () => {
  const log = new OutputLog();
  const bytes = Buffer.from("prêt\n");
  const found = log.waitFor(/^prêt$/, never);
  log.write(bytes.subarray(0, 3));
  log.write(bytes.subarray(3));
  await found;
  expect(log.text()).toBe("prêt\n");
});

test("waiting ends with the signal", async () => {
  const stop = new AbortController();
  const waiting = new OutputLog().waitFor(/x/, stop.signal);
  stop.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await expect(new OutputLog().waitFor(/x/, stop.signal)).rejects.toThrow("enough");
});
