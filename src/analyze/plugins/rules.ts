import type { ModuleSettings } from "./configured.ts";

/** Which programs load modules, and from where. */
export interface Rule {
  /** The program's file name, or a library that it is loaded with. */
  program?: RegExp;
  library?: RegExp;
  /** Folders of modules; a * is any part of one name, ** all folders below, @ the folder above the program's own. */
  folders: readonly string[];
  /** Variables of the environment that name more folders, apart by colons; * is put behind each. */
  variables?: Readonly<Record<string, string>>;
  /** Below the working folder and the folder of the script. */
  near?: readonly string[];
  /** Files of settings, in which a module may be named by its whole path; without, those of `configured`. */
  settings?: readonly string[];
  /** How its configuration names the modules that are loaded; without, all that are found may be. */
  configured?: ModuleSettings;
  /** File names of modules. */
  files: RegExp;
  what: string;
}

const NGINX: ModuleSettings = {
  files: ["/etc/nginx/**", "/usr/local/nginx/conf/**"],
  name: /^\s*load_module\s+["']?([^"';\s]+)/g,
  options: ["-c"],
};
const APACHE: ModuleSettings = {
  files: ["/etc/apache2/**", "/etc/httpd/**", "/usr/local/apache2/conf/**"],
  name: /^\s*LoadModule\s+\S+\s+["']?([^"'\s]+)/gi,
  options: ["-f"],
};
const LIGHTTPD: ModuleSettings = {
  files: ["/etc/lighttpd/**"],
  name: /["'](mod_\w+)["']/g,
  options: ["-f"],
  // configfile.c, config_insert: the server adds these itself.
  always: ["mod_indexfile", "mod_dirlisting", "mod_staticfile", "mod_h2"],
};
const PHP: ModuleSettings = {
  files: ["/etc/php/**", "/usr/local/etc/php/**", "/etc/php*/**"],
  name: /^\s*(?:zend_)?extension\s*=\s*["']?([^"';\s]+)/g,
  options: ["-c"],
};
const PAM: ModuleSettings = {
  files: ["/etc/pam.d/**", "/usr/lib/pam.d/**"],
  name: /\b(pam_\w+\.so)\b/g,
};

const SHARED = /\.so(\.\d+)*$/;

/**
 * Where well-known programs load modules from. All modules there count, for which are configured may change without the
 * image; the assumption `configured-modules` takes the image's configuration for what it is.
 */
export const RULES: readonly Rule[] = [
  {
    program: /^(nginx|openresty|angie|freenginx)/,
    folders: [
      "/usr/lib/nginx/modules",
      "/usr/share/nginx/modules",
      "/usr/lib64/nginx/modules",
      "/etc/nginx/modules",
      "/usr/local/nginx/modules",
    ],
    files: SHARED,
    configured: NGINX,
    what: "nginx modules",
  },
  {
    program: /^(apache2|httpd)/,
    folders: [
      "/usr/lib/apache2/modules",
      "/usr/lib64/httpd/modules",
      "/usr/local/apache2/modules",
      "/usr/lib/apache2",
    ],
    files: SHARED,
    configured: APACHE,
    what: "Apache modules",
  },
  {
    program: /^lighttpd/,
    folders: ["/usr/lib/lighttpd", "/usr/lib64/lighttpd", "/usr/lib/*/lighttpd"],
    files: SHARED,
    configured: LIGHTTPD,
    what: "lighttpd modules",
  },
  {
    program: /^php/,
    folders: [
      "@/lib/php/**",
      "/usr/lib/php/*",
      "/usr/local/lib/php/extensions/*",
      "/usr/lib/php*/modules",
      "/usr/lib64/php/modules",
    ],
    files: SHARED,
    configured: PHP,
    what: "PHP extensions",
  },
  {
    library: /^libphp/,
    folders: [
      "/usr/lib/php/*",
      "/usr/local/lib/php/extensions/*",
      "/usr/lib/php*/modules",
      "/usr/lib64/php/modules",
    ],
    files: SHARED,
    configured: PHP,
    what: "PHP extensions",
  },
  {
    program: /^(python|pypy|uwsgi)/,
    library: /^libpython3/,
    variables: { PYTHONPATH: "/**", VIRTUAL_ENV: "/lib/python3*/**", PYTHONHOME: "/lib/python3*/**" },
    near: ["**"],
    folders: [
      "@/lib/python3*/**",
      "/usr/lib/python3*/lib-dynload",
      "/usr/lib/python3/dist-packages/**",
      "/usr/local/lib/python3*/**",
      "/opt/*/lib/python3*/**",
      "/venv/**",
      "/app/**/site-packages/**",
    ],
    files: SHARED,
    what: "Python's native extensions",
  },
  {
    program: /^(node|nodejs|bun|deno)/,
    library: /^libnode\.so/,
    variables: { NODE_PATH: "/**" },
    near: ["**"],
    folders: [
      "@/lib/node_modules/**",
      "/usr/lib/node_modules/**",
      "/usr/local/lib/node_modules/**",
      "/app/node_modules/**",
      "/usr/src/app/node_modules/**",
      "/home/*/node_modules/**",
      "/opt/**/node_modules/**",
      "/usr/share/nodejs/**",
    ],
    files: /\.node$/,
    what: "Node's native extensions",
  },
  {
    program: /^perl/,
    library: /^libperl\.so/,
    variables: { PERL5LIB: "/**", PERLLIB: "/**" },
    near: ["lib/**", "local/lib/**", "blib/**"],
    folders: [
      "@/lib/perl5/**",
      "/usr/lib/*/perl/**",
      "/usr/lib/*/perl-base/**",
      "/usr/lib/*/perl5/**",
      "/usr/local/lib/*/perl/**",
      "/usr/local/lib/perl5/**",
    ],
    files: SHARED,
    what: "Perl's native extensions",
  },
  {
    program: /^(ruby|irb|rake|puma)/,
    library: /^libruby/,
    variables: { RUBYLIB: "/**", GEM_HOME: "/**", GEM_PATH: "/**", BUNDLE_PATH: "/**" },
    near: ["**"],
    folders: [
      "@/lib/ruby/**",
      "/usr/lib/*/ruby/**",
      "/usr/lib/ruby/**",
      "/usr/local/lib/ruby/**",
      "/var/lib/gems/**",
      "/usr/local/bundle/**",
    ],
    files: SHARED,
    what: "Ruby's native extensions",
  },
  {
    program: /^java$/,
    library: /^libj(li|vm)\.so/,
    folders: ["@/lib/**", "/usr/lib/jvm/*/lib/**", "/opt/*/lib/**"],
    files: SHARED,
    what: "the Java runtime's libraries",
  },
  {
    program: /^(postgres|postmaster)$/,
    folders: ["@/lib", "/usr/lib/postgresql/*/lib", "/usr/local/lib/postgresql"],
    files: SHARED,
    what: "PostgreSQL's extensions",
  },
  {
    program: /^(mariadbd|mysqld)/,
    folders: [
      "/usr/lib/mysql/plugin",
      "/usr/lib/*/mariadb*/plugin",
      "/usr/lib64/mysql/plugin",
      "/usr/lib/mysql/*/plugin",
    ],
    files: SHARED,
    settings: ["/etc/mysql/**", "/etc/my.cnf", "/etc/my.cnf.d/**"],
    what: "MariaDB's plugins",
  },
  {
    program: /^(redis|valkey)-(server|check-rdb|check-aof|sentinel)/,
    folders: ["/usr/lib/redis/modules", "/usr/local/lib/redis/modules"],
    files: SHARED,
    settings: ["/etc/redis/**", "/usr/local/etc/redis/**", "/etc/redis.conf"],
    what: "Redis modules",
  },
  {
    library: /^libpam\.so/,
    folders: ["/lib/*/security", "/usr/lib/*/security", "/lib/security", "/usr/lib64/security"],
    files: SHARED,
    configured: PAM,
    what: "PAM modules",
  },
  {
    library: /^libsasl2\.so/,
    folders: ["/usr/lib/*/sasl2", "/usr/lib/sasl2", "/usr/lib64/sasl2"],
    files: SHARED,
    what: "SASL mechanisms",
  },
  {
    library: /^libcrypto\.so/,
    folders: [
      "/usr/lib/*/ossl-modules",
      "/usr/lib/ossl-modules",
      "/usr/lib64/ossl-modules",
      "/usr/lib/*/engines-*",
    ],
    files: SHARED,
    what: "OpenSSL's providers and engines",
  },
  {
    library: /^libkrb5\.so/,
    folders: ["/usr/lib/*/krb5/plugins/**"],
    files: SHARED,
    what: "Kerberos plugins",
  },
  {
    library: /^lib(mariadb|mysqlclient)\.so/,
    folders: [
      "/usr/lib/*/libmariadb*/plugin",
      "/usr/lib/*/mariadb*/plugin",
      "/usr/lib/mysql/plugin",
      "/usr/lib64/mysql/plugin",
      "/usr/lib/*/mysql/plugin",
      "/usr/lib/mariadb/plugin",
    ],
    files: SHARED,
    what: "the MariaDB client's plugins",
  },
  {
    library: /^libaprutil-1\.so/,
    folders: [
      "/usr/lib/*/apr-util-1",
      "/usr/lib64/apr-util-1",
      "/usr/local/apr/lib/apr-util-1",
      "/usr/lib/apr-util-1",
    ],
    files: SHARED,
    what: "APR's drivers",
  },
  {
    library: /^lib(odbc|iodbc)\.so/,
    folders: ["/usr/lib/*/odbc", "/usr/lib64/odbc"],
    files: SHARED,
    what: "ODBC's drivers",
  },
  {
    library: /^libgio-2\.0\.so/,
    folders: ["/usr/lib/*/gio/modules", "/usr/lib64/gio/modules", "/usr/lib/gio/modules"],
    files: SHARED,
    what: "GIO's modules",
  },
  {
    library: /^libgdk_pixbuf-2\.0\.so/,
    folders: ["/usr/lib/*/gdk-pixbuf-2.0/**", "/usr/lib/gdk-pixbuf-2.0/**"],
    files: SHARED,
    what: "image loaders",
  },
  {
    library: /^lib(p11-kit|gnutls)\.so/,
    folders: ["/usr/lib/*/pkcs11", "/usr/lib64/pkcs11", "/usr/lib/pkcs11"],
    files: SHARED,
    what: "PKCS #11 modules",
  },
  {
    library: /^libgssapi_krb5\.so/,
    folders: ["/usr/lib/*/gss", "/usr/lib64/gssproxy"],
    files: SHARED,
    what: "GSSAPI mechanisms",
  },
  {
    library: /^libMagick(Core|Wand)/,
    folders: ["/usr/lib/*/ImageMagick-*/**", "/usr/lib/ImageMagick-*/**"],
    files: SHARED,
    what: "ImageMagick's coders",
  },
  {
    library: /^libibverbs\.so/,
    folders: ["/usr/lib/*/libibverbs", "/usr/lib64/libibverbs"],
    files: SHARED,
    what: "InfiniBand's drivers",
  },
  {
    library: /^libxtables\.so/,
    folders: ["/usr/lib/*/xtables", "/usr/lib64/xtables", "/usr/lib/xtables"],
    files: SHARED,
    what: "iptables' extensions",
  },
  {
    library: /^lib(GL|EGL|gbm|GLX)\w*\.so/,
    folders: ["/usr/lib/*/dri", "/usr/lib64/dri", "/usr/lib/dri", "/usr/lib/*/gbm"],
    files: SHARED,
    what: "graphics drivers",
  },
  { library: /^libasound\.so/, folders: ["/usr/lib/*/alsa-lib"], files: SHARED, what: "ALSA's plugins" },
  {
    library: /^liblua(jit)?[-\d.]*\.so/,
    folders: ["/usr/lib/*/lua/**", "/usr/local/lib/lua/**", "/usr/lib/lua/**"],
    files: SHARED,
    what: "Lua's native modules",
  },
  { library: /^libtcl/, folders: ["/usr/lib/tcltk/**"], files: SHARED, what: "Tcl's packages" },
  {
    program: /^sudo(edit)?$/,
    folders: ["/usr/libexec/sudo", "/usr/lib/sudo"],
    files: SHARED,
    what: "sudo's plugins",
  },
  {
    program: /^slapd$/,
    folders: ["/usr/lib/ldap", "/usr/libexec/openldap", "/usr/lib/openldap"],
    files: SHARED,
    what: "OpenLDAP's backends",
  },
  {
    program: /^rsyslogd$/,
    folders: ["/usr/lib/*/rsyslog", "/usr/lib64/rsyslog", "/usr/lib/rsyslog"],
    files: SHARED,
    what: "rsyslog's modules",
  },
  {
    program: /^(uwsgi)/,
    folders: ["/usr/lib/uwsgi/plugins", "/usr/lib/uwsgi"],
    files: SHARED,
    what: "uWSGI's plugins",
  },
  {
    program: /^varnishd$/,
    folders: ["/usr/lib/*/varnish/vmods", "/usr/lib/varnish/vmods"],
    files: SHARED,
    what: "Varnish's modules",
  },
  {
    program: /^(dovecot|imap|pop3|auth|lmtp|lda|config|doveconf)/,
    folders: ["/usr/lib/dovecot/**"],
    files: SHARED,
    what: "Dovecot's modules",
  },
  {
    program: /^(master|postfix|smtpd?|cleanup|qmgr|proxymap|postmap)$/,
    folders: ["/usr/lib/postfix/**"],
    files: SHARED,
    what: "Postfix's maps",
  },
  {
    program: /^named$/,
    folders: ["/usr/lib/*/bind", "/usr/lib/bind"],
    files: SHARED,
    what: "BIND's plugins",
  },
  {
    program: /^(beam|erlexec)/,
    folders: ["/usr/lib/erlang/lib/**", "/usr/local/lib/erlang/lib/**", "/opt/**/priv/**"],
    files: SHARED,
    what: "Erlang's native functions",
  },
  { program: /^collectd$/, folders: ["/usr/lib/collectd"], files: SHARED, what: "collectd's plugins" },
  { program: /^(g|m)?awk$/, folders: ["/usr/lib/*/gawk"], files: SHARED, what: "gawk's extensions" },
  {
    program: /^bash$/,
    folders: ["/usr/lib/bash", "/usr/local/lib/bash"],
    files: SHARED,
    what: "bash's loadable builtins",
  },
  {
    program: /^lua/,
    folders: ["/usr/lib/*/lua/**", "/usr/local/lib/lua/**", "/usr/lib/lua/**"],
    files: SHARED,
    what: "Lua's native modules",
  },
  {
    program: /^(smbd|nmbd|winbindd|samba|net)$/,
    folders: ["/usr/lib/*/samba/**"],
    files: SHARED,
    what: "Samba's modules",
  },
];
