/** Programs and builtins that read a script. */
export const SHELLS = /^(sh|bash|rbash|dash|ash|ksh\d*|mksh|zsh|busybox|execlineb)$/;
/** Programs that run a text in a language of their own, given as a file. */
export const INTERPRETERS =
  /^(python|pypy|perl|ruby|node|nodejs|php|lua|tclsh|wish|java|deno|bun|guile|Rscript)[\d.]*$/;

/** What a shell does itself, of what has a program of the same name. */
export const BUILTINS = new Set(
  "[ [[ : test echo printf kill pwd true false read cd pushd popd exec eval set unset export local shift trap return exit source . wait umask ulimit type command builtin alias unalias times getopts hash let declare typeset readonly break continue jobs fg bg disown shopt enable mapfile readarray compgen complete caller dirs history logout suspend".split(
    " ",
  ),
);

/** Commands that run the command in their arguments, and how many of their own words come first, options aside. */
export const WRAPPERS = new Map<string, number>([
  ...[
    "exec",
    "command",
    "builtin",
    "nohup",
    "nice",
    "ionice",
    "env",
    "setsid",
    "setpriv",
    "stdbuf",
    "time",
    "tini",
  ].map((name): [string, number] => [name, 0]),
  ...["dumb-init", "catatonit", "xargs", "sudo", "doas", "unshare", "eval", "capsh", "catchsegv"].map(
    (name): [string, number] => [name, 0],
  ),
  ...[
    "gosu",
    "su-exec",
    "setuidgid",
    "s6-setuidgid",
    "chpst",
    "timeout",
    "flock",
    "chroot",
    "runuser",
    "taskset",
  ].map((name): [string, number] => [name, 1]),
]);

/** Folders whose every file is not meant by naming the folder. */
export const COMMON_FOLDERS =
  /^(\/|\/(usr|bin|sbin|lib\w*|etc|var|tmp|proc|sys|dev|run|home|root|opt|srv|mnt|usr\/(bin|sbin|lib\w*|share|local)|usr\/local\/(bin|sbin|lib|share)|var\/(lib|log|run|cache|www)|etc\/\w+))$/;

/** Arguments of interpreters that are no scripts. */
export const SETTINGS = /\.(ini|conf|cfg|cnf|json|ya?ml|toml|xml|properties|txt|pem|crt|key)$/;
