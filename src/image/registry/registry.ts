import type { IncomingMessage } from "node:http";
import { CinchError, messageOf } from "../../base/index.ts";
import { digestOf, wrongDigest } from "../blob/digest.ts";
import { readBody } from "../body.ts";
import { type Descriptor, MAX_MANIFEST_BYTES } from "../oci/schema.ts";
import type { Blob } from "../oci/source.ts";
import type { Credentials } from "./credentials.ts";
import { Http, type HttpCall, failureOf, isPassing } from "./http.ts";
import { authorize } from "./login.ts";
import type { Place } from "./places.ts";
import type { TlsSettings } from "./tls.ts";

const MANIFEST_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** Times a broken download goes on where it ended. */
const MAX_RESUMES = 5;

/** One repository of a registry, read by the OCI distribution-spec. */
export class RegistryRepository implements Disposable {
  readonly place: Place;
  #http: Http;
  #credentials: Credentials | undefined;
  #authorization: string | undefined;
  #base: URL | undefined;

  constructor(
    place: Place,
    { credentials, tls, signal }: { credentials?: Credentials; tls: TlsSettings; signal?: AbortSignal },
  ) {
    // Whoever names an authority for a registry wants it to count, on this machine too.
    this.place = { ...place, insecure: place.insecure && tls.ca === undefined };
    this.#credentials = credentials;
    this.#http = new Http({ ...tls, insecure: this.place.insecure }, signal);
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]();
  }

  /** A manifest or an index by its tag or digest, with the digest of what came. Throws `no-image`, `registry-login`. */
  async manifest(reference: {
    tag?: string;
    digest?: string;
  }): Promise<{ bytes: Buffer; descriptor: Descriptor }> {
    const name = reference.digest ?? reference.tag ?? "latest";
    const what = `${this.place.repository}${reference.digest === undefined ? ":" : "@"}${name}`;
    const answer = await this.#get(`manifests/${name}`, { headers: { Accept: MANIFEST_TYPES } }, what);
    const bytes = await readBody(answer, MAX_MANIFEST_BYTES, what);
    const said = answer.headers["docker-content-digest"];
    const expected = reference.digest ?? (typeof said === "string" ? said : undefined);
    const digest = digestOf(bytes, /^sha(256|512):/.test(expected ?? "") ? expected : undefined);
    if (expected !== undefined && digest !== expected) throw wrongDigest(what, expected, digest);
    return { bytes, descriptor: { mediaType: "", digest, size: bytes.length } };
  }

  /** A document of a few bytes, by its digest: a manifest that an index names, or a config. */
  async document(descriptor: Descriptor, limit: number): Promise<Buffer> {
    const what = `${this.place.repository}@${descriptor.digest}`;
    const isManifest = /manifest|index/.test(descriptor.mediaType);
    const path = isManifest ? `manifests/${descriptor.digest}` : `blobs/${descriptor.digest}`;
    const headers: Record<string, string> = isManifest ? { Accept: MANIFEST_TYPES } : {};
    return readBody(await this.#get(path, { headers }, what), limit, what);
  }

  /** A layer. A download that breaks goes on where it ended. */
  layer({ digest, size }: Descriptor): Blob {
    const what = `layer ${digest.slice(0, 19)}`;
    return { what, size, digest, chunks: () => this.#download(`blobs/${digest}`, what) };
  }

  async *#download(path: string, what: string): AsyncGenerator<Uint8Array> {
    let received = 0;
    for (let resumes = 0; ; resumes++) {
      const headers: Record<string, string> = received > 0 ? { Range: `bytes=${received}-` } : {};
      const answer = await this.#get(path, { headers }, what);
      // A server that does not know ranges begins again.
      let skip = answer.statusCode === 206 ? 0 : received;
      try {
        for await (const chunk of answer as AsyncIterable<Buffer>) {
          const news = chunk.subarray(Math.min(skip, chunk.length));
          skip -= chunk.length - news.length;
          received += news.length;
          if (news.length > 0) yield news;
        }
        return;
      } catch (error) {
        if (resumes === MAX_RESUMES || !isPassing(error))
          throw new CinchError(
            "registry-error",
            `${what} broke off after ${received} bytes: ${messageOf(error)}`,
            {
              cause: error,
            },
          );
      } finally {
        answer.destroy();
      }
    }
  }

  /** A successful answer; logs in if asked to, and again when a token has run out. */
  async #get(path: string, call: HttpCall, what: string): Promise<IncomingMessage> {
    const base = await this.#reach();
    const url = new URL(`/v2/${this.place.repository}/${path}`, base);
    const send = (): Promise<IncomingMessage> =>
      this.#http.send(url, {
        ...call,
        headers: {
          ...call.headers,
          ...(this.#authorization === undefined ? {} : { Authorization: this.#authorization }),
        },
      });
    let answer = await send();
    if (answer.statusCode === 401) {
      const header = answer.headers["www-authenticate"] ?? "";
      answer.resume();
      const scope = `repository:${this.place.repository}:pull`;
      const secure = base.protocol === "https:";
      this.#authorization = await authorize(this.#http, header, scope, this.#credentials, secure);
      if (this.#authorization === undefined) throw notAllowed(what, base.host, "it asks for a login");
      answer = await send();
    }
    const status = answer.statusCode ?? 0;
    if (status === 200 || status === 206) return answer;
    const said = await failureOf(answer);
    if (status === 404)
      throw new CinchError("no-image", `${base.host} has no ${what}: ${said}`, {
        hint: "is the name right? Some registries say so of what one may not see: docker login HOST",
      });
    if (status === 401 || status === 403) throw notAllowed(what, base.host, said);
    throw new CinchError("registry-error", `${base.host} does not give ${what}: ${said}`);
  }

  /** Finds out how the registry is reached: encrypted, or, where that is allowed, plain. */
  async #reach(): Promise<URL> {
    if (this.#base !== undefined) return this.#base;
    const tries = this.place.insecure ? ["https", "http"] : ["https"];
    const failures: unknown[] = [];
    for (const scheme of tries) {
      const url = URL.parse(`${scheme}://${this.place.host}/v2/`);
      if (url === null) break;
      try {
        (await this.#http.send(url, {})).resume();
        return (this.#base = url);
      } catch (error) {
        if ((error as Error).name === "AbortError") throw error;
        failures.push(error);
      }
    }
    throw new CinchError(
      "registry-error",
      `${this.place.host} is not reached: ${[...new Set(failures.map((error) => reason(error)))].join("; ")}`,
      {
        hint: failures.some((error) => /certificate/.test(reason(error)))
          ? `its authority belongs into /etc/docker/certs.d/${this.place.host}/ca.crt`
          : "is the name right, and is the network there? Behind a proxy: HTTPS_PROXY=http://…",
        cause: failures[0],
      },
    );
  }
}

/** A connection to a name with several addresses fails with one reason for each. */
function reason(error: unknown): string {
  return error instanceof AggregateError
    ? [...new Set(error.errors.map((one) => messageOf(one)))].join(", ")
    : messageOf(error);
}

function notAllowed(what: string, host: string, said: string): CinchError {
  return new CinchError("registry-login", `${host} does not give ${what}: ${said}`, {
    hint: `log in: docker login ${host}, or podman login ${host}`,
  });
}
