import { describe, expect, it } from "vitest";
import type { OciSeccomp } from "../linux/index.ts";
import type { Profile } from "../profile/index.ts";
import { profileWith } from "../../test/support/profile-fixture.ts";
import {
  dockerConfinement,
  emitDocker,
  emitFormats,
  emitOci,
  emitSeccomp,
  emitters,
  localConfinement,
  stringifySeccomp,
} from "./index.ts";

const context = { seccompFile: "shop.seccomp.json" };
const filesystem = (members: Partial<Profile["filesystem"]>): Profile =>
  profileWith({ filesystem: { root: "read-only", read: [], write: [], execute: [], tmpfs: [], ...members } });

/** What comes of tables of calls and of runtimes, which change with their own versions, is left out. */
function golden(name: string, text: string): string {
  if (name === "oci") return text.replace(/"seccomp": \{.*?\n    \},/s, '"seccomp": "…",');
  if (name !== "seccomp") return text;
  return stringifySeccomp(emitSeccomp(profileWith({}), { runtimes: [] })).replaceAll(
    /("names": )\[\n[^\]]*\](,\n +"action": "SCMP_ACT_ERRNO")/g,
    '$1["…"]$2',
  );
}

describe("golden files", () => {
  it.each(emitFormats)("$name", async ({ name, emit }) => {
    const { text, warnings } = emit(profileWith({}), context);
    const file = `${golden(name, text)}\n--- warnings ---\n${warnings.join("\n")}\n`;
    await expect(file).toMatchFileSnapshot(`golden/shop.${name}.txt`);
    expect(emitters[name]!(profileWith({}), context).text).toBe(text);
  });
});

describe("docker", () => {
  it("says the same in words as the confinement is as a value", () => {
    const profile = profileWith({
      user: { uid: 1000, gid: 1000 },
      filesystem: { ...profileWith({}).filesystem, write: ["/data/"] },
    });
    const value = dockerConfinement(profile);
    expect(value.seccomp).toEqual(emitSeccomp(profile));
    expect(emitDocker(profile, context).args).toEqual([
      "--security-opt=seccomp=shop.seccomp.json",
      "--security-opt=no-new-privileges",
      "--cap-drop=ALL",
      "--cap-add=CHOWN",
      "--cap-add=SETUID",
      "--read-only",
      ...value.tmpfs.map((mount) => `--tmpfs=${mount}`),
      "--volume=/data",
      "--user=1000:1000",
    ]);
    // Where the image has the folder, runc gives its tmpfs root as owner.
    expect(value.tmpfs).toEqual([
      "/run:rw,nosuid,nodev,noexec,mode=1777,uid=1000,gid=1000",
      "/tmp:rw,nosuid,nodev,noexec,mode=1777,uid=1000,gid=1000",
    ]);
  });

  it("asks for no user but another than root", () => {
    expect(dockerConfinement(profileWith({ user: { uid: 0, gid: 0 } })).user).toBeUndefined();
    expect(dockerConfinement(profileWith({ user: { uid: 7 } })).user).toBe("7");
  });

  it("lets programs be executed from a tmpfs only where they were", () => {
    const { tmpfs } = dockerConfinement(
      filesystem({ tmpfs: ["/tmp/", "/run/"], execute: ["/tmp/build/a.out", "/runner"] }),
    );
    expect(tmpfs).toEqual(["/run:rw,nosuid,nodev,noexec,mode=1777", "/tmp:rw,nosuid,nodev,exec,mode=1777"]);
  });

  it("mounts each folder once, the outermost", () => {
    const { tmpfs, volumes, warnings } = dockerConfinement(
      filesystem({
        tmpfs: ["/run/", "/run/lock/", "/tmp"],
        write: ["/srv/", "/srv/a/", "/run/x", "/tmp/y/", "/tmpfiles/"],
      }),
    );
    expect(tmpfs.map((mount) => mount.split(":")[0])).toEqual(["/run", "/tmp"]);
    expect(volumes).toEqual(["/srv", "/tmpfiles"]);
    expect(warnings).toEqual([]);
  });

  it("says what it makes writable beyond what was asked for, and what not at all", () => {
    const { volumes, warnings } = dockerConfinement(
      filesystem({
        write: [
          "/dev/null",
          "/proc/self/oom_score_adj",
          "/etc/passwd",
          "/file",
          "/srv/db",
          "/sys/power/state",
          "/proc/sys/vm/x",
        ],
      }),
    );
    expect(volumes).toEqual(["/srv"]);
    expect(warnings).toMatchInlineSnapshot(`
      [
        "/etc/passwd is written, but a volume for it would be all of /etc/: mount that path by itself, or make the root writable",
        "/file is written, but a volume for it would be all of /: mount that path by itself, or make the root writable",
        "/sys/power/state is written, but containers have it read-only, unless they are privileged",
        "/proc/sys/vm/x is written, but containers have it read-only, unless they are privileged",
        "/srv/db is one file; its volume makes all of /srv/ writable",
      ]
    `);
  });

  it("mounts nothing for writes under a writable root", () => {
    const { volumes, readOnlyRoot } = dockerConfinement(filesystem({ root: "writable", write: ["/srv/"] }));
    expect({ volumes, readOnlyRoot }).toEqual({ volumes: [], readOnlyRoot: false });
    expect(emitDocker(filesystem({ root: "writable" }), context).args).not.toContain("--read-only");
  });

  it("quotes what a shell would take apart, and warns that it had to", () => {
    const { text, warnings } = emitDocker(filesystem({ write: ["/srv/it's here/"] }), {
      seccompFile: "a b.json",
    });
    expect(text).toContain("'--security-opt=seccomp=a b.json'\n");
    expect(text).toContain(`'--volume=/srv/it'\\''s here'\n`);
    expect(warnings).toContainEqual(expect.stringContaining("some options are quoted"));
    const colon = emitDocker(filesystem({ write: ["/srv/a:b/"], tmpfs: ["/tmp/"] }), context);
    expect(colon.warnings.filter((text) => text.includes("colon"))).toEqual([
      "/srv/a:b has a colon, which engines take for the end of a path",
    ]);
  });

  it("keeps nothing back that the profile does not know or that options cannot hold", () => {
    const { warnings } = emitDocker(
      profileWith({ incomplete: ["3 file names were lost"], isolation: "vm", user: { uid: 5 } }),
      context,
    );
    expect(warnings).toMatchInlineSnapshot(`
      [
        "/var/log/shop/access.log is one file; its volume makes all of /var/log/shop/ writable",
        "which files are read is not held by these options: the image decides what there is",
        "which programs are executed is not held by these options: AppArmor and SELinux can",
        "which ports and hosts are used is not held by these options: publish only the ports you want, use an internal network",
        "isolation 'vm' needs another runtime (gVisor, a VM): not chosen by these options",
        "user 5 is not root and gains nothing by executing: only ambient capabilities would reach the program, which run options do not give",
        "the profile is incomplete: 3 file names were lost",
      ]
    `);
  });
});

describe("oci", () => {
  it("keeps capabilities over execve for a user who is not root, and only then", () => {
    const kept = (user: Profile["user"]): unknown =>
      (emitOci(profileWith({ user })).value as { process: { capabilities: { ambient: string[] } } }).process
        .capabilities.ambient;
    expect(kept({})).toEqual([]);
    expect(kept({ uid: 0, gid: 0 })).toEqual([]);
    expect(kept({ uid: 33, gid: 33 })).toEqual(["CAP_CHOWN", "CAP_SETUID"]);
  });

  it("is text for the same value", () => {
    const { value, text } = emitOci(profileWith({}));
    expect(JSON.parse(text)).toEqual(value);
    expect((value as { linux: { seccomp: OciSeccomp } }).linux.seccomp).toEqual(emitSeccomp(profileWith({})));
  });
});

describe("local", () => {
  it("holds a process with what it can take on itself", () => {
    const profile = profileWith({});
    const { seccomp, ...rest } = localConfinement(profile);
    expect(seccomp).toEqual(emitSeccomp(profile, { runtimes: ["local"] }));
    expect(rest).toMatchObject({
      capabilities: ["CAP_CHOWN", "CAP_SETUID"],
      noNewPrivileges: true,
      files: { read: ["/etc/shop/"], execute: ["/usr/bin/shop"], tmpfs: ["/run/", "/tmp/"] },
    });
  });
});
