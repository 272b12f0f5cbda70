import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { HttpCall } from "./model.ts";

/** What is kept of an answer's body: enough to look for a text in and to show. */
const MAX_BODY = 1024 * 1024;

export interface HttpAnswer {
  status: number;
  body: string;
}

/**
 * One request on a connection of its own: a kept one would hold back a server that is asked to stop. Redirects are not
 * followed, and certificates not checked: it is the target itself that is being asked, often with one made for tests.
 */
export function request(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
  const url = new URL(call.url);
  const open = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = open(
      url,
      {
        method: call.method,
        agent: false,
        signal,
        headers: {
          "User-Agent": "cinch",
          Connection: "close",
          ...(call.body === undefined ? {} : { "Content-Length": Buffer.byteLength(call.body) }),
          ...call.headers,
        },
        ...(url.protocol === "https:" ? { rejectUnauthorized: false } : {}),
      },
      (answer) => {
        const chunks: Buffer[] = [];
        let kept = 0;
        answer.on("data", (chunk: Buffer) => {
          // Read to the end all the same, so that the target sends all it would.
          const piece = chunk.subarray(0, MAX_BODY - kept);
          if (piece.length > 0) chunks.push(piece);
          kept += piece.length;
        });
        answer.once("error", reject);
        answer.once("end", () => {
          resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") });
        });
      },
    );
    sent.once("error", reject);
    sent.end(call.body);
  });
}

/** Whether an answer is what the call expects; else why not. */
export function judgeAnswer(call: HttpCall, answer: HttpAnswer): string | undefined {
  const { status, body } = answer;
  const isExpected = call.expect === undefined ? status >= 200 && status < 400 : call.expect.includes(status);
  if (!isExpected) {
    const wanted = call.expect === undefined ? "a status from 200 to 399" : call.expect.join(" or ");
    return `expected ${wanted}, got ${status}`;
  }
  if (call.contains !== undefined && !body.includes(call.contains)) {
    return `the answer (${body.length} characters) does not contain '${call.contains}'`;
  }
  return undefined;
}
