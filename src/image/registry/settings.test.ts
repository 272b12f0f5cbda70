import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fc, test as property } from "@fast-check/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CinchError } from "../../base/index.ts";
import { parseChallenges } from "./challenge.ts";
import { findCredentials } from "./credentials.ts";
import { placesOf, readRegistrySettings } from "./places.ts";
import { parseReference, referenceText } from "./reference.ts";
import { tlsSettings } from "./tls.ts";

const matching = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

let home: string;
let env: NodeJS.ProcessEnv;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "cinch-home-"));
  env = { HOME: home, PATH: join(home, "bin") };
});
afterAll(() => rmSync(home, { recursive: true }));

function put(path: string, content: string): void {
  mkdirSync(join(home, path, ".."), { recursive: true });
  writeFileSync(join(home, path), content);
}

describe("names (distribution/reference)", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const names: [string, string][] = [
    ["redis", "docker.io/library/redis:latest"],
    ["redis:7", "docker.io/library/redis:7"],
    ["team/shop", "docker.io/team/shop:latest"],
    ["docker.io/redis", "docker.io/library/redis:latest"],
    ["index.docker.io/library/redis:7", "docker.io/library/redis:7"],
    ["localhost/shop", "localhost/shop:latest"],
    ["localhost:5000/a/b/c:v1.2-x", "localhost:5000/a/b/c:v1.2-x"],
    ["[::1]:5000/a", "[::1]:5000/a:latest"],
    [`ghcr.io/a/b@${digest}`, `ghcr.io/a/b@${digest}`],
    [`ghcr.io/a/b:1@${digest}`, `ghcr.io/a/b@${digest}`],
  ];
  for (const [text, full] of names)
    it(`${text} is ${full}`, () => expect(referenceText(parseReference(text))).toBe(full));

  for (const text of [
    "",
    "Redis",
    "a//b",
    "a:",
    "a:b:c/d",
    "../x",
    "a/../b",
    "a b",
    "a@sha256:12",
    "a.b/",
    "http://a/b",
    "-a.b/c",
  ])
    it(`${JSON.stringify(text)} is refused`, () => {
      expect(() => parseReference(text)).toThrow(
        expect.objectContaining({ code: matching(/^bad-(reference|digest)$/) }),
      );
    });

  property.prop([fc.string()])("any text is a name or refused, and a name stays what it is", (text) => {
    let full: string;
    try {
      full = referenceText(parseReference(text));
    } catch (error) {
      expect(error).toBeInstanceOf(CinchError);
      return;
    }
    expect(referenceText(parseReference(full))).toBe(full);
  });
});

describe("WWW-Authenticate (RFC 9110)", () => {
  it("schemes with their parameters", () => {
    expect(
      parseChallenges('Bearer realm="https://a/token",service="a",scope="repository:x:pull,push"'),
    ).toEqual([
      {
        scheme: "bearer",
        parameters: { realm: "https://a/token", service: "a", scope: "repository:x:pull,push" },
      },
    ]);
    expect(parseChallenges('Negotiate, Basic realm="a \\"b\\"", Bearer REALM=x')).toEqual([
      { scheme: "negotiate", parameters: {} },
      { scheme: "basic", parameters: { realm: 'a "b"' } },
      { scheme: "bearer", parameters: { realm: "x" } },
    ]);
    expect(parseChallenges("")).toEqual([]);
    expect(parseChallenges('="')).toEqual([]);
  });

  property.prop([fc.string({ maxLength: 400 })])("any text ends", (text) => {
    expect(Array.isArray(parseChallenges(text))).toBe(true);
  });
});

describe("logins that container tools keep", () => {
  const auth = (text: string): string => Buffer.from(text).toString("base64");

  it("Docker's and Podman's files, the most exact entry first", async () => {
    put(
      ".docker/config.json",
      JSON.stringify({
        auths: {
          "https://index.docker.io/v1/": { auth: auth("hub:secret:with:colons") },
          "ghcr.io": { identitytoken: "refresh" },
          "quay.io": { username: "plain", password: "p" },
        },
      }),
    );
    put(
      ".config/containers/auth.json",
      JSON.stringify({
        auths: { "reg.example/team": { auth: auth("team:t") }, "reg.example": { auth: auth("all:a") } },
      }),
    );
    const found = (name: string) => findCredentials(parseReference(name), env);
    expect(await found("redis")).toEqual({ username: "hub", password: "secret:with:colons" });
    expect(await found("ghcr.io/a/b")).toEqual({ identityToken: "refresh" });
    expect(await found("quay.io/a")).toEqual({ username: "plain", password: "p" });
    expect(await found("reg.example/team/shop")).toEqual({ username: "team", password: "t" });
    expect(await found("reg.example/teams/shop")).toEqual({ username: "all", password: "a" });
    expect(await found("other.example/x")).toBeUndefined();
  });

  it("credential helpers", async () => {
    put(
      "bin/docker-credential-test",
      `#!/bin/sh
read server
case $server in
  known.example) echo '{"ServerURL":"known.example","Username":"u","Secret":"s"}';;
  token.example) echo '{"Username":"<token>","Secret":"t"}';;
  broken.example) echo 'no keyring'; exit 1;;
  chatty.example) echo 'Secret: hunter2';;
  *) echo 'credentials not found in native keychain'; exit 1;;
esac
`,
    );
    chmodSync(join(home, "bin/docker-credential-test"), 0o755);
    put(
      "auth.json",
      JSON.stringify({
        credsStore: "test",
        credHelpers: { "gone.example": "absent", "odd.example": "../x" },
      }),
    );
    const found = (name: string) =>
      findCredentials(parseReference(name), { ...env, REGISTRY_AUTH_FILE: join(home, "auth.json") });
    expect(await found("known.example/a")).toEqual({ username: "u", password: "s" });
    expect(await found("token.example/a")).toEqual({ identityToken: "t" });
    expect(await found("unknown.example/a")).toBeUndefined();
    await expect(found("broken.example/a")).rejects.toMatchObject({
      code: "bad-credentials",
      message: matching(/no keyring/),
    });
    await expect(found("chatty.example/a")).rejects.toMatchObject({
      code: "bad-credentials",
      message: matching(/^(?!.*hunter2).*is no login/),
    });
    await expect(found("gone.example/a")).rejects.toMatchObject({
      code: "bad-credentials",
      hint: matching(/installed/),
    });
    await expect(found("odd.example/a")).rejects.toMatchObject({ code: "bad-credentials" });
    put("broken.json", '{"auths":{"a.b":{"auth":"c2VjcmV0"},}}');
    await expect(
      findCredentials(parseReference("a"), { ...env, REGISTRY_AUTH_FILE: join(home, "broken.json") }),
    ).rejects.toMatchObject({
      code: "bad-credentials",
      message: matching(/^(?!.*c2Vj).*broken\.json cannot be used/),
      hint: matching(/login/),
    });
  });
});

describe("where registries are (containers-registries.conf(5), dockerd(8))", () => {
  const places = (name: string) =>
    placesOf(parseReference(name), readRegistrySettings(env, join(home, "etc"))).map(
      ({ host, repository, insecure }) => `${host}/${repository}${insecure ? " insecure" : ""}`,
    );

  it("without settings: the registry itself, Docker Hub by its other name", () => {
    expect(places("redis")).toEqual(["registry-1.docker.io/library/redis"]);
    expect(places("127.0.0.1:5000/a")).toEqual(["127.0.0.1:5000/a insecure"]);
    expect(places("10.0.0.1:5000/a")).toEqual(["10.0.0.1:5000/a"]);
  });

  it("mirrors of Docker, and mirrors, other places and blocks of Podman", () => {
    put(
      "etc/docker/daemon.json",
      JSON.stringify({
        "registry-mirrors": ["https://hub.mirror.example/", "http://127.0.0.1:5001"],
        "insecure-registries": ["old.example:5000"],
      }),
    );
    put(
      "etc/containers/registries.conf",
      `
unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "reg.example/team"
location = "inner.example:5000/mirrored"
insecure = true
[[registry.mirror]]
location = "near.example/cache"
[[registry.mirror]]
location = "exact.example"
pull-from-mirror = "digest-only"
`,
    );
    put(
      "etc/containers/registries.conf.d/10-more.conf",
      `
[[registry]]
location = "evil.example"
blocked = true
[[registry]]
prefix = "*.wild.example"
location = "tame.example"
`,
    );
    expect(places("redis:7")).toEqual([
      "hub.mirror.example/library/redis",
      "127.0.0.1:5001/library/redis insecure",
      "registry-1.docker.io/library/redis",
    ]);
    expect(places("old.example:5000/x")).toEqual(["old.example:5000/x insecure"]);
    expect(places("reg.example/team/shop:1")).toEqual([
      "near.example/cache/shop",
      "inner.example:5000/mirrored/shop insecure",
    ]);
    expect(places(`reg.example/team/shop@sha256:${"1".repeat(64)}`)).toContain("exact.example/shop");
    expect(places("reg.example/teams/shop")).toEqual(["reg.example/teams/shop"]);
    expect(places("a.wild.example/x/y")).toEqual(["tame.example/x/y"]);
    expect(() => places("evil.example/x")).toThrow(expect.objectContaining({ code: "blocked" }));
    put("etc/containers/registries.conf.d/20-bad.conf", "[[registry]\n");
    expect(() => places("redis")).toThrow(
      expect.objectContaining({ code: "bad-registries", message: matching(/20-bad/) }),
    );
  });

  it("certificates: authorities, and what we show", () => {
    expect(tlsSettings("none.example", env, join(home, "etc"))).toEqual({});
    put(".config/containers/certs.d/own.example:5000/ca.crt", "AUTHORITY");
    put("etc/docker/certs.d/mutual.example/client.cert", "CERT");
    expect(() => tlsSettings("mutual.example", env, join(home, "etc"))).toThrow(/not client.key/);
    put("etc/docker/certs.d/mutual.example/client.key", "KEY");
    expect(tlsSettings("own.example:5000", env, join(home, "etc")).ca?.at(-1)).toBe("AUTHORITY");
    expect(tlsSettings("mutual.example", env, join(home, "etc"))).toEqual({ cert: "CERT", key: "KEY" });
  });
});
