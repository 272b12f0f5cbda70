import { Agent as PlainAgent, type IncomingMessage, request as plainRequest } from "node:http";
import { Agent, request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { CinchError, messageOf } from "../../base/index.ts";
import { readBody } from "../body.ts";
import type { TlsSettings } from "./tls.ts";

/** Registries send blobs to other servers; more than a few hops are a circle. */
const MAX_REDIRECTS = 5;
/** A server that says nothing for so long hangs. */
const SILENCE_MS = 60_000;
/** Tries of a request that failed for a reason that passes. */
const TRIES = 4;
const FIRST_WAIT_MS = 500;
/** What Retry-After may ask for. */
const MAX_WAIT_MS = 30_000;

export interface HttpCall {
  method?: "GET" | "HEAD" | "POST";
  headers?: Record<string, string>;
  body?: string;
}

/**
 * HTTP to one registry and to where it sends us. A login goes to the host that was asked, never further, and an encrypted
 * connection does not lead to a plain one. Proxies are those of HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
 */
export class Http implements Disposable {
  #secure: Agent;
  #plain: PlainAgent;
  #signal: AbortSignal | undefined;

  constructor(tls: TlsSettings & { insecure: boolean }, signal?: AbortSignal, env = process.env) {
    const { insecure, ...certificates } = tls;
    this.#secure = new Agent({
      ...certificates,
      keepAlive: true,
      rejectUnauthorized: !insecure,
      proxyEnv: env,
    });
    this.#plain = new PlainAgent({ keepAlive: true, proxyEnv: env });
    this.#signal = signal;
  }

  [Symbol.dispose](): void {
    this.#secure.destroy();
    this.#plain.destroy();
  }

  /** The answer, of any status, once no redirect is left. Tries again what passes: 429, 502, 503, 504, lost connections. */
  async send(url: URL, call: HttpCall): Promise<IncomingMessage> {
    for (let tries = 1; ; tries++) {
      let wait = FIRST_WAIT_MS * 2 ** (tries - 1);
      try {
        const answer = await this.#redirected(url, call);
        if (![429, 502, 503, 504].includes(answer.statusCode ?? 0) || tries === TRIES) return answer;
        answer.resume();
        const asked = Number(answer.headers["retry-after"]);
        if (asked > 0) wait = Math.min(asked * 1000, MAX_WAIT_MS);
      } catch (error) {
        if (tries === TRIES || !isPassing(error)) throw error;
      }
      await sleep(wait, undefined, this.#signal && { signal: this.#signal });
    }
  }

  async #redirected(first: URL, call: HttpCall): Promise<IncomingMessage> {
    let url = first;
    let headers = call.headers ?? {};
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const answer = await this.#once(url, { ...call, headers });
      const to = answer.headers.location;
      if (![301, 302, 303, 307, 308].includes(answer.statusCode ?? 0) || to === undefined) return answer;
      answer.resume();
      const next = URL.parse(to, url.href);
      if (next === null || (next.protocol !== "https:" && next.protocol !== "http:"))
        throw new CinchError(
          "registry-error",
          `${url.host} sends us to '${to.slice(0, 200)}', which is no address`,
        );
      if (url.protocol === "https:" && next.protocol === "http:")
        throw new CinchError("registry-error", `${url.host} sends us to ${next.host} without encryption`);
      if (next.host !== url.host) {
        const { Authorization: _, ...rest } = headers;
        headers = rest;
      }
      url = next;
    }
    throw new CinchError("registry-error", `${first.host} sends us on more than ${MAX_REDIRECTS} times`);
  }

  #once(url: URL, { method = "GET", headers, body }: HttpCall): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options = {
        method,
        headers: { "User-Agent": "cinch", ...headers },
        ...(this.#signal && { signal: this.#signal }),
      };
      const sent =
        url.protocol === "https:"
          ? request(url, { ...options, agent: this.#secure })
          : plainRequest(url, { ...options, agent: this.#plain });
      sent.once("response", resolve);
      sent.once("error", reject);
      sent.setTimeout(SILENCE_MS, () => {
        sent.destroy(new Error(`${url.host} said nothing for ${SILENCE_MS / 1000} s`));
      });
      sent.end(body);
    });
  }
}

/** What a server says of a failure (OCI distribution-spec, "Error Codes"). */
export async function failureOf(answer: IncomingMessage): Promise<string> {
  const status = `status ${answer.statusCode}`;
  try {
    const text = (await readBody(answer, 64 * 1024, "the answer")).toString("utf8");
    const said = JSON.parse(text) as { errors?: { code?: unknown; message?: unknown }[] };
    const first = said.errors?.[0];
    return first === undefined ? status : `${status}, ${String(first.message ?? first.code).slice(0, 300)}`;
  } catch {
    return status;
  }
}

/** A lost or refused connection may come back. A name that is unknown, or a wrong certificate, stays so. */
export function isPassing(error: unknown): boolean {
  const { code = "" } = error as { code?: string };
  return (
    ["ECONNRESET", "ETIMEDOUT", "EPIPE", "EAI_AGAIN", "ECONNABORTED"].includes(code) ||
    /socket hang up|aborted/.test(messageOf(error))
  );
}
