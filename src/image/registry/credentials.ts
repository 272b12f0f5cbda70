import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { CinchError, messageOf, readBounded } from "../../base/index.ts";
import type { Reference } from "./reference.ts";

/** How to log in: with a password, or with a token that a registry gave for that. */
export type Credentials = { username: string; password: string } | { identityToken: string };

const entry = z.object({
  auth: z.string().nullish(),
  username: z.string().nullish(),
  password: z.string().nullish(),
  identitytoken: z.string().nullish(),
});
type Entry = z.output<typeof entry>;

/** What `docker login` and `podman login` write (docker CLI, config file; containers-auth.json(5)). */
const authFile = z.object({
  auths: z.record(z.string(), entry).nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
});

const MAX_FILE = 1 << 20;
/** A helper may ask its user something on a screen. */
const HELPER_MS = 60_000;

/**
 * The login for an image's place, from the files in which container tools keep logins, in the order Podman looks and
 * then Docker's. Undefined: none is kept. Throws `unreadable` and `bad-credentials` for files that are there and broken.
 */
export async function findCredentials(
  reference: Reference,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Credentials | undefined> {
  for (const path of authFiles(env)) {
    if (!existsSync(path)) continue;
    const found = await fromFile(path, reference, env);
    if (found !== undefined) return found;
  }
  return undefined;
}

function authFiles(env: NodeJS.ProcessEnv): string[] {
  const home = env["HOME"] ?? homedir();
  if (env["REGISTRY_AUTH_FILE"]) return [env["REGISTRY_AUTH_FILE"]];
  return [
    ...(env["XDG_RUNTIME_DIR"] ? [join(env["XDG_RUNTIME_DIR"], "containers/auth.json")] : []),
    join(env["XDG_CONFIG_HOME"] || join(home, ".config"), "containers/auth.json"),
    join(env["DOCKER_CONFIG"] || join(home, ".docker"), "config.json"),
  ];
}

async function fromFile(
  path: string,
  reference: Reference,
  env: NodeJS.ProcessEnv,
): Promise<Credentials | undefined> {
  const value = parsed(authFile, readBounded(path, MAX_FILE).toString("utf8"));
  if (value === undefined)
    throw new CinchError(
      "bad-credentials",
      `${path} cannot be used: it does not have the form of a file of logins`,
      {
        hint: "docker login or podman login writes it anew",
      },
    );
  const helper = value.credHelpers?.[hostKey(reference.host)] ?? value.credHelpers?.[reference.host];
  if (helper !== undefined) return fromHelper(helper, hostKey(reference.host), env);
  for (const key of keysFor(reference)) {
    const found = value.auths?.[key];
    const credentials = found && fromEntry(found, path, key);
    if (credentials !== undefined) return credentials;
  }
  return value.credsStore ? fromHelper(value.credsStore, hostKey(reference.host), env) : undefined;
}

/** From the most exact to the host alone: Podman keeps logins for a part of a registry too. */
function keysFor({ host, repository }: Reference): string[] {
  const parts = repository.split("/");
  const paths = parts.map((_, i) => `${host}/${parts.slice(0, parts.length - i).join("/")}`);
  const hosts = [host, `https://${host}`, `http://${host}`, `https://${host}/v1/`, `https://${host}/v2/`];
  return [...paths, ...hosts, ...(host === "docker.io" ? [hostKey(host), "index.docker.io"] : [])];
}

/** Docker Hub's login is kept under its oldest address. */
function hostKey(host: string): string {
  return host === "docker.io" ? "https://index.docker.io/v1/" : host;
}

function fromEntry(found: Entry, path: string, key: string): Credentials | undefined {
  if (found.identitytoken) return { identityToken: found.identitytoken };
  if (found.username && found.password) return { username: found.username, password: found.password };
  if (!found.auth) return undefined;
  const text = Buffer.from(found.auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1)
    throw new CinchError("bad-credentials", `${path}: what it holds for ${key} is not a name and a password`);
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
}

const helperAnswer = z.object({ Username: z.string(), Secret: z.string() });

/** Asks a credential helper, as docker and podman do (docker-credential-helpers, README, "Development"). */
async function fromHelper(
  name: string,
  server: string,
  env: NodeJS.ProcessEnv,
): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`;
  if (!/^[\w.-]+$/.test(name))
    throw new CinchError("bad-credentials", `'${program}' is not the name of a credential helper`);
  let stdout: string;
  try {
    const asked = promisify(execFile)(program, ["get"], { env, timeout: HELPER_MS, maxBuffer: MAX_FILE });
    asked.child.stdin?.on("error", () => {}).end(`${server}\n`);
    ({ stdout } = await asked);
  } catch (error) {
    const said = `${messageOf(error)} ${(error as { stdout?: string }).stdout ?? ""}`;
    if (/credentials not found/i.test(said)) return undefined;
    throw new CinchError("bad-credentials", `${program} did not answer: ${said.trim().slice(0, 500)}`, {
      hint: `is it installed? Else take it out of the container tools' configuration`,
      cause: error,
    });
  }
  const answer = parsed(helperAnswer, stdout);
  if (answer === undefined) throw new CinchError("bad-credentials", `${program} answered what is no login`);
  const { Username, Secret } = answer;
  if (Username === "" && Secret === "") return undefined;
  return Username === "<token>" ? { identityToken: Secret } : { username: Username, password: Secret };
}

/** Undefined for any other text. Why is not told: a parser's message quotes what it read, which here are secrets. */
function parsed<T extends z.ZodType>(schema: T, text: string): z.output<T> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
