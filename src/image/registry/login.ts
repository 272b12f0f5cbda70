import { z } from "zod";
import { CinchError } from "../../base/index.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";
import { readBody } from "../body.ts";
import { type Http, failureOf } from "./http.ts";

const tokenAnswer = z.object({ token: z.string().nullish(), access_token: z.string().nullish() });
const MAX_TOKEN_BYTES = 1 << 20;

/**
 * The Authorization header that a challenge asks for, or undefined where nothing we have answers it. `secure`: the
 * registry was reached by an encrypted connection; its tokens then come by one too. Throws `registry-login`.
 */
export async function authorize(
  http: Http,
  header: string,
  scope: string,
  credentials: Credentials | undefined,
  secure: boolean,
): Promise<string | undefined> {
  const challenges = parseChallenges(header);
  const bearer = challenges.find(({ scheme }) => scheme === "bearer");
  if (bearer !== undefined) return `Bearer ${await token(http, bearer, scope, credentials, secure)}`;
  const basic = challenges.some(({ scheme }) => scheme === "basic");
  return basic && credentials !== undefined && "password" in credentials
    ? basicHeader(credentials)
    : undefined;
}

/** Docker's token protocols (distribution, "Token Authentication Specification" and "OAuth 2.0 Token"). */
async function token(
  http: Http,
  { parameters }: Challenge,
  scope: string,
  credentials: Credentials | undefined,
  secure: boolean,
): Promise<string> {
  const url = URL.parse(parameters["realm"] ?? "");
  if (url === null || (url.protocol !== "https:" && (secure || url.protocol !== "http:")))
    throw new CinchError(
      "registry-login",
      `the registry's tokens come from '${parameters["realm"] ?? ""}', which is no safe address`,
    );
  const asked: Record<string, string> = { scope: parameters["scope"] ?? scope };
  if (parameters["service"] !== undefined) asked["service"] = parameters["service"];
  const answer =
    credentials !== undefined && "identityToken" in credentials
      ? await http.send(url, {
          method: "POST",
          headers: { "Content-Type": "application/x-www-form-urlencoded" },
          body: new URLSearchParams({
            grant_type: "refresh_token",
            refresh_token: credentials.identityToken,
            client_id: "cinch",
            ...asked,
          }).toString(),
        })
      : await http.send(withQuery(url, asked), {
          headers: credentials === undefined ? {} : { Authorization: basicHeader(credentials) },
        });
  if (answer.statusCode !== 200)
    throw new CinchError("registry-login", `${url.host} gives no token: ${await failureOf(answer)}`, {
      hint:
        credentials === undefined
          ? "log in: docker login HOST, or podman login HOST"
          : "is the login right, and may it read this image?",
    });
  const text = (await readBody(answer, MAX_TOKEN_BYTES, `the token of ${url.host}`)).toString("utf8");
  const found = tokenAnswer.safeParse(safeJson(text));
  const value = found.data?.token ?? found.data?.access_token;
  if (!value || /[\r\n]/.test(value))
    throw new CinchError("registry-login", `${url.host} answered without a token`);
  return value;
}

function withQuery(url: URL, asked: Record<string, string>): URL {
  const full = new URL(url);
  for (const [name, value] of Object.entries(asked)) full.searchParams.set(name, value);
  return full;
}

function basicHeader({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
