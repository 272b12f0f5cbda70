/** Programs that read a text for the shell. */
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
