import { test as property } from "@fast-check/vitest";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryTree } from "../../../test/support/memory-tree.ts";
import { findModules, gconvModules, matchLibraryPattern, nssModules } from "./index.ts";

const LIB = "/usr/lib/x86_64-linux-gnu";

describe("nssModules", () => {
  const modules = { [`${LIB}/libnss_systemd.so.2`]: "", [`${LIB}/libnss_myhostname.so.2`]: "" };
  it("takes those that nsswitch.conf names and the target has", () => {
    const text =
      "passwd: files systemd\ngroup: files systemd # all\nhosts: files mymachines [!UNAVAIL=return] myhostname dns\n";
    const found = nssModules(memoryTree({ ...modules, "/etc/nsswitch.conf": text }));
    expect(found).toEqual([
      { path: `${LIB}/libnss_systemd.so.2`, via: "nss", reason: "nsswitch.conf: passwd, group: systemd" },
      { path: `${LIB}/libnss_myhostname.so.2`, via: "nss", reason: "nsswitch.conf: hosts: myhostname" },
    ]);
  });
  it("goes by the C library's own choice without one", () => {
    expect(nssModules(memoryTree(modules))).toEqual([]);
  });
  property.prop([fc.string()])("reads any text", (text) => {
    expect(Array.isArray(nssModules(memoryTree({ ...modules, "/etc/nsswitch.conf": text })))).toBe(true);
  });
});

it("finds converters", () => {
  const tree = memoryTree({ [`${LIB}/gconv/UTF-16.so`]: "", [`${LIB}/gconv/gconv-modules`]: "" });
  expect(gconvModules(tree).map(({ path }) => path)).toEqual([`${LIB}/gconv/UTF-16.so`]);
});

describe("matchLibraryPattern", () => {
  const tree = memoryTree({
    "/usr/lib/x/auth_plain.so": "",
    "/usr/lib/x/auth_x.so.2": "",
    "/usr/lib/libmod_a.so": "",
    "/usr/lib/libc.so.6": "",
  });
  it("takes the files that printf could name", () => {
    expect(matchLibraryPattern(tree, "/usr/lib/x/auth_%s.so", [])).toEqual(["/usr/lib/x/auth_plain.so"]);
    expect(matchLibraryPattern(tree, "libmod_%s.so", ["/usr/lib"])).toEqual(["/usr/lib/libmod_a.so"]);
  });
  it("takes none for a pattern that says nothing", () => {
    expect(matchLibraryPattern(tree, "lib%s.so", ["/usr/lib"])).toEqual([]);
    expect(matchLibraryPattern(tree, "%s/%s.so", ["/usr/lib"])).toEqual([]);
  });
});

it("a pattern is matched in little time, whatever it is", () => {
  const name = `${"a".repeat(200)}.so`;
  const tree = memoryTree({ [`/x/${name}`]: "", "/x/mod_12_b.so": "", "/x/mod_.so": "" });
  expect(matchLibraryPattern(tree, `/x/${"%sa".repeat(60)}b`, [])).toEqual([]);
  expect(matchLibraryPattern(tree, "/x/mod_%-2ld_%.*s.so", [])).toEqual(["/x/mod_12_b.so"]);
  expect(matchLibraryPattern(tree, "/x/%s.so", [])).toHaveLength(3);
});

describe("modules that a configuration names", () => {
  const configured = (
    files: Record<string, string | { link: string }>,
    path: string,
    needed: string[] = [],
    argv?: string[],
  ) =>
    findModules(memoryTree(files), { path, needed, ...(argv && { argv }) })
      .modules.filter(({ isConfigured }) => isConfigured !== false)
      .map((module) => module.path)
      .sort();

  it("nginx: by load_module, in the folders in use and in the file that -c names", () => {
    const modules = {
      "/usr/lib/nginx/modules/a.so": "",
      "/usr/lib/nginx/modules/b.so": "",
      "/usr/lib/nginx/modules/c.so": "",
    };
    const files = {
      ...modules,
      "/etc/nginx/nginx.conf": "include modules-enabled/*.conf;\n# load_module modules/c.so;\n",
      "/etc/nginx/modules-enabled/50-a.conf": { link: "/usr/share/nginx/modules-available/a.conf" },
      "/usr/share/nginx/modules-available/a.conf": "load_module modules/a.so;\n",
      "/etc/nginx/modules-available/c.conf": "load_module modules/c.so;\n",
      "/srv/own.conf": 'load_module "/usr/lib/nginx/modules/b.so";\n',
    };
    expect(configured(files, "/usr/sbin/nginx")).toEqual(["/usr/lib/nginx/modules/a.so"]);
    expect(configured(files, "/usr/sbin/nginx", [], ["nginx", "-c", "/srv/own.conf"])).toEqual([
      "/usr/lib/nginx/modules/a.so",
      "/usr/lib/nginx/modules/b.so",
    ]);
    // Without any configuration nothing is known.
    expect(configured(modules, "/usr/sbin/nginx")).toHaveLength(3);
  });

  it("Apache, lighttpd, PHP and PAM, each in its own words", () => {
    expect(
      configured(
        {
          "/usr/lib/apache2/modules/mod_mime.so": "",
          "/usr/lib/apache2/modules/mod_lua.so": "",
          "/etc/apache2/mods-available/lua.load":
            "LoadModule lua_module /usr/lib/apache2/modules/mod_lua.so\n",
          "/etc/apache2/mods-enabled/mime.load":
            "LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so\n",
        },
        "/usr/sbin/apache2",
      ),
    ).toEqual(["/usr/lib/apache2/modules/mod_mime.so"]);
    expect(
      configured(
        {
          "/usr/lib/lighttpd/mod_cgi.so": "",
          "/usr/lib/lighttpd/mod_staticfile.so": "",
          "/usr/lib/lighttpd/mod_webdav.so": "",
          "/etc/lighttpd/lighttpd.conf": 'server.modules = ( "mod_cgi" ) # and no "more"\n',
        },
        "/usr/sbin/lighttpd",
      ),
    ).toEqual(["/usr/lib/lighttpd/mod_cgi.so", "/usr/lib/lighttpd/mod_staticfile.so"]);
    expect(
      configured(
        {
          "/usr/lib/php/20220829/opcache.so": "",
          "/usr/lib/php/20220829/ffi.so": "",
          "/usr/lib/php/20220829/curl.so": "",
          "/etc/php/8.2/mods-available/ffi.ini": "extension=ffi.so\n",
          "/etc/php/8.2/mods-available/opcache.ini": "zend_extension=opcache.so\n",
          "/etc/php/8.2/fpm/conf.d/10-opcache.ini": { link: "/etc/php/8.2/mods-available/opcache.ini" },
          "/etc/php/8.2/fpm/conf.d/20-curl.ini": "extension=curl\n;extension=ffi\n",
        },
        "/usr/sbin/php-fpm8.2",
      ),
    ).toEqual(["/usr/lib/php/20220829/curl.so", "/usr/lib/php/20220829/opcache.so"]);
    expect(
      configured(
        {
          [`${LIB}/security/pam_unix.so`]: "",
          [`${LIB}/security/pam_ftp.so`]: "",
          "/etc/pam.d/common-auth": "auth [success=1 default=ignore] pam_unix.so nullok\n",
        },
        "/usr/bin/su",
        ["libpam.so.0"],
      ),
    ).toEqual([`${LIB}/security/pam_unix.so`]);
  });
});

describe("findModules", () => {
  it("knows the folders of well-known programs, and those beside the program", () => {
    const tree = memoryTree({
      "/usr/lib/nginx/modules/a.so": "",
      "/usr/lib/nginx/modules/readme": "",
      "/opt/py/lib/python3.11/lib-dynload/_ssl.cpython-311.so": "",
      "/opt/py/lib/python3.11/json/__init__.py": "",
    });
    expect(findModules(tree, { path: "/usr/sbin/nginx", needed: [] }).modules).toMatchObject([
      { path: "/usr/lib/nginx/modules/a.so", via: "dlopen" },
    ]);
    expect(findModules(tree, { path: "/opt/py/bin/python3.11", needed: [] }).modules).toMatchObject([
      { path: "/opt/py/lib/python3.11/lib-dynload/_ssl.cpython-311.so" },
    ]);
    expect(findModules(tree, { path: "/usr/bin/other", needed: [] }).modules).toEqual([]);
  });
  it("goes by the libraries in use", () => {
    const tree = memoryTree({ [`/lib/x86_64-linux-gnu/security/pam_unix.so`]: "" });
    expect(findModules(tree, { path: "/usr/bin/login", needed: ["libpam.so.0"] }).modules).toHaveLength(1);
  });
  it("looks below the working folder, the script's folder and what the environment names", () => {
    const tree = memoryTree({
      "/app/node_modules/a/build/a.node": "",
      "/srv/web/node_modules/b/b.node": "",
      "/extra/c/c.node": "",
      "/other/d.node": "",
    });
    const query = {
      path: "/usr/bin/node",
      needed: [],
      argv: ["node", "/srv/web/main.js"],
      cwd: "/app",
      env: ["NODE_PATH=/extra"],
    };
    expect(
      findModules(tree, query)
        .modules.map(({ path }) => path)
        .sort(),
    ).toEqual(["/app/node_modules/a/build/a.node", "/extra/c/c.node", "/srv/web/node_modules/b/b.node"]);
  });
  it("takes what settings name elsewhere, and what a module's kind loads in turn", () => {
    const tree = memoryTree({
      "/usr/lib/apache2/modules/libphp8.2.so": "",
      "/usr/lib/php/20220829/mysqli.so": "",
      "/opt/own/mod_own.so": "",
      "/etc/apache2/mods-enabled/own.load": 'LoadModule own_module "/opt/own/mod_own.so"\n',
    });
    const found = findModules(tree, { path: "/usr/sbin/apache2", needed: [] }).modules;
    expect(found.map(({ path }) => path).sort()).toEqual([
      "/opt/own/mod_own.so",
      "/usr/lib/apache2/modules/libphp8.2.so",
      "/usr/lib/php/20220829/mysqli.so",
    ]);
  });
  property.prop([fc.string(), fc.array(fc.string())])("reads any settings and words", (text, words) => {
    const tree = memoryTree({ "/etc/nginx/nginx.conf": text, "/usr/lib/nginx/modules/a.so": text });
    const query = { path: "/usr/sbin/nginx", needed: words, argv: words, cwd: text, env: words };
    expect(findModules(tree, query).modules.length).toBeGreaterThan(0);
  });
});
