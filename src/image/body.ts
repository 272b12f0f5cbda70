import type { IncomingMessage } from "node:http";
import { CinchError } from "../base/index.ts";

/** The body of an answer whole, at most `limit` bytes; `what` names it. Throws `too-large`. */
export async function readBody(answer: IncomingMessage, limit: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    total += chunk.length;
    if (total > limit) {
      answer.destroy();
      throw new CinchError("too-large", `${what} is larger than ${limit} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, total);
}
