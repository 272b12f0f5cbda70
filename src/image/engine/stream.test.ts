import fc from "fast-check";
import { expect, test } from "vitest";
import { StreamDemuxer, type StreamName } from "./stream.ts";

const NAMES = ["stdin", "stdout", "stderr", "error"] as const;

function frame(stream: StreamName, text: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = NAMES.indexOf(stream);
  header.writeUInt32BE(text.length, 4);
  return Buffer.concat([header, text]);
}

function read(chunks: readonly Uint8Array[]): {
  out: Record<StreamName, string>;
  problem: string | undefined;
} {
  const out = { stdin: "", stdout: "", stderr: "", error: "" };
  const demuxer = new StreamDemuxer((stream, bytes) => (out[stream] += bytes.toString("latin1")));
  for (const chunk of chunks) demuxer.push(chunk);
  demuxer.end();
  return { out, problem: demuxer.problem };
}

test("frames of both streams are told apart, empty ones included", () => {
  const bytes = Buffer.concat([
    frame("stdout", Buffer.from("a")),
    frame("stderr", Buffer.from("E")),
    frame("stdout", Buffer.alloc(0)),
    frame("stdout", Buffer.from("b")),
  ]);
  expect(read([bytes])).toEqual({
    out: { stdin: "", stdout: "ab", stderr: "E", error: "" },
    problem: undefined,
  });
});

test("however the bytes are cut, the streams are the same", () => {
  const frames = fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.uint8Array({ maxLength: 40 })), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (list, sizes) => {
      const bytes = Buffer.concat(list.map(([stream, text]) => frame(stream, text)));
      const chunks: Buffer[] = [];
      for (let at = 0, i = 0; at < bytes.length; i += 1) {
        chunks.push(bytes.subarray(at, (at += sizes[i % sizes.length]!)));
      }
      const wanted = { stdin: "", stdout: "", stderr: "", error: "" };
      for (const [stream, text] of list) wanted[stream] += Buffer.from(text).toString("latin1");
      expect(read(chunks)).toEqual({ out: wanted, problem: undefined });
    }),
  );
});

test("a stream that ends in a header or a body says so, and gives what came", () => {
  const whole = frame("stdout", Buffer.from("hello"));
  for (let length = 1; length < whole.length; length += 1) {
    const { out, problem } = read([whole.subarray(0, length)]);
    expect(problem).toBe("the stream ended in the middle of a frame");
    expect(out.stdout).toBe("hello".slice(0, Math.max(0, length - 8)));
  }
});

test("what is no frame ends the reading", () => {
  const { out, problem } = read([
    frame("stdout", Buffer.from("ok")),
    Buffer.from("a line without a frame\n"),
  ]);
  expect(out.stdout).toBe("ok");
  expect(problem).toMatch(/^not a frame header/);
});

test("any bytes are read without failing, and nothing is made up", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
      const { out } = read(chunks);
      const given = chunks.reduce((sum, { length }) => sum + length, 0);
      expect(Object.values(out).join("").length).toBeLessThanOrEqual(given);
    }),
  );
});

test("a frame that claims 4 GiB takes no memory", () => {
  const header = Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
  const { out, problem } = read([header, Buffer.from("x")]);
  expect(out.stdout).toBe("x");
  expect(problem).toBe("the stream ended in the middle of a frame");
});
