import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type OpenImage, type OpenImageOptions, openImage } from "../../src/image/index.ts";
import { docker, dockerHost, ensureImage } from "../support/docker.ts";
import { imageOf, jsonBlob, layoutFiles, writeFiles } from "../support/image-layout.ts";
import {
  type TestRegistry,
  USER,
  makeCertificates,
  startBreaker,
  startRegistry,
  startTokenServer,
} from "../support/registry.ts";
import { file, tarOf } from "../support/tar-archive.ts";
import { tier } from "../support/tier.ts";

const matching = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

// A real registry (Debian's docker-registry), images pushed by skopeo, logins and certificates as container tools keep them.
tier("engine")("images of a registry", () => {
  let folder: string;
  let plain: TestRegistry;
  let image: string;
  const opened: OpenImage[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cinch-registry-"));
    makeCertificates(join(folder, "tls"));
    plain = await startRegistry(folder);
    image = await ensureImage("busybox");
    docker("save", image, "-o", join(folder, "busybox.tar"));
    push(`docker-archive:${join(folder, "busybox.tar")}`, "team/busybox:1");
  });
  afterAll(() => {
    plain[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    for (const { tree } of opened.splice(0)) tree[Symbol.dispose]();
  });

  function push(from: string, name: string, ...more: string[]): void {
    execFileSync("skopeo", [
      "copy",
      "-q",
      "--dest-tls-verify=false",
      ...more,
      from,
      `docker://${plain.host}/${name}`,
    ]);
  }

  async function open(reference: string, options?: OpenImageOptions): Promise<OpenImage> {
    const place = {
      kind: "stored" as const,
      form: "registry" as const,
      path: reference,
      text: `registry:${reference}`,
    };
    opened.push(await openImage(place, options));
    return opened.at(-1)!;
  }

  /** A home folder of its own, with files under .config/containers. */
  function home(files: Readonly<Record<string, string>>): void {
    const own = mkdtempSync(join(folder, "home-"));
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(join(own, "containers", dirname(path)), { recursive: true });
      writeFileSync(join(own, "containers", path), content);
    }
    vi.stubEnv("XDG_CONFIG_HOME", own);
    vi.stubEnv("XDG_RUNTIME_DIR", "");
    vi.stubEnv("HOME", own);
  }

  function everything({ tree }: OpenImage): string[] {
    return [...tree.walk()].map(({ path, kind, mode, uid, gid, size, target }) => {
      const bytes = kind === "file" ? tree.read(path)! : "";
      return [
        path,
        kind,
        mode,
        uid,
        gid,
        size,
        target,
        createHash("sha256").update(bytes).digest("hex"),
      ].join(" ");
    });
  }

  const ca = (): string => readFileSync(join(folder, "tls/ca.crt"), "utf8");
  const login = (host: string, password = USER.password): string =>
    JSON.stringify({
      auths: { [host]: { auth: Buffer.from(`${USER.name}:${password}`).toString("base64") } },
    });

  test("the same files as the engine's and the archive's, whatever the layers are compressed with", async () => {
    vi.stubEnv("DOCKER_HOST", dockerHost());
    const engines = await openImage({ kind: "image", engine: "docker", image, text: `docker:${image}` });
    opened.push(engines);
    const expected = everything(engines);
    expect(expected.length).toBeGreaterThan(300);
    expect(everything(await open(`${plain.host}/team/busybox:1`))).toEqual(expected);
    const layout = join(folder, "zstd");
    execFileSync("skopeo", [
      "copy",
      "-q",
      "--dest-compress",
      "--dest-compress-format=zstd",
      `docker-archive:${join(folder, "busybox.tar")}`,
      `oci:${layout}:z`,
    ]);
    push(`oci:${layout}:z`, "team/busybox:zstd");
    const zstd = await open(`${plain.host}/team/busybox:zstd`);
    expect(everything(zstd)).toEqual(expected);
    expect(everything(await open(`${plain.host}/team/busybox@${zstd.digest}`))).toEqual(expected);
    const archive = {
      kind: "stored" as const,
      form: "docker-archive" as const,
      path: join(folder, "busybox.tar"),
      text: "a",
    };
    opened.push(await openImage(archive));
    expect(everything(opened.at(-1)!)).toEqual(expected);
  });

  test("the platform that is asked for", async () => {
    const one = imageOf([tarOf([file("for-amd64")])]);
    const other = imageOf([tarOf([file("for-arm64")])], { architecture: "arm64" });
    const index = jsonBlob(
      {
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [
          { ...one.manifest.descriptor, platform: { os: "linux", architecture: "amd64" } },
          { ...other.manifest.descriptor, platform: { os: "linux", architecture: "arm64", variant: "v8" } },
        ],
      },
      "application/vnd.oci.image.index.v1+json",
    );
    const layout = join(folder, "both");
    const named = { ...index.descriptor, annotations: { "org.opencontainers.image.ref.name": "both" } };
    writeFiles(layout, layoutFiles([named], [index, ...one.blobs, ...other.blobs]));
    push(`oci:${layout}:both`, "team/both:1", "--all");
    const { tree } = await open(`${plain.host}/team/both:1`, { platform: "linux/arm64" });
    expect(tree.list("/")).toEqual(["for-arm64"]);
    await expect(open(`${plain.host}/team/both:1`, { platform: "linux/riscv64" })).rejects.toMatchObject({
      code: "no-platform",
      message: matching(/linux\/amd64, linux\/arm64\/v8/),
    });
  });

  test("what is not there is told, with where it was looked for", async () => {
    await expect(open(`${plain.host}/team/nothing:1`)).rejects.toMatchObject({
      code: "no-image",
      message: matching(/has no team\/nothing:1: status 404/),
    });
    await expect(open("127.0.0.1:1/x")).rejects.toMatchObject({
      code: "registry-error",
      message: matching(/ECONNREFUSED/),
    });
  });

  test("TLS: its authority has to be known; Basic: the login has to be right", async () => {
    using registry = await startRegistry(folder, { tls: join(folder, "tls"), auth: "basic" });
    const reference = `${registry.host}/team/busybox:1`;
    makeCertificates(join(folder, "foreign"));
    const foreign = readFileSync(join(folder, "foreign/ca.crt"), "utf8");
    home({ [`certs.d/${registry.host}/ca.crt`]: foreign, "auth.json": login(registry.host) });
    await expect(open(reference)).rejects.toMatchObject({
      code: "registry-error",
      message: matching(/certificate/),
      hint: matching(/certs\.d/),
    });
    const certs = { [`certs.d/${registry.host}/ca.crt`]: ca() };
    home({ ...certs });
    await expect(open(reference)).rejects.toMatchObject({
      code: "registry-login",
      hint: matching(/docker login/),
    });
    home({ ...certs, "auth.json": login(registry.host, "wrong") });
    await expect(open(reference)).rejects.toMatchObject({ code: "registry-login" });
    home({ ...certs, "auth.json": login(registry.host) });
    expect((await open(reference)).tree.resolve("/bin/sh")).toBeDefined();
  });

  test("tokens: asked for what is read, with the login", async () => {
    using tokens = await startTokenServer(join(folder, "tls"));
    using registry = await startRegistry(folder, {
      tls: join(folder, "tls"),
      auth: { realm: `https://${tokens.host}/token` },
    });
    const reference = `${registry.host}/team/busybox:1`;
    home({ "auth.json": login(registry.host) });
    expect((await open(reference)).tree.resolve("/bin/sh")).toBeDefined();
    expect(tokens.scopes).toEqual(["repository:team/busybox:pull"]);
    home({});
    await expect(open(reference)).rejects.toMatchObject({
      code: "registry-login",
      message: matching(/who are you/),
    });
  });

  test("mirrors: the first that has it, and the registry itself where none does", async () => {
    const conf = (mirrors: string[]): string =>
      `[[registry]]\nprefix = "real.invalid/team"\nlocation = "${plain.host}/team"\n${mirrors.map((one) => `[[registry.mirror]]\nlocation = "${one}"\n`).join("")}`;
    home({ "registries.conf": conf(["127.0.0.1:1/team", `${plain.host}/elsewhere`]) });
    expect((await open("real.invalid/team/busybox:1")).tree.resolve("/bin/sh")).toBeDefined();
    await expect(open("real.invalid/team/nothing")).rejects.toMatchObject({
      code: "no-image",
      message: matching(/127\.0\.0\.1:1: .*elsewhere\/nothing.*team\/nothing/),
    });
  });

  test("a download that breaks off goes on where it ended", async () => {
    using breaker = await startBreaker(plain.host, 5000);
    const { tree } = await open(`${breaker.host}/team/busybox:1`);
    expect(tree.resolve("/bin/sh")).toBeDefined();
    expect(breaker.ranges.length).toBeGreaterThan(0);
    expect(breaker.ranges.every((range) => /^bytes=[1-9]\d*-$/.test(range))).toBe(true);
  });

  test("bytes that the registry changed are not used", async () => {
    const own = imageOf([tarOf([file("etc/motd", "as it was pushed".repeat(100))])]);
    const layout = join(folder, "tampered");
    const named = { ...own.manifest.descriptor, annotations: { "org.opencontainers.image.ref.name": "t" } };
    writeFiles(layout, layoutFiles([named], own.blobs));
    push(`oci:${layout}:t`, "team/tampered:1");
    const { digest } = own.layers[0]!.descriptor;
    const hex = digest.slice("sha256:".length);
    const data = join(folder, "images/docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
    const bytes = readFileSync(data);
    bytes[bytes.length - 1] = bytes.at(-1)! ^ 1;
    writeFileSync(data, bytes);
    await expect(open(`${plain.host}/team/tampered:1`)).rejects.toMatchObject({
      code: matching(/^(wrong-digest|bad-compression)$/),
    });
    expect(readdirSync(folder)).toContain("tampered");
  });
});
